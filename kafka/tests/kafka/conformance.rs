use std::sync::Arc;

use async_trait::async_trait;
use move37_eventlog::EventLog;
use move37_eventlog::conformance::Store;
use move37_events::Topic;
use move37_kafka::{KafkaLog, Membership, Settings};

use super::broker::Broker;

struct OnKafka(Settings);

#[async_trait]
impl Store for OnKafka {
    async fn fresh() -> Self {
        let all: Vec<_> = Topic::all().collect();
        OnKafka(Broker::shared().await.with_topics(&all).await)
    }

    async fn open(&self) -> Arc<dyn EventLog> {
        Arc::new(KafkaLog::connect(self.0.clone()).await.unwrap())
    }
}

move37_eventlog::conformance_suite!(OnKafka);

/// The same with the newer group protocol, as far as ownership goes.
struct WithConsumerGroups(OnKafka);

#[async_trait]
impl Store for WithConsumerGroups {
    async fn fresh() -> Self {
        let mut store = OnKafka::fresh().await;
        store.0.membership = Membership::Consumer;
        WithConsumerGroups(store)
    }

    async fn open(&self) -> Arc<dyn EventLog> {
        self.0.open().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_owner_gains_every_partition_by_kip_848() {
    move37_eventlog::conformance::the_only_owner_gains_every_partition::<WithConsumerGroups>().await;
}
