//! Notes of how far a role has dealt with its inputs, as positions of a consumer group that never has a member.
//!
//! Kafka's own tools show from them how far a service lags behind. Nothing starts from them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use move37_eventlog::{Error, Position};
use move37_events::Role;
use move37_events::documents::Resource;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tracing::debug;

use crate::client::trace_log;
use crate::error::{code, is_absence, translate};
use crate::settings::Settings;

/// How soon an answer is seen.
const TICK: Duration = Duration::from_millis(20);

/// Commits the positions of a role, one commit at a time.
#[derive(Clone)]
pub(crate) struct Committer {
    settings: Arc<Settings>,
    group: String,
    consumer: Arc<Mutex<BaseConsumer<Answers>>>,
}

impl Committer {
    pub(crate) fn new(settings: Arc<Settings>, role: Role) -> Result<Committer, Error> {
        let group = settings.resource(Resource::Inputs(role));
        let consumer = settings.committer(role).create_with_context(Answers::default());
        let consumer = consumer.map_err(|error| translate(&settings, &group, &error))?;
        Ok(Committer { settings, group, consumer: Arc::new(Mutex::new(consumer)) })
    }

    pub(crate) async fn commit(&self, next: &[Position]) -> Result<(), Error> {
        let translated = |error: &KafkaError| translate(&self.settings, &self.group, error);
        let mut positions = TopicPartitionList::with_capacity(next.len());
        for position in next {
            let (topic, offset) = (self.settings.topic(position.topic), Offset::Offset(position.offset.cast_signed()));
            let added = positions.add_partition_offset(&topic, position.partition.cast_signed(), offset);
            added.map_err(|error| translated(&error))?;
        }
        let (consumer, patience) = (Arc::clone(&self.consumer), self.settings.answer);
        let commit = move || commit(&consumer.lock().unwrap_or_else(PoisonError::into_inner), &positions, patience);
        let committed = tokio::task::spawn_blocking(commit).await;
        let committed = committed.map_err(|_| Error::Closed { log: self.settings.name() })?;
        committed.map_err(|error| translated(&error))
    }
}

/// Commit and wait for the answer. What was refused before anything could be sent is told as an error of the group.
fn commit(consumer: &BaseConsumer<Answers>, next: &TopicPartitionList, patience: Duration) -> KafkaResult<()> {
    // An answer to a commit that nobody waited for any longer.
    while consumer.poll(Duration::ZERO).is_some() {}
    consumer.context().take();
    consumer.commit(next, CommitMode::Async)?;
    let begun = Instant::now();
    while begun.elapsed() < patience {
        let told = consumer.poll(TICK);
        if let Some(answer) = consumer.context().take() {
            return answer;
        }
        if let Some(Err(error)) = told
            && !code(&error).is_some_and(is_absence)
        {
            return Err(error);
        }
    }
    Err(KafkaError::ConsumerCommit(Code::OperationTimedOut))
}

/// Keeps the answer to a commit.
#[derive(Default)]
struct Answers(Mutex<Option<KafkaResult<()>>>);

impl Answers {
    fn take(&self) -> Option<KafkaResult<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for Answers {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        trace_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "a client of Kafka reports");
    }
}

impl ConsumerContext for Answers {
    fn commit_callback(&self, answer: KafkaResult<()>, _: &TopicPartitionList) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
}
