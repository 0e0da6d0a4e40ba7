//! Ownership: a consumer group on the service's own topic, used for membership alone.
//!
//! A thread polls the group's consumer without reading anything. The group's callbacks become messages; a revoked
//! partition is given away when its loss is answered, or when the patience for that is over: the law that the first
//! record of a place wins holds in either case.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use move37_eventlog::{Change, Error, Ownership, Release};
use move37_events::Topic;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, TopicPartitionList};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use crate::client::trace_log;
use crate::error::translate;
use crate::settings::Settings;

/// How soon a member that is dropped leaves.
const TICK: Duration = Duration::from_millis(100);

/// Membership in the group of a topic's owners.
pub(crate) struct KafkaOwnership {
    log: String,
    changes: mpsc::UnboundedReceiver<Result<Change, Error>>,
    left: Arc<AtomicBool>,
}

impl KafkaOwnership {
    pub(crate) fn join(settings: Arc<Settings>, topic: Topic) -> Result<KafkaOwnership, Error> {
        let (sender, changes) = mpsc::unbounded_channel();
        let name = settings.topic(topic);
        let refused = |error: &KafkaError| translate(&settings, &name, error);
        let unable = |error: std::io::Error| Error::Unavailable { log: settings.name(), detail: error.to_string() };
        let waiting = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(unable)?;
        let context = Member { changes: sender, waiting, patience: settings.release };
        let consumer: BaseConsumer<Member> =
            settings.owner(topic).create_with_context(context).map_err(|error| refused(&error))?;
        consumer.subscribe(&[&name]).map_err(|error| refused(&error))?;
        let left = Arc::new(AtomicBool::new(false));
        let ownership = KafkaOwnership { log: settings.name(), changes, left: Arc::clone(&left) };
        let thread = std::thread::Builder::new().name(format!("owners of {topic}"));
        let (settings, name) = (Arc::clone(&settings), name.clone());
        let log = settings.name();
        let unable = |error: std::io::Error| Error::Unavailable { log, detail: error.to_string() };
        thread.spawn(move || stay(&consumer, &settings, &name, &left)).map_err(unable)?;
        Ok(ownership)
    }
}

#[async_trait]
impl Ownership for KafkaOwnership {
    async fn next(&mut self) -> Result<Change, Error> {
        let change = self.changes.recv().await;
        change.unwrap_or_else(|| Err(Error::Closed { log: self.log.clone() }))
    }
}

impl Drop for KafkaOwnership {
    fn drop(&mut self) {
        self.left.store(true, Ordering::Relaxed);
    }
}

/// Poll until the membership is dropped or lost for good; the consumer leaves its group when it is dropped.
fn stay(consumer: &BaseConsumer<Member>, settings: &Settings, topic: &str, left: &AtomicBool) {
    while !left.load(Ordering::Relaxed) {
        // Records are never asked for: partitions are paused as they come.
        let Some(Err(error)) = consumer.poll(TICK) else { continue };
        let lost = translate(settings, topic, &error);
        if consumer.client().fatal_error().is_some() || matches!(lost, Error::Forbidden { .. } | Error::NoTopic { .. })
        {
            // Nobody hears it where the ownership is dropped already.
            let _ = consumer.context().changes.send(Err(lost));
            return;
        }
        debug!(%error, topic, "membership waits for a broker");
    }
}

/// A member of the group.
struct Member {
    changes: mpsc::UnboundedSender<Result<Change, Error>>,
    /// For waiting with a limit, on the polling thread.
    waiting: Runtime,
    patience: Duration,
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        trace_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "a client of Kafka reports");
    }
}

impl ConsumerContext for Member {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(partitions) = rebalance else { return };
        let partitions = numbers(partitions);
        if partitions.is_empty() {
            return;
        }
        let (release, released) = Release::new();
        if self.changes.send(Ok(Change::Lost(partitions.clone(), release))).is_err() {
            return;
        }
        let answer = self.waiting.block_on(async { tokio::time::timeout(self.patience, released).await });
        if answer.is_err() {
            warn!(?partitions, "partitions are given away though their owner has not let go");
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Assign(assigned) = rebalance else { return };
        if let Err(error) = consumer.pause(assigned) {
            debug!(%error, "partitions of a member cannot be paused");
        }
        let partitions = numbers(assigned);
        if !partitions.is_empty() {
            // Nobody hears it where the ownership is dropped already.
            let _ = self.changes.send(Ok(Change::Gained(partitions)));
        }
    }
}

fn numbers(partitions: &TopicPartitionList) -> Vec<u32> {
    partitions.elements().iter().map(|element| element.partition().cast_unsigned()).collect()
}
