//! Committed positions are there for Kafka's own tools.

use move37_eventlog::{EventLog, Position};
use move37_events::{Role, Topic};
use move37_kafka::KafkaLog;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::broker::Broker;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roles_positions_can_be_read_from_its_group_and_move_on() {
    let settings = Broker::shared().await.with_topics(&[Topic::Campaigns, Topic::Researcher]).await;
    let log = KafkaLog::connect(settings.clone()).await.unwrap();
    let at = |topic, partition, offset| Position { topic, partition, offset };
    log.commit(Role::Memory, vec![]).await.unwrap();
    log.commit(Role::Memory, vec![at(Topic::Campaigns, 3, 7), at(Topic::Researcher, 3, 1)]).await.unwrap();
    // A service that starts anew goes on in the same group.
    let log = KafkaLog::connect(settings.clone()).await.unwrap();
    log.commit(Role::Memory, vec![at(Topic::Campaigns, 3, 9), at(Topic::Campaigns, 4, 0)]).await.unwrap();

    let group = format!("{}move37.memory.inputs", settings.prefix);
    let read = move || {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &settings.bootstrap).set("group.id", group);
        let consumer: BaseConsumer = config.create().unwrap();
        let mut asked = TopicPartitionList::new();
        for (topic, partition) in
            [(Topic::Campaigns, 3), (Topic::Campaigns, 4), (Topic::Campaigns, 5), (Topic::Researcher, 3)]
        {
            asked.add_partition(&format!("{}{topic}", settings.prefix), partition);
        }
        let found = consumer.committed_offsets(asked, Duration::from_secs(30)).unwrap();
        found.elements().iter().map(|element| element.offset()).collect::<Vec<_>>()
    };
    let found = tokio::task::spawn_blocking(read).await.unwrap();
    assert_eq!(found, [Offset::Offset(9), Offset::Offset(0), Offset::Invalid, Offset::Offset(1)]);
}
