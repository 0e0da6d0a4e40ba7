//! Notes of how far a role has dealt with its inputs, as positions of a consumer group that never has a member.
//!
//! Kafka's own tools show from them how far a service lags behind. Nothing starts from them.

use std::sync::Arc;
use std::time::Duration;

use move37_eventlog::{Error, Position};
use move37_events::Role;
use move37_events::documents::Resource;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::client::Traced;
use crate::error::{code, is_absence};
use crate::settings::Settings;

/// How soon a refusal is seen.
const TICK: Duration = Duration::from_millis(20);

/// Commits the positions of a role.
pub(crate) struct Committer {
    settings: Arc<Settings>,
    group: String,
    consumer: Arc<BaseConsumer<Traced>>,
    /// What was refused; the library tells it once. Held while a commit runs, so that they keep their order.
    refused: Mutex<Option<Code>>,
}

impl Committer {
    pub(crate) fn new(settings: Arc<Settings>, role: Role) -> Result<Committer, Error> {
        let group = settings.resource(Resource::Inputs(role));
        let consumer = settings.committer(role).create_with_context(Traced::default());
        let consumer = consumer.map_err(|error| Traced::default().explain(&settings, &group, &error))?;
        Ok(Committer { settings, group, consumer: Arc::new(consumer), refused: Mutex::default() })
    }

    pub(crate) async fn commit(&self, next: &[Position]) -> Result<(), Error> {
        let committed = self.try_commit(next).await;
        committed.map_err(|error| self.consumer.context().explain(&self.settings, &self.group, &error))
    }

    async fn try_commit(&self, next: &[Position]) -> KafkaResult<()> {
        let mut positions = TopicPartitionList::with_capacity(next.len());
        for position in next {
            let (topic, offset) = (self.settings.topic(position.topic), Offset::Offset(position.offset.cast_signed()));
            positions.add_partition_offset(&topic, position.partition.cast_signed(), offset)?;
        }
        let mut refused = self.refused.lock().await;
        let consumer = Arc::clone(&self.consumer);
        let commit = tokio::task::spawn_blocking(move || consumer.commit(&positions, CommitMode::Sync));
        let answer = tokio::select! {
            answer = commit => answer.unwrap_or(Err(KafkaError::ConsumerCommit(Code::Fail))),
            code = self.refusal() => {
                *refused = Some(code);
                Err(KafkaError::ConsumerCommit(code))
            }
            () = sleep(self.settings.answer) => Err(KafkaError::ConsumerCommit(Code::OperationTimedOut)),
        };
        match answer {
            Ok(()) => *refused = None,
            // The library only waits for the group's broker, whom it may not ask.
            Err(_) if let Some(code) = *refused => return Err(KafkaError::ConsumerCommit(code)),
            Err(_) => {}
        }
        answer
    }

    /// What the brokers have against the group, as soon as they say it.
    async fn refusal(&self) -> Code {
        loop {
            sleep(TICK).await;
            while let Some(told) = self.consumer.poll(Duration::ZERO) {
                if let Err(error) = told
                    && let Some(code) = code(&error).filter(|&code| !is_absence(code))
                {
                    return code;
                }
            }
        }
    }
}
