//! Records that no service of ours would write.

use std::time::Duration;

use move37_core::EnvelopeError;
use move37_eventlog::conformance::chain;
use move37_eventlog::{Error, EventLog, Judge, Position, Refusal, Stored};
use move37_events::Topic;
use move37_kafka::{KafkaLog, Settings};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;

use super::broker::Broker;

const TOPIC: Topic = Topic::Memory;

struct Foreign {
    settings: Settings,
    producer: FutureProducer,
    log: KafkaLog,
}

impl Foreign {
    async fn new() -> Foreign {
        let settings = Broker::shared().await.with_topics(&[TOPIC]).await;
        let producer = ClientConfig::new().set("bootstrap.servers", &settings.bootstrap).create().unwrap();
        let log = KafkaLog::connect(settings.clone()).await.unwrap();
        Foreign { settings, producer, log }
    }

    /// Write a record to partition 0 and read it back through the port.
    async fn round_trip(&self, key: Option<&[u8]>, headers: OwnedHeaders, body: Option<&[u8]>) -> Stored {
        let topic = format!("{}{}", self.settings.prefix, TOPIC.name());
        let mut record = FutureRecord::<[u8], [u8]>::to(&topic).partition(0).headers(headers);
        record.key = key;
        record.payload = body;
        let offset = self.producer.send(record, Timeout::Never).await.unwrap().offset.cast_unsigned();
        let mut reader = self.log.read(vec![Position { topic: TOPIC, partition: 0, offset }]).await.unwrap();
        tokio::time::timeout(Duration::from_secs(30), reader.next()).await.unwrap().unwrap().remove(0)
    }
}

fn header<'a>(key: &'a str, value: Option<&'a [u8]>) -> Header<'a, &'a [u8]> {
    Header { key, value }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_text_or_absent_arrives_and_is_refused_by_name() {
    let foreign = Foreign::new().await;

    let bare = foreign.round_trip(None, OwnedHeaders::new(), None).await;
    assert_eq!((bare.key.as_str(), bare.headers.len(), bare.body.len()), ("\u{fffd}", 0, 0));
    let refused = Judge::default().judge(bare).unwrap_err();
    assert_eq!(refused.why, Refusal::Unreadable(EnvelopeError::Missing("content-type")));

    let odd = OwnedHeaders::new()
        .insert(header("ce_id", Some(b"\xff\xfe")))
        .insert(header("ce_id", None))
        .insert(header("", Some(b"")));
    let odd = foreign.round_trip(Some(b"a\xffb"), odd, Some(b"\x00\xff")).await;
    let texts: Vec<_> = odd.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(texts, [("ce_id", "\u{fffd}\u{fffd}"), ("ce_id", "\u{fffd}"), ("", "")]);
    assert_eq!((odd.key.as_str(), &odd.body[..]), ("a\u{fffd}b", &b"\x00\xff"[..]));
    assert!(Judge::default().judge(odd).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_is_missing_is_named() {
    let foreign = Foreign::new().await;
    let good = &chain(TOPIC, "a", 1)[0];
    let mut headers = OwnedHeaders::new();
    for (name, value) in good.envelope.headers().iter().filter(|(name, _)| name != "ce_sequence") {
        headers = headers.insert(header(name, Some(value.as_bytes())));
    }
    let stored = foreign.round_trip(Some(b"a"), headers, Some(&good.body)).await;
    assert_eq!(stored.parse().unwrap_err(), EnvelopeError::Missing("ce_sequence"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_from_behind_the_end_fails_loudly() {
    let foreign = Foreign::new().await;
    let mut reader = foreign.log.read(vec![Position { topic: TOPIC, partition: 0, offset: 5 }]).await.unwrap();
    let failed = tokio::time::timeout(Duration::from_secs(30), reader.next()).await.unwrap().unwrap_err();
    assert!(matches!(&failed, Error::Gone { topic, .. } if topic.ends_with("move37.memory")), "{failed:?}");
}
