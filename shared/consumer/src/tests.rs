//! The stream over the embedded log: whole from any point, without gap or overlap, and clean.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use move37_core::{EventId, FactType, Head, Key, Recorded, Timestamp};
use move37_eventlog::EventLog;
use move37_events::facts::{CampaignFact, CampaignPaused, CampaignResumed, CommandId, MemoryFact, RunFact, WorkerLeft};
use move37_events::{Fact, Topic};
use move37_sqlite::SqliteLog;
use move37_testkit::{Scribe, sample};
use proptest::prelude::*;

use crate::{Consumer, Error, Event, Facts, Flaw, Point, Start};

type Records = Vec<(Topic, Recorded)>;

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

/// The n-th fact of some chain of campaign `c<n>`, or of a worker.
fn fact(chain: usize, n: usize) -> (Key, Fact) {
    let command = CommandId(format!("command-{n}"));
    match chain % 3 {
        0 if n == 0 => (key(&format!("c{chain}")), sample::started(sample::campaign()).into()),
        0 if n % 2 == 1 => (key(&format!("c{chain}")), CampaignFact::from(CampaignPaused { command }).into()),
        0 => (key(&format!("c{chain}")), CampaignFact::from(CampaignResumed { command }).into()),
        1 => {
            let sampled = sample::evolving(u32::try_from(n).unwrap() + 1, 1, sample::standing(1, 0.5));
            (key(&format!("c{}", chain - 1)), MemoryFact::from(sampled).into())
        }
        _ => (key(&format!("worker.{chain}")), RunFact::from(WorkerLeft { why: format!("{n}"), free: 0 }).into()),
    }
}

/// Well-chained records, the chains interleaved as told.
fn written(order: &[usize]) -> Records {
    let mut scribe = Scribe::default();
    let mut lengths = BTreeMap::new();
    for &chain in order {
        let n: &mut usize = lengths.entry(chain).or_default();
        let (key, fact) = fact(chain, *n);
        scribe.write(&key, None, fact);
        *n += 1;
    }
    scribe.records().to_vec()
}

/// A record of another writer for the same place.
fn rival(record: &Recorded) -> Recorded {
    let mut rival = record.clone();
    rival.envelope.time = Timestamp::from_millis(1 + rival.envelope.time.millis());
    rival
}

/// What a writer appends that does not know yet that it has lost.
fn continued(loser: &Recorded) -> Recorded {
    let id = &loser.envelope.id;
    let envelope = Head::after(loser).next(&id.key, &id.source, loser.envelope.fact.clone(), loser.envelope.time);
    Recorded { envelope, body: loser.body.clone() }
}

async fn log_of(records: &[(Topic, Recorded)]) -> Arc<dyn EventLog> {
    let log = SqliteLog::in_memory().unwrap();
    for (topic, record) in records {
        log.append(*topic, record).await.unwrap();
    }
    Arc::new(log)
}

fn ids(records: &[(Topic, Recorded)]) -> Vec<EventId> {
    records.iter().map(|(_, record)| record.envelope.id.clone()).collect()
}

fn sorted(mut ids: Vec<EventId>) -> Vec<EventId> {
    ids.sort();
    ids
}

/// Facts up to the hand-over.
async fn history(facts: &mut Facts) -> Vec<EventId> {
    let mut ids = Vec::new();
    loop {
        match facts.next().await.unwrap() {
            Event::Fact(fact) => ids.push(fact.id().clone()),
            Event::Flaw(flaw) => panic!("{flaw}"),
            Event::Live => return ids,
        }
    }
}

async fn flaws_and_facts(consumer: Consumer) -> (Vec<Flaw>, Vec<EventId>) {
    let (mut flaws, mut ids) = (Vec::new(), Vec::new());
    let mut facts = consumer.open().await.unwrap();
    loop {
        match facts.next().await.unwrap() {
            Event::Fact(fact) => ids.push(fact.id().clone()),
            Event::Flaw(flaw) => flaws.push(flaw),
            Event::Live => return (flaws, ids),
        }
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Noise says after which record a duplicate, a rival or a zombie's continuation of one is appended.
    #[test]
    fn what_was_delivered_and_what_follows_its_point_are_the_whole(
        order in prop::collection::vec(0usize..5, 1..30),
        noise in prop::collection::vec((0usize..30, 0usize..3), 0..8),
        cut in 0usize..31,
    ) {
        let clean = written(&order);
        let mut noisy = clean.clone();
        for &(at, kind) in &noise {
            let (topic, record) = clean[at % clean.len()].clone();
            let after = noisy.iter().position(|(_, known)| *known == record).unwrap() + 1;
            let extra = match kind {
                0 => vec![record],
                1 => vec![rival(&record)],
                _ => vec![rival(&record), continued(&rival(&record))],
            };
            noisy.splice(after..after, extra.into_iter().map(|record| (topic, record)));
        }
        block_on(async {
            let log = log_of(&noisy).await;
            let mut first = Consumer::new(log.clone()).open().await.unwrap();
            let mut delivered = Vec::new();
            for _ in 0..cut.min(clean.len()) {
                delivered.push(first.next_fact().await.unwrap().id().clone());
            }
            let stored = serde_json::to_string(first.point()).unwrap();
            let point: Point = serde_json::from_str(&stored).unwrap();
            prop_assert_eq!(&point, first.point());
            let mut rest = Consumer::new(log).from(Start::After(point)).open().await.unwrap();
            delivered.extend(history(&mut rest).await);
            prop_assert_eq!(sorted(delivered), sorted(ids(&clean)));
            prop_assert_eq!(rest.lost() as usize, noisy.len() - clean.len());
            Ok(())
        })?;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_that_race_with_the_opening_come_once_and_none_is_missed() {
    let records = written(&(0..400).map(|i| i % 5).collect::<Vec<_>>());
    let log = log_of(&records[..100]).await;
    let writer = tokio::spawn({
        let (log, records) = (log.clone(), records.clone());
        async move {
            for (topic, record) in &records[100..] {
                log.append(*topic, record).await.unwrap();
            }
        }
    });
    let mut all = Consumer::new(log.clone()).open().await.unwrap();
    let mut now = Consumer::new(log.clone()).from(Start::Now).open().await.unwrap();
    let (mut from_start, mut lives) = (Vec::new(), 0);
    while from_start.len() < records.len() || lives == 0 {
        match all.next().await.unwrap() {
            Event::Fact(fact) => from_start.push(fact.id().clone()),
            Event::Live => lives += 1,
            Event::Flaw(flaw) => panic!("{flaw}"),
        }
    }
    assert!(from_start == ids(&records), "every fact once, in order");
    assert_eq!(lives, 1);

    writer.await.unwrap();
    // Now is noted topic by topic, so what is delivered is the end of every chain, each from its own place on.
    let ends: Vec<EventId> = (0..5).map(|chain| ids(&records)[395 + chain].clone()).collect();
    let mut since = BTreeMap::<_, Vec<u64>>::new();
    while !ends.iter().all(|end| now.point().covers(end)) {
        let id = now.next_fact().await.unwrap().id().clone();
        since.entry((id.key, id.source)).or_default().push(id.sequence);
    }
    for (chain, places) in since {
        assert!(places[0] > 20, "{chain:?}: what was there before is not delivered");
        assert_eq!(places, (places[0]..=80).collect::<Vec<_>>(), "{chain:?}");
    }
}

#[tokio::test]
async fn from_now_only_what_comes_later_is_delivered_and_a_point_of_it_resumes_there() {
    let records = written(&[0, 1, 2, 0, 1, 2, 0]);
    let log = log_of(&records[..3]).await;
    let mut facts = Consumer::new(log.clone()).from(Start::Now).open().await.unwrap();
    for (topic, record) in &records[3..5] {
        log.append(*topic, record).await.unwrap();
    }
    assert!(matches!(facts.next().await.unwrap(), Event::Live));
    let point = facts.point().clone();
    assert_eq!(*facts.next_fact().await.unwrap().id(), records[3].1.envelope.id);
    for (topic, record) in &records[5..] {
        log.append(*topic, record).await.unwrap();
    }
    let mut again = Consumer::new(log).from(Start::After(point)).open().await.unwrap();
    assert_eq!(history(&mut again).await, ids(&records[3..]));
}

#[tokio::test]
async fn an_empty_log_is_live_at_once() {
    let mut facts = Consumer::new(log_of(&[]).await).open().await.unwrap();
    assert!(!facts.is_live());
    assert!(matches!(facts.next().await.unwrap(), Event::Live));
    assert!(facts.is_live());
}

#[tokio::test]
async fn topics_and_campaign_limit_what_is_delivered() {
    let records = written(&[0, 1, 3, 4, 2, 0, 3]);
    let log = log_of(&records).await;
    let mut of_campaign = Consumer::new(log.clone()).campaign("c3".parse().unwrap()).open().await.unwrap();
    let delivered = history(&mut of_campaign).await;
    assert_eq!(delivered, ids(&[records[2].clone(), records[3].clone(), records[6].clone()]));
    let memory = [Topic::Memory, Topic::DeadLetters];
    let mut of_topic = Consumer::new(log).topics(memory).open().await.unwrap();
    assert_eq!(history(&mut of_topic).await, ids(&[records[1].clone(), records[3].clone()]));
}

#[tokio::test]
async fn what_is_no_fact_is_told_and_the_rest_is_delivered() {
    let mut records = written(&[0, 1, 0, 1, 0]);
    let good = ids(&records);
    // By a source that may not write the topic; contradicting its chain; of a type that nobody knows; of a later version.
    records.push((Topic::Researcher, records[0].1.clone()));
    let mut gap = records[4].1.clone();
    gap.envelope.id.sequence = 9;
    records.push((Topic::Campaigns, gap));
    let strange = |head: &Recorded, name: &str, version| {
        let mut strange = continued(head);
        strange.envelope.fact = FactType { name: name.to_owned(), version };
        strange
    };
    records.push((Topic::Memory, strange(&records[3].1, "parent.sampled", 99)));
    records.push((Topic::Campaigns, strange(&records[4].1, "campaign.dreamt", 1)));
    let log = log_of(&records).await;

    let (flaws, delivered) = flaws_and_facts(Consumer::new(log.clone())).await;
    assert_eq!(delivered, good);
    let told: Vec<_> = flaws.iter().map(|flaw| (flaw.position.topic, flaw.id.is_some(), flaw.why.as_str())).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[0].2.contains("may not write this topic"), "{told:?}");
    assert!(told[1].2.contains("facts in between are missing"), "{told:?}");
    assert!(told[2].2.contains("newer than this build"), "{told:?}");
    assert!(told[3].2.contains("has no fact"), "{told:?}");
    assert!(told[1..].iter().all(|(_, is_named, _)| *is_named));
    let (flaws, delivered) = flaws_and_facts(Consumer::new(log).from(Start::Now)).await;
    assert!(flaws.is_empty() && delivered.is_empty(), "now passes over what was there");
}

#[tokio::test]
async fn a_point_of_another_history_is_refused() {
    let records = written(&[0, 0, 0]);
    let mut facts = Consumer::new(log_of(&records[..2]).await).open().await.unwrap();
    history(&mut facts).await;
    let other = vec![records[0].clone(), (records[1].0, rival(&records[1].1)), records[2].clone()];
    let resumed = Consumer::new(log_of(&other).await).from(Start::After(facts.point().clone()));
    let refused = resumed.open().await.unwrap().next().await.unwrap_err();
    assert!(matches!(&refused, Error::OtherHistory { id } if *id == records[1].1.envelope.id), "{refused}");
}

#[test]
fn a_records_experiment_is_read_from_its_subject() {
    let experiment = |subject: Option<&str>| {
        let (topic, mut record) = written(&[1]).remove(0);
        record.envelope.subject = subject.map(str::to_owned);
        let fact = Fact::read(topic, &record).unwrap();
        let position = move37_eventlog::Position { topic, partition: 0, offset: 0 };
        crate::FactRecord { position, record, fact }.experiment().map(|experiment| experiment.0)
    };
    assert_eq!(experiment(Some("12")), Some(12));
    assert_eq!(experiment(Some("3-explore-bytes-0")), Some(3));
    assert_eq!(experiment(None), None);
}
