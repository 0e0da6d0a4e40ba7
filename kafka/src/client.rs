//! What librdkafka says goes to the trace, and questions to a cluster leave the async thread.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use move37_eventlog::Error;
use move37_events::Topic;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};
use tracing::{debug, warn};

use crate::error::{code, is_absence, is_rejection, translate};
use crate::obstacle::Obstacle;
use crate::settings::Settings;

/// A context that traces what the client library says, and keeps what stands between us and the brokers.
#[derive(Default)]
pub(crate) struct Traced(Mutex<Option<Obstacle>>);

impl Traced {
    /// What stands between us and the brokers, as far as it was told since the last answer.
    pub(crate) fn obstacle(&self) -> Option<Obstacle> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, obstacle: Obstacle) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(obstacle);
    }

    /// What was only guessed when an earlier question was not answered.
    fn forget_silence(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take_if(|known| *known == Obstacle::HangUp);
    }

    fn answered(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What an error means that came of asking for `what`.
    pub(crate) fn explain(&self, settings: &Settings, what: &str, error: &KafkaError) -> Error {
        match (code(error), self.obstacle()) {
            (Some(code), Some(obstacle)) if is_absence(code) || is_rejection(code) => obstacle.error(settings),
            _ => translate(settings, what, error),
        }
    }
}

impl ClientContext for Traced {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        trace_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "a client of Kafka reports");
        // A connection that is lost while a password is looked at says nothing about the password.
        if code(&error).is_some_and(is_rejection)
            && let Some(obstacle) = Obstacle::in_message(reason)
        {
            self.note(obstacle);
        }
    }
}

impl ConsumerContext for Traced {}

pub(crate) fn trace_log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => warn!(facility, message),
        // Brokers that are away for a while are ordinary.
        _ => debug!(facility, message),
    }
}

/// Between two questions to a cluster that is not ready.
const PAUSE: Duration = Duration::from_millis(50);

/// How long the first question waits, so that what stands between us and the brokers is soon seen; later ones wait longer.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Most events of the client library that are looked at after a question.
const EVENTS: usize = 64;

/// Asks a cluster.
#[derive(Clone)]
pub(crate) struct Client {
    settings: Arc<Settings>,
    consumer: Arc<BaseConsumer<Traced>>,
}

impl Client {
    pub(crate) fn new(settings: Arc<Settings>) -> Result<Client, Error> {
        let consumer = settings.reader().create_with_context(Traced::default());
        let consumer = consumer.map_err(|error| translate(&settings, "a client", &error))?;
        Ok(Client { settings, consumer: Arc::new(consumer) })
    }

    /// Partitions of topics on the cluster by full name; of all topics, or of one.
    pub(crate) async fn partitions(&self, topic: Option<String>) -> Result<Vec<(String, u32)>, Error> {
        let what = topic.clone().unwrap_or_else(|| "the list of topics".to_owned());
        self.ask(&what, move |consumer, patience| {
            let metadata = consumer.fetch_metadata(topic.as_deref(), patience)?;
            let mut found = Vec::new();
            for topic in metadata.topics() {
                match topic.error() {
                    None => found.push((topic.name().to_owned(), u32::try_from(topic.partitions().len()).unwrap_or(0))),
                    Some(error) => return Err(KafkaError::MetadataFetch(error.into())),
                }
            }
            Ok(found)
        })
        .await
    }

    /// How many brokers there are.
    pub(crate) async fn brokers(&self) -> Result<usize, Error> {
        let brokers =
            |consumer: &BaseConsumer<Traced>, patience| Ok(consumer.fetch_metadata(None, patience)?.brokers().len());
        self.ask("the list of brokers", brokers).await
    }

    /// Whether these topics are known, and each of their partitions has a broker that leads it.
    pub(crate) async fn are_led(&self, topics: Vec<String>) -> Result<bool, Error> {
        self.ask("the list of topics", move |consumer, patience| {
            let metadata = consumer.fetch_metadata(None, patience)?;
            let is_led = |name: &String| {
                let mut found = metadata.topics().iter().filter(|topic| topic.name() == name);
                found.any(|topic| topic.partitions().iter().all(|partition| partition.leader() >= 0))
            };
            Ok(topics.iter().all(is_led))
        })
        .await
    }

    /// The next offsets of a topic.
    pub(crate) async fn ends(&self, topic: Topic) -> Result<Vec<u64>, Error> {
        let name = self.settings.topic(topic);
        self.ask(&name.clone(), move |consumer, patience| {
            let mut partitions = TopicPartitionList::new();
            for partition in 0..topic.partitions() {
                partitions.add_partition_offset(&name, partition.cast_signed(), Offset::End)?;
            }
            let answered = consumer.offsets_for_times(partitions, patience)?;
            let mut ends = vec![0; topic.partitions() as usize];
            for element in answered.elements() {
                element.error()?;
                let end = match element.offset() {
                    Offset::Offset(end) => end.cast_unsigned(),
                    _ => return Err(KafkaError::OffsetFetch(rdkafka::types::RDKafkaErrorCode::UnknownPartition)),
                };
                ends[element.partition() as usize] = end;
            }
            Ok(ends)
        })
        .await
    }

    /// Ask on a thread that may block; where a broker is away or a leader has just moved, ask again for a while.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        what: &str,
        question: impl Fn(&BaseConsumer<Traced>, Duration) -> KafkaResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (settings, consumer) = (Arc::clone(&self.settings), Arc::clone(&self.consumer));
        let patience = settings.answer;
        let asked = move || {
            let begun = Instant::now();
            let mut wait = FIRST_WAIT;
            consumer.context().forget_silence();
            loop {
                let left = patience.saturating_sub(begun.elapsed());
                let error = match question(&consumer, left.min(wait)) {
                    Ok(answer) => {
                        consumer.context().answered();
                        return Ok(answer);
                    }
                    Err(error) => error,
                };
                wait *= 2;
                // The context hears of errors only while somebody polls.
                (0..EVENTS).for_each(|_| drop(consumer.poll(Duration::ZERO)));
                let is_absent = code(&error).is_some_and(is_absence);
                if !is_absent || consumer.context().obstacle().is_some() {
                    return Err(error);
                }
                if begun.elapsed() >= patience {
                    Obstacle::behind_silence(&settings).iter().for_each(|&behind| consumer.context().note(behind));
                    return Err(error);
                }
                debug!(%error, "asking a broker again");
                std::thread::sleep(PAUSE);
            }
        };
        let answered = tokio::task::spawn_blocking(asked).await;
        let answered = answered.map_err(|_| Error::Closed { log: self.settings.name() })?;
        answered.map_err(|error| self.consumer.context().explain(&self.settings, what, &error))
    }
}
