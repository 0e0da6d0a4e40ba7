//! The log: appending, and the rest handed on.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use move37_core::Recorded;
use move37_eventlog::{Error, EventLog, MAX_BODY, Ownership, Position, Reader};
use move37_events::{Role, Topic};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::util::Timeout;
use tracing::warn;

use crate::client::{Client, Traced};
use crate::commit::Committer;
use crate::error::translate;
use crate::ownership::KafkaOwnership;
use crate::reader::KafkaReader;
use crate::settings::Settings;

/// Producers that one append goes through at most before its failure is told.
const MOST_PRODUCERS: u32 = 5;

/// The event log on a cluster. Clones share its producer.
#[derive(Clone)]
pub struct KafkaLog {
    settings: Arc<Settings>,
    client: Client,
    producer: Arc<Mutex<FutureProducer<Traced>>>,
    /// Topics that were found as the table declares them.
    known: Arc<Mutex<HashSet<Topic>>>,
    committers: Arc<Mutex<HashMap<Role, Arc<Committer>>>>,
}

impl KafkaLog {
    /// Connect to a cluster.
    ///
    /// # Errors
    /// No broker answers, or it does not let us in.
    pub async fn connect(settings: Settings) -> Result<KafkaLog, Error> {
        let settings = Arc::new(settings);
        let client = Client::new(Arc::clone(&settings))?;
        client.partitions(None).await?;
        let producer = Arc::new(Mutex::new(producer(&settings)?));
        Ok(KafkaLog { settings, client, producer, known: Arc::default(), committers: Arc::default() })
    }

    /// See that a topic is there and has its partitions: a key would lie in the wrong one otherwise.
    async fn know(&self, topic: Topic) -> Result<(), Error> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(&topic) {
            return Ok(());
        }
        let name = self.settings.topic(topic);
        let found = self.client.partitions(Some(name.clone())).await?;
        let found = found.into_iter().find_map(|(topic, partitions)| (topic == name).then_some(partitions));
        let log = self.settings.name();
        match found {
            Some(found) if found == topic.partitions() => {}
            Some(found) => return Err(Error::Misfit { log, topic: name, found, declared: topic.partitions() }),
            None => return Err(Error::NoTopic { log, topic: name }),
        }
        known().insert(topic);
        Ok(())
    }

    /// A client of its own, made on the first use.
    fn committer(&self, role: Role) -> Result<Arc<Committer>, Error> {
        let mut committers = self.committers.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match committers.entry(role) {
            Entry::Occupied(entry) => Arc::clone(entry.get()),
            Entry::Vacant(entry) => {
                let committer = Committer::new(Arc::clone(&self.settings), role)?;
                Arc::clone(entry.insert(Arc::new(committer)))
            }
        })
    }

    fn producer(&self) -> FutureProducer<Traced> {
        self.producer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A producer that can no longer promise its order is done for; the next append gets a new one.
    fn replace(&self, spent: &FutureProducer<Traced>) -> Result<(), Error> {
        let mut current = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if current.client().native_ptr() == spent.client().native_ptr() {
            warn!("a producer has failed for good and is replaced");
            *current = producer(&self.settings)?;
        }
        Ok(())
    }
}

fn producer(settings: &Settings) -> Result<FutureProducer<Traced>, Error> {
    let created = settings.producer().create_with_context(Traced::default());
    created.map_err(|error| translate(settings, "a producer", &error))
}

#[async_trait]
impl EventLog for KafkaLog {
    async fn append(&self, topic: Topic, record: &Recorded) -> Result<Position, Error> {
        let size = record.body.len();
        if size > MAX_BODY {
            return Err(Error::TooLarge { topic, size, limit: MAX_BODY });
        }
        self.know(topic).await?;
        let (name, key) = (self.settings.topic(topic), &record.envelope.id.key);
        let attributes = record.envelope.headers();
        let mut producers = 0;
        loop {
            let headers = OwnedHeaders::new_with_capacity(attributes.len());
            let headers = attributes.iter().fold(headers, |headers, (name, value)| {
                headers.insert(Header { key: name, value: Some(value.as_bytes()) })
            });
            let message = FutureRecord::to(&name)
                .partition(topic.partition(key).cast_signed())
                .key(key.as_str())
                .payload(&record.body[..])
                .headers(headers);
            let producer = self.producer();
            producers += 1;
            let error = match producer.send(message, Timeout::Never).await {
                Ok(delivery) => {
                    return Ok(Position {
                        topic,
                        partition: delivery.partition.cast_unsigned(),
                        offset: delivery.offset.cast_unsigned(),
                    });
                }
                Err((error, _)) => error,
            };
            if producer.client().fatal_error().is_none() {
                return Err(self.undelivered(topic, size, &error));
            }
            // A broker that was killed may not know the last appends of a producer again, which then cannot promise its
            // order any more. Whether this record is there is unknown; a second one would be dropped by readers.
            self.replace(&producer)?;
            if producers == MOST_PRODUCERS {
                return Err(self.undelivered(topic, size, &error));
            }
        }
    }

    async fn ends(&self, topic: Topic) -> Result<Vec<u64>, Error> {
        self.know(topic).await?;
        self.client.ends(topic).await
    }

    async fn read(&self, from: Vec<Position>) -> Result<Box<dyn Reader>, Error> {
        for position in &from {
            self.know(position.topic).await?;
        }
        Ok(Box::new(KafkaReader::open(Arc::clone(&self.settings), &from)?))
    }

    async fn own(&self, topic: Topic) -> Result<Box<dyn Ownership>, Error> {
        self.know(topic).await?;
        Ok(Box::new(KafkaOwnership::join(Arc::clone(&self.settings), topic)?))
    }

    async fn commit(&self, reader: Role, next: Vec<Position>) -> Result<(), Error> {
        if next.is_empty() {
            return Ok(());
        }
        self.committer(reader)?.commit(&next).await
    }
}

impl KafkaLog {
    fn undelivered(&self, topic: Topic, size: usize, error: &KafkaError) -> Error {
        match error.rdkafka_error_code() {
            Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => {
                Error::TooLarge { topic, size, limit: MAX_BODY }
            }
            Some(Code::MessageTimedOut) => {
                Error::Unacknowledged { log: self.settings.name(), topic, seconds: self.settings.delivery.as_secs() }
            }
            _ => translate(&self.settings, &self.settings.topic(topic), error),
        }
    }
}
