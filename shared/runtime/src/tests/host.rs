use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use move37_core::{Head, Recorded, Timestamp};
use move37_eventlog::{Change, EventLog, Release};
use move37_events::facts::ResearcherFact;
use move37_events::{FactSet, Topic};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::log::Toyed;
use super::service::{Calls, PATIENCE, Seen, clock, host, host_of, log, start, told, winners};
use super::toy::{campaign, chain, key, mention, noted, order};
use super::world::expected;
use crate::command::issue;
use crate::{Error, Failure, Running};

pub(super) async fn order_one(log: &Arc<dyn EventLog>, command: &str) {
    issue(log, &*clock(), &campaign(), order(command)).await.unwrap();
}

pub(super) async fn failure(running: &mut Running) -> Failure {
    timeout(PATIENCE, running.failed()).await.expect("it fails")
}

const STORY: [&str; 6] = ["captured 1", "asked 1", "answered 1", "captured 2", "asked 2", "answered 2"];

#[tokio::test]
async fn a_service_hears_decides_and_acts() {
    let log = log();
    order_one(&log, "one").await;
    let (running, seen) = start(&log, Calls::Answer);
    assert_eq!(told(&log, 3).await, STORY[..3]);
    order_one(&log, "two").await;
    assert_eq!(told(&log, 6).await, STORY);
    assert_eq!(*seen.observed.lock().unwrap(), ["c/operator/1", "c/operator/2"]);
    running.drain().await;
}

#[tokio::test]
async fn envelopes_name_campaign_subject_and_cause() {
    let log = log();
    order_one(&log, "one").await;
    let (running, _) = start(&log, Calls::Answer);
    let winners = winners(&log, &key(), 3).await;
    let causes: Vec<_> = winners.iter().map(|record| record.envelope.cause.as_ref().unwrap().to_string()).collect();
    assert_eq!(causes, ["c/operator/1", "c/researcher/1", "c/researcher/2"]);
    assert!(winners.iter().all(|record| record.envelope.campaign == Some(campaign())));
    assert_eq!(winners[1].envelope.subject.as_deref(), Some("1"));
    running.drain().await;
}

#[tokio::test]
async fn a_restart_folds_and_goes_on_without_acting_twice() {
    let log = log();
    order_one(&log, "one").await;
    let (running, _) = start(&log, Calls::Answer);
    told(&log, 3).await;
    running.drain().await;
    let (mut running, seen) = start(&log, Calls::Answer);
    timeout(PATIENCE, running.live()).await.expect("it is live");
    order_one(&log, "two").await;
    assert_eq!(told(&log, 6).await, STORY);
    assert_eq!(*seen.calls.lock().unwrap(), [2], "the first was settled");
    running.drain().await;
}

#[tokio::test]
async fn an_owed_effect_starts_again_after_a_restart() {
    let log = log();
    order_one(&log, "one").await;
    let (running, seen) = start(&log, Calls::Hang);
    seen.until(|seen| !seen.calls.lock().unwrap().is_empty()).await;
    drop(running);
    let (running, _) = start(&log, Calls::Answer);
    assert_eq!(told(&log, 3).await, STORY[..3]);
    running.drain().await;
}

#[tokio::test]
async fn a_crash_at_any_boundary_changes_nothing() {
    for crash_at in 0..18 {
        let log = log();
        order_one(&log, "one").await;
        order_one(&log, "two").await;
        let reached = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&reached);
        let (crashing, _) = host(&log, Calls::Answer);
        let mut running = crashing
            .failpoint(Arc::new(move |boundary| {
                let n = counted.fetch_add(1, Ordering::SeqCst);
                assert!(n != crash_at, "crash at {boundary:?}");
            }))
            .start();
        let failure = failure(&mut running).await;
        assert!(matches!(failure.error, Error::Panicked(_)), "{failure:?}");
        drop(running);
        let (running, _) = start(&log, Calls::Answer);
        let got: BTreeSet<_> = told(&log, 6).await.into_iter().collect();
        assert_eq!(got, expected(2, []), "crash at boundary {crash_at}");
        running.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_on_one_chain_agree() {
    let log = log();
    let running = [start(&log, Calls::Answer).0, start(&log, Calls::Answer).0];
    for n in 0..10 {
        order_one(&log, &format!("order {n}")).await;
    }
    let got = told(&log, 30).await;
    assert_eq!(got.iter().cloned().collect::<BTreeSet<_>>(), expected(10, []));
    for host in running {
        host.drain().await;
    }
}

#[tokio::test]
async fn a_zombies_records_change_nothing() {
    let log = log();
    order_one(&log, "one").await;
    let (running, _) = start(&log, Calls::Answer);
    let before = winners(&log, &key(), 3).await;
    // A zombie that has seen the first two facts wakes up and goes on by itself.
    let mut head = Head::after(&before[1]);
    for n in 0..3 {
        let event = noted(1001, &format!("zombie {n}"));
        let source = ResearcherFact::ROLE.source();
        let envelope = head.next(&key(), &source, event.fact_type(), Timestamp::from_millis(9));
        let record = Recorded { envelope, body: event.body() };
        head = Head::after(&record);
        log.append(Topic::Researcher, &record).await.unwrap();
    }
    order_one(&log, "two").await;
    assert_eq!(told(&log, 6).await, STORY);
    assert_eq!(winners(&log, &key(), 6).await[..3], before);
    running.drain().await;
}

#[tokio::test]
async fn held_inputs_are_decided_once_they_can_be() {
    let log = log();
    for (record, _) in chain([mention(2)]) {
        log.append(Topic::Memory, &record).await.unwrap();
    }
    let (running, _) = start(&log, Calls::Answer);
    order_one(&log, "one").await;
    told(&log, 3).await;
    order_one(&log, "two").await;
    let got: BTreeSet<_> = told(&log, 7).await.into_iter().collect();
    assert_eq!(got, expected(2, [2]));
    running.drain().await;
}

#[tokio::test]
async fn a_foreign_loser_is_never_heard() {
    let log = log();
    for (record, _) in chain([order("winner")]).iter().chain(&chain([order("loser")])) {
        log.append(Topic::Campaigns, record).await.unwrap();
    }
    let (running, seen) = start(&log, Calls::Answer);
    order_one(&log, "two").await;
    let got: BTreeSet<_> = told(&log, 6).await.into_iter().collect();
    assert_eq!(got, expected(2, []));
    assert_eq!(*seen.observed.lock().unwrap(), ["c/operator/1", "c/operator/2"]);
    running.drain().await;
}

#[tokio::test]
async fn a_drain_cancels_effects_and_leaves_a_whole_log() {
    let log = log();
    order_one(&log, "one").await;
    let (running, seen) = start(&log, Calls::Hang);
    seen.until(|seen| !seen.calls.lock().unwrap().is_empty()).await;
    timeout(PATIENCE, running.drain()).await.expect("it ends");
    assert_eq!(*seen.cancelled.lock().unwrap(), [1]);
    order_one(&log, "two").await;
    assert_eq!(told(&log, 2).await, STORY[..2]);
}

#[tokio::test]
async fn an_effect_that_panics_is_started_again() {
    let log = log();
    order_one(&log, "one").await;
    let (running, seen) = start(&log, Calls::PanicOnce);
    assert_eq!(told(&log, 3).await, STORY[..3]);
    assert_eq!(*seen.calls.lock().unwrap(), [1, 1]);
    running.drain().await;
}

#[tokio::test]
async fn a_corrupt_chain_stops_its_campaign_and_no_other() {
    let log = log();
    order_one(&log, "one").await;
    let (mut running, _) = start(&log, Calls::Answer);
    let facts = winners(&log, &key(), 3).await;
    let mut torn = facts[2].clone();
    torn.envelope.id.sequence = 9;
    let position = log.append(Topic::Researcher, &torn).await.unwrap();
    let failure = failure(&mut running).await;
    assert_eq!(failure.key, Some(key()));
    assert!(matches!(failure.error, Error::Corrupt { position: at, .. } if at == position), "{failure:?}");
    assert_eq!(failure.to_string(), "researcher stopped c");
    order_one(&log, "two").await;
    let other = "other".parse().unwrap();
    issue(&log, &*clock(), &other, order("one")).await.unwrap();
    assert_eq!(winners(&log, &other.into(), 3).await.len(), 3);
    assert_eq!(told(&log, 3).await, STORY[..3]);
    running.drain().await;
}

#[tokio::test]
async fn a_lost_partition_is_finished_released_and_can_come_back() {
    let log = log();
    let (change, changes) = mpsc::unbounded_channel();
    let moving: Arc<dyn EventLog> = Arc::new(Toyed { changes: Mutex::new(Some(changes)), ..Toyed::over(&log) });
    let (running, seen) = start(&moving, Calls::Hang);
    let partition = Topic::Researcher.partition(&key());
    let others: Vec<_> = (0..Topic::Researcher.partitions()).filter(|&other| other != partition).collect();
    order_one(&log, "one").await;
    change.send(Change::Gained(others)).unwrap();
    change.send(Change::Gained(vec![partition])).unwrap();
    seen.until(|seen| !seen.calls.lock().unwrap().is_empty()).await;

    let (release, released) = Release::new();
    change.send(Change::Lost(vec![partition], release)).unwrap();
    timeout(PATIENCE, released).await.expect("it is released").unwrap();
    assert_eq!(*seen.cancelled.lock().unwrap(), [1]);
    assert_eq!(told(&log, 2).await, STORY[..2]);

    order_one(&log, "two").await;
    change.send(Change::Gained(vec![partition])).unwrap();
    seen.until(|seen| seen.calls.lock().unwrap().len() == 3).await;
    assert_eq!(*seen.calls.lock().unwrap(), [1, 1, 2]);
    assert_eq!(told(&log, 4).await, ["captured 1", "asked 1", "captured 2", "asked 2"]);
    timeout(PATIENCE, running.drain()).await.expect("it ends");
}

#[tokio::test]
async fn a_service_that_panics_while_it_hears_is_reported() {
    let log = log();
    let (mut running, seen) = start(&log, Calls::Answer);
    // A poisoned lock makes `observe` panic.
    let poisoned = std::thread::spawn({
        let seen = Arc::clone(&seen);
        move || {
            let _held = seen.observed.lock().unwrap();
            panic!("poison");
        }
    });
    assert!(poisoned.join().is_err());
    order_one(&log, "one").await;
    let failure = failure(&mut running).await;
    assert!(matches!((&failure.key, &failure.error), (None, Error::Panicked(_))), "{failure:?}");
    timeout(PATIENCE, running.drain()).await.expect("it ends");
}

#[tokio::test]
async fn a_full_disk_stops_the_service_loudly_and_loses_nothing() {
    let log = log();
    order_one(&log, "one").await;
    let full: Arc<dyn EventLog> = Arc::new(Toyed { is_full: true, ..Toyed::over(&log) });
    let (mut running, _) = start(&full, Calls::Answer);
    let failure = failure(&mut running).await;
    assert!(matches!(failure.error, Error::Log(move37_eventlog::Error::Full { .. })), "{failure:?}");
    timeout(PATIENCE, running.drain()).await.expect("it ends");
    let (running, _) = start(&log, Calls::Answer);
    assert_eq!(told(&log, 3).await, STORY[..3]);
    running.drain().await;
}

#[tokio::test]
async fn the_membership_is_given_up_when_every_actor_has_left() {
    let log = log();
    order_one(&log, "one").await;
    let (sender, given_up) = std::sync::mpsc::channel();
    let (toyed, cancelled) = (Toyed::over(&log), Arc::new(Mutex::new(Vec::new())));
    let left = Arc::clone(&cancelled);
    let on_leave = Box::new(move || sender.send(left.lock().unwrap().clone()).unwrap());
    let toyed: Arc<dyn EventLog> = Arc::new(Toyed { on_leave: Mutex::new(Some(on_leave)), ..toyed });
    let seen = Arc::new(Seen { cancelled, ..Seen::default() });
    let running = host_of(&toyed, Calls::Hang, Arc::clone(&seen)).start();
    seen.until(|seen| !seen.calls.lock().unwrap().is_empty()).await;
    timeout(PATIENCE, running.drain()).await.expect("it ends");
    assert_eq!(given_up.recv().unwrap(), [1], "the effect had ended before");
}
