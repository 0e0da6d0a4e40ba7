use std::time::Duration;

use move37_eventlog::conformance::chain;
use move37_eventlog::{Error, EventLog, Position};
use move37_events::Topic;
use move37_kafka::{KafkaLog, Settings};

use super::broker::Broker;

const TOPIC: Topic = Topic::Memory;

/// Appends before, while it is down, and after; a reader and a handle that live through it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_broker_loses_nothing_that_was_acknowledged() {
    let broker = Broker::start().await;
    let settings = broker.with_topics(&[TOPIC]).await;
    let log = KafkaLog::connect(settings).await.unwrap();
    let records = chain(TOPIC, "a", 9);
    let start = Position { topic: TOPIC, partition: TOPIC.partition(&"a".parse().unwrap()), offset: 0 };
    let mut reader = log.read(vec![start]).await.unwrap();
    let mut got = Vec::new();

    for record in &records[..3] {
        log.append(TOPIC, record).await.unwrap();
    }
    got.extend(reader.next().await.unwrap());
    broker.kill(1);
    let waiting = {
        let (log, record) = (log.clone(), records[3].clone());
        tokio::spawn(async move { log.append(TOPIC, &record).await })
    };
    broker.revive(1);
    let position = waiting.await.unwrap().unwrap();
    assert_eq!(position.offset, 3);
    for record in &records[4..] {
        log.append(TOPIC, record).await.unwrap();
    }

    while got.len() < records.len() {
        got.extend(tokio::time::timeout(Duration::from_secs(60), reader.next()).await.unwrap().unwrap());
    }
    let got: Vec<_> = got.into_iter().map(|stored| stored.parse().unwrap()).collect();
    assert_eq!(got, records);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_broker_answers_the_address_is_named() {
    // Nothing listens on the discard port of the loopback.
    let mut settings = Settings::new("127.0.0.1:9");
    settings.answer = Duration::from_millis(500);
    let error = KafkaLog::connect(settings).await.err().unwrap();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().starts_with("Kafka at 127.0.0.1:9 cannot be reached"), "{error}");
}
