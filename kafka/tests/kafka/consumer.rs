//! The stream of facts for analysis over a real broker.

use std::sync::Arc;

use move37_consumer::{Consumer, Event, Facts, Point, Start};
use move37_core::{EventId, Key};
use move37_eventlog::EventLog;
use move37_events::Topic;
use move37_events::facts::{MemoryFact, RunFact, WorkerLeft};
use move37_kafka::KafkaLog;
use move37_testkit::{Scribe, sample};

use super::broker::Broker;

async fn next(facts: &mut Facts, ids: &mut Vec<EventId>, lives: &mut u32) {
    match facts.next().await.unwrap() {
        Event::Fact(fact) => ids.push(fact.id().clone()),
        Event::Live => *lives += 1,
        Event::Flaw(flaw) => panic!("{flaw}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stored_point_splits_a_growing_log_without_gap_or_overlap() {
    let mut scribe = Scribe::default();
    for n in 1..=40 {
        for campaign in ["a", "b", "c"] {
            let key: Key = campaign.parse().unwrap();
            scribe.write(&key, None, MemoryFact::from(sample::evolving(n, 1, sample::standing(1, 0.5))));
        }
        let left = WorkerLeft { why: n.to_string(), free: 0 };
        scribe.write(&"worker.1".parse().unwrap(), None, RunFact::from(left));
    }
    let records = scribe.records().to_vec();
    let topics: Vec<_> = Topic::all().collect();
    let settings = Broker::shared().await.with_topics(&topics).await;
    let log: Arc<dyn EventLog> = Arc::new(KafkaLog::connect(settings).await.unwrap());
    for (topic, record) in &records[..60] {
        log.append(*topic, record).await.unwrap();
        // Every record twice: the second never holds the place.
        log.append(*topic, record).await.unwrap();
    }
    let writer = tokio::spawn({
        let (log, records) = (log.clone(), records.clone());
        async move {
            for (topic, record) in &records[60..] {
                log.append(*topic, record).await.unwrap();
            }
        }
    });
    let (mut ids, mut lives) = (Vec::new(), 0);
    let mut first = Consumer::new(log.clone()).open().await.unwrap();
    while ids.len() < 25 {
        next(&mut first, &mut ids, &mut lives).await;
    }
    let point: Point = serde_json::from_str(&serde_json::to_string(first.point()).unwrap()).unwrap();
    lives = 0;
    let mut rest = Consumer::new(log).from(Start::After(point)).open().await.unwrap();
    while ids.len() < records.len() || lives == 0 {
        next(&mut rest, &mut ids, &mut lives).await;
    }
    writer.await.unwrap();
    let mut whole: Vec<EventId> = records.iter().map(|(_, record)| record.envelope.id.clone()).collect();
    whole.sort();
    ids.sort();
    assert!(ids == whole, "every fact once");
    assert_eq!(lives, 1);
    assert_eq!(rest.lost(), 60);
}
