use std::sync::Arc;

use move37_core::{FactType, Head, Recorded, Timestamp};
use move37_eventlog::{EventLog, History, Stored};
use move37_events::facts::ResearcherFact;
use move37_events::{DeadLetter, FactSet, Reason, Role, Topic};
use tokio::time::timeout;

use super::host::{failure, order_one};
use super::log::Toyed;
use super::monitor::{counts, until};
use super::service::{Calls, PATIENCE, log, start, told};
use super::toy::{captured, chain, key, mention, noted};
use crate::{Dropped, Error};

pub(super) async fn letters(log: &Arc<dyn EventLog>) -> Vec<DeadLetter> {
    let mut history = History::of_topics(&**log, [Topic::DeadLetters]).await.unwrap();
    let mut letters = Vec::new();
    while let Some(batch) = history.next().await.unwrap() {
        for stored in batch {
            let record = stored.parse().unwrap();
            letters.push(DeadLetter::read(&record.envelope.fact, &record.body).unwrap());
        }
    }
    letters
}

/// A record of memory's that claims this place and type, with this body.
fn odd(sequence: u64, source: Role, name: &str, body: &str) -> Recorded {
    let head = Head { sequence: sequence - 1, ..Head::default() };
    let fact = FactType { name: name.to_owned(), version: 1 };
    let mut envelope = head.next(&key(), &source.source(), fact, Timestamp::from_millis(1));
    envelope.subject = Some("4".to_owned());
    envelope.campaign = Some("c".parse().unwrap());
    Recorded { envelope, body: body.as_bytes().to_vec() }
}

/// Records that no writer of ours can append, by their bodies.
fn mangle(stored: &mut Stored) {
    match &stored.body[..] {
        b"no headers" => stored.headers.clear(),
        b"elsewhere" => {
            let other = (0..)
                .map(|n| format!("k{n}"))
                .find(|key| stored.topic.partition(&key.parse().unwrap()) != stored.partition);
            stored.key = other.unwrap();
            for (name, value) in &mut stored.headers {
                if name == "ce_id" {
                    *value = format!("{}/memory/1", stored.key);
                }
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn whatever_cannot_be_taken_in_is_set_aside_and_the_rest_goes_on() {
    let log = log();
    let bad = [
        (odd(1, Role::Memory, "campaign.followed", "no headers"), Reason::Malformed),
        (odd(1, Role::Memory, "campaign.followed", "elsewhere"), Reason::Misplaced),
        (odd(1, Role::Analyst, "campaign.followed", "by another"), Reason::Usurped),
        (odd(7, Role::Memory, "campaign.followed", "after a gap"), Reason::Corrupt),
        (odd(1, Role::Memory, "campaign.followed", "no JSON"), Reason::Undecodable),
    ];
    for (record, _) in &bad {
        log.append(Topic::Memory, record).await.unwrap();
    }
    let toyed: Arc<dyn EventLog> = Arc::new(Toyed { mangle: Some(mangle), ..Toyed::over(&log) });
    let (mut running, _) = start(&toyed, Calls::Answer);
    timeout(PATIENCE, running.live()).await.expect("what is set aside is read");
    order_one(&log, "one").await;
    assert_eq!(told(&log, 3).await, ["captured 1", "asked 1", "answered 1"]);
    let counts = running.monitor().counts();
    assert_eq!(counts.parked, 5);
    let written = letters(&log).await;
    let partition = Topic::Memory.partition(&key());
    for (offset, (record, reason)) in bad.iter().enumerate() {
        let letter = written.iter().find(|letter| letter.origin.offset == offset as u64).unwrap();
        assert_eq!((letter.origin.topic.as_str(), letter.origin.partition), ("move37.memory", partition));
        assert_eq!((letter.reason, letter.reader.as_str()), (*reason, "researcher"));
        assert_eq!(letter.body.bytes().unwrap(), record.body);
        assert_eq!(counts.dropped[&Dropped::from(*reason)], 1, "{reason:?}");
    }
    let undecodable = written.iter().find(|letter| letter.reason == Reason::Undecodable).unwrap();
    assert!(undecodable.headers.iter().any(|header| header.value == "c/memory/1"), "{undecodable:?}");
    running.drain().await;
}

#[tokio::test]
async fn a_record_that_comes_while_the_service_runs_is_set_aside_too() {
    let log = log();
    let (mut running, _) = start(&log, Calls::Answer);
    running.live().await;
    log.append(Topic::Memory, &odd(1, Role::Analyst, "campaign.followed", "by another")).await.unwrap();
    counts(&running.monitor(), |counts| counts.parked == 1).await;
    assert_eq!(letters(&log).await.len(), 1);
    running.drain().await;
}

#[tokio::test]
async fn a_record_gets_one_letter_whoever_reads_it_however_often() {
    let log = log();
    log.append(Topic::Memory, &odd(1, Role::Analyst, "campaign.followed", "by another")).await.unwrap();
    let (running, _) = start(&log, Calls::Answer);
    counts(&running.monitor(), |counts| counts.parked == 1).await;
    running.drain().await;
    let (running, _) = start(&log, Calls::Answer);
    let counts = counts(&running.monitor(), |counts| counts.dropped[&Dropped::Usurped] == 1).await;
    order_one(&log, "one").await;
    told(&log, 3).await;
    running.drain().await;
    assert_eq!((counts.parked, letters(&log).await.len()), (0, 1));
}

#[tokio::test]
async fn a_fact_that_is_missed_is_told_to_people() {
    let log = log();
    log.append(Topic::Memory, &odd(1, Role::Memory, "parent.sampled", "{}")).await.unwrap();
    let (mut running, _) = start(&log, Calls::Answer);
    running.live().await;
    let warnings = until(&running.monitor(), |monitor| Some(monitor.warnings()).filter(|told| !told.is_empty())).await;
    let at = format!("move37.memory/{}@0", Topic::Memory.partition(&key()));
    assert!(
        warnings[0].starts_with(&format!("researcher misses the fact c/memory/1, about 4, at {at}")),
        "{warnings:?}"
    );
    assert!(running.monitor().is_live() && running.monitor().failures().is_empty());
    running.drain().await;
}

#[tokio::test]
async fn an_own_fact_that_cannot_be_read_stops_its_campaign_and_is_set_aside() {
    let log = log();
    let mut unknown = chain([captured(1)]).remove(0).0;
    unknown.envelope.fact = FactType { name: "never.heard".to_owned(), version: 1 };
    log.append(ResearcherFact::TOPIC, &unknown).await.unwrap();
    let (mut running, _) = start(&log, Calls::Answer);
    let failure = failure(&mut running).await;
    assert_eq!((&failure.key, failure.is_of_all()), (&Some(key()), false));
    assert!(matches!(failure.error, Error::Unreadable { .. }), "{failure:?}");
    let written = letters(&log).await;
    assert_eq!((written.len(), written[0].reason), (1, Reason::Undecodable));
    running.drain().await;
}

#[tokio::test]
async fn an_own_chain_that_is_corrupt_is_set_aside() {
    let log = log();
    let mut torn = chain([noted(1, "x")]).remove(0).0;
    torn.envelope.id.sequence = 9;
    log.append(ResearcherFact::TOPIC, &torn).await.unwrap();
    let (mut running, _) = start(&log, Calls::Answer);
    failure(&mut running).await;
    assert_eq!(letters(&log).await[0].reason, Reason::Corrupt);
    running.drain().await;
}

#[tokio::test]
async fn lost_races_get_no_letters() {
    let log = log();
    for (record, _) in chain([mention(1)]).iter().chain(&chain([mention(1)])).chain(&chain([mention(2)])) {
        log.append(Topic::Memory, record).await.unwrap();
    }
    let (running, _) = start(&log, Calls::Answer);
    counts(&running.monitor(), |counts| counts.dropped[&Dropped::Raced] == 1).await;
    running.drain().await;
    assert!(letters(&log).await.is_empty());
}

#[tokio::test]
async fn a_service_that_cannot_write_letters_stops_loudly() {
    let log = log();
    log.append(Topic::Memory, &odd(1, Role::Analyst, "campaign.followed", "by another")).await.unwrap();
    let full: Arc<dyn EventLog> = Arc::new(Toyed { is_full: true, ..Toyed::over(&log) });
    let (mut running, _) = start(&full, Calls::Answer);
    let failure = failure(&mut running).await;
    assert!(failure.is_of_all(), "{failure:?}");
    running.drain().await;
}
