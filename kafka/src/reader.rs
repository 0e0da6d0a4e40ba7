//! Reading: partitions assigned by hand, from given offsets into the live stream.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;

use async_trait::async_trait;
use move37_eventlog::{Error, Position, Reader, Stored};
use move37_events::Topic;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use tracing::debug;

use crate::client::Traced;
use crate::error::{is_absence, translate};
use crate::settings::Settings;

/// Most records in one batch.
const BATCH: usize = 256;

/// Most bytes of bodies in one batch (its last record may exceed it).
const BATCH_BYTES: usize = 4 << 20;

/// A reader of some partitions.
pub(crate) struct KafkaReader {
    settings: Arc<Settings>,
    /// Topics by full name.
    topics: HashMap<String, Topic>,
    /// An error that came behind records; told with the next read.
    failed: Option<Error>,
    /// Taken only when it is dropped.
    consumer: Option<StreamConsumer<Traced>>,
}

impl KafkaReader {
    pub(crate) fn open(settings: Arc<Settings>, from: &[Position]) -> Result<KafkaReader, Error> {
        let topics = from.iter().map(|position| (settings.topic(position.topic), position.topic)).collect();
        let refused = |error: KafkaError| translate(&settings, "a reader", &error);
        let consumer: StreamConsumer<Traced> =
            settings.reader().create_with_context(Traced::default()).map_err(refused)?;
        let mut partitions = TopicPartitionList::with_capacity(from.len());
        for position in from {
            let offset = Offset::Offset(position.offset.cast_signed());
            let partition = position.partition.cast_signed();
            partitions.add_partition_offset(&settings.topic(position.topic), partition, offset).map_err(refused)?;
        }
        consumer.assign(&partitions).map_err(refused)?;
        Ok(KafkaReader { settings, topics, failed: None, consumer: Some(consumer) })
    }

    fn consumer(&self) -> &StreamConsumer<Traced> {
        self.consumer.as_ref().expect("it is taken only when the reader is dropped")
    }

    /// The record, or nothing where the client library only says that it goes on trying.
    fn received(&self, received: KafkaResult<BorrowedMessage<'_>>) -> Result<Option<Stored>, Error> {
        match received {
            Ok(message) => Ok(self.topics.get(message.topic()).map(|&topic| stored(topic, &message))),
            Err(error) if error.rdkafka_error_code().is_some_and(is_absence) => {
                debug!(%error, "reading waits for a broker");
                Ok(None)
            }
            Err(error) => {
                let mut names: Vec<_> = self.topics.keys().map(String::as_str).collect();
                names.sort_unstable();
                Err(self.consumer().context().explain(&self.settings, &names.join(", "), &error))
            }
        }
    }
}

#[async_trait]
impl Reader for KafkaReader {
    async fn next(&mut self) -> Result<Vec<Stored>, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut records = Vec::new();
        // Nothing waits once a record is taken, so that dropping the future loses none.
        while records.is_empty() {
            records.extend(self.received(self.consumer().recv().await)?);
        }
        let mut bytes: usize = records.iter().map(|stored: &Stored| stored.body.len()).sum();
        while records.len() < BATCH && bytes < BATCH_BYTES {
            let received = tokio::select! {
                biased;
                received = self.consumer().recv() => received,
                () = ready(()) => break,
            };
            match self.received(received) {
                Ok(Some(stored)) => {
                    bytes += stored.body.len();
                    records.push(stored);
                }
                Ok(None) => {}
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        Ok(records)
    }
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        // Closing a consumer waits for its threads.
        let consumer = self.consumer.take();
        std::thread::spawn(move || drop(consumer));
    }
}

fn stored(topic: Topic, message: &BorrowedMessage<'_>) -> Stored {
    let headers = message
        .headers()
        .map(|headers| headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect::<Vec<_>>());
    Stored {
        topic,
        partition: message.partition().cast_unsigned(),
        offset: message.offset().cast_unsigned(),
        key: text(message.key()),
        headers: headers.unwrap_or_default(),
        body: message.payload().unwrap_or_default().to_vec(),
    }
}

/// A text; what is none, or absent, gets the replacement character.
fn text(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(|| char::REPLACEMENT_CHARACTER.to_string(), |bytes| String::from_utf8_lossy(bytes).into_owned())
}
