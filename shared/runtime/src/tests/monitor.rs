use std::sync::Arc;
use std::time::Duration;

use move37_core::{FactType, Key};
use move37_eventlog::{EventLog, Position};
use move37_events::facts::ResearcherFact;
use move37_events::{FactSet, Role, Topic};
use tokio::time::timeout;

use super::host::{failure, order_one};
use super::log::{Committed, Toyed};
use super::service::{Calls, PATIENCE, host, log, start, told};
use super::toy::{captured, chain, key, mention};
use crate::{Counts, Dropped, Monitor};

/// Wait until a monitor shows what is expected.
pub(super) async fn until<T>(monitor: &Monitor, look: impl Fn(&Monitor) -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look(monitor) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, looking).await.expect("the monitor shows it")
}

pub(super) async fn counts(monitor: &Monitor, expected: impl Fn(&Counts) -> bool) -> Counts {
    until(monitor, |monitor| Some(monitor.counts()).filter(|counts| expected(counts))).await
}

#[tokio::test]
async fn a_monitor_tells_what_a_service_does_and_has_at_hand() {
    let log = log();
    let (running, _) = start(&log, Calls::Answer);
    let monitor = running.monitor();
    assert_eq!((monitor.role(), monitor.keys()), (Role::Researcher, 0));
    order_one(&log, "one").await;
    told(&log, 3).await;
    // The order, the two own facts and the answer, and the answer's fact.
    let counts = counts(&monitor, |counts| counts.decided == 5 && counts.appended == 3).await;
    assert_eq!((counts.races_lost, counts.parked, counts.owed, counts.held), (0, 0, 0, 0));
    assert!(counts.dropped.len() == Dropped::ALL.len() && counts.dropped.values().all(|&count| count == 0));
    assert_eq!(monitor.partitions(), (0..Topic::Researcher.partitions()).collect::<Vec<_>>());
    assert_eq!(monitor.keys(), 1);
    let latency = monitor.latency();
    assert_eq!(latency.count, 3, "every fact came of an input from outside");
    assert!(latency.sum > 0.0 && latency.buckets.iter().map(|(_, count)| count).sum::<u64>() == 3);
    assert!(monitor.is_live());
    running.drain().await;
    assert!(!monitor.is_live());
    assert_eq!((monitor.partitions(), monitor.keys()), (vec![], 0));
    assert_eq!(monitor.counts().appended, 3);
}

#[tokio::test]
async fn what_is_owed_and_what_is_held_is_counted() {
    let log = log();
    order_one(&log, "one").await;
    log.append(Topic::Memory, &chain([mention(2)])[0].0).await.unwrap();
    let (running, _) = start(&log, Calls::Hang);
    let monitor = running.monitor();
    counts(&monitor, |counts| (counts.owed, counts.held) == (1, 1)).await;
    order_one(&log, "two").await;
    counts(&monitor, |counts| (counts.owed, counts.held) == (2, 0)).await;
    running.drain().await;
    counts(&monitor, |counts| (counts.owed, counts.held) == (0, 0)).await;
}

#[tokio::test]
async fn lost_places_are_counted_as_dropped() {
    let log = log();
    for (record, _) in chain([mention(1)]).iter().chain(&chain([mention(1)])).chain(&chain([mention(2)])) {
        log.append(Topic::Memory, record).await.unwrap();
    }
    let (running, _) = start(&log, Calls::Answer);
    let dropped = |why| move |counts: &Counts| counts.dropped[&why] == 1;
    counts(&running.monitor(), dropped(Dropped::Duplicate)).await;
    counts(&running.monitor(), dropped(Dropped::Raced)).await;
    assert_eq!(running.monitor().counts().parked, 0, "losing a race is ordinary");
    running.drain().await;
}

#[tokio::test]
async fn a_failure_of_a_campaign_is_told_and_the_service_stays_live() {
    let log = log();
    let mut torn = chain([captured(1)]).remove(0).0;
    torn.envelope.id.sequence = 9;
    let position = log.append(Topic::Researcher, &torn).await.unwrap();
    let (mut running, _) = start(&log, Calls::Answer);
    failure(&mut running).await;
    running.live().await;
    let monitor = running.monitor();
    assert!(monitor.is_live());
    let at = format!("move37.researcher/{}@0", position.partition);
    assert_eq!(
        monitor.failures(),
        [format!(
            "researcher stopped c: its own chain is corrupt at {at}: its place is 9, but the chain ends at 0: facts in \
             between are missing"
        )]
    );
    running.drain().await;
}

#[tokio::test]
async fn a_service_that_failed_as_a_whole_is_live_no_more() {
    let log = log();
    let (mut running, seen) = start(&log, Calls::Answer);
    running.live().await;
    let monitor = running.monitor();
    assert!(monitor.is_live());
    let poisoned = std::thread::spawn({
        let seen = Arc::clone(&seen);
        move || {
            let _held = seen.observed.lock().unwrap();
            panic!("poison");
        }
    });
    assert!(poisoned.join().is_err());
    order_one(&log, "one").await;
    failure(&mut running).await;
    assert!(!monitor.is_live());
    assert_eq!(monitor.failures().len(), 1, "{:?}", monitor.failures());
    running.drain().await;
}

#[tokio::test]
async fn whoever_waits_for_a_service_that_failed_waits_no_more() {
    let log = log();
    let toyed: Arc<dyn EventLog> = Arc::new(Toyed { is_lost: true, ..Toyed::over(&log) });
    let (mut running, _) = start(&toyed, Calls::Answer);
    timeout(PATIENCE, running.live()).await.expect("it returns");
    assert!(!running.monitor().is_live());
    running.drain().await;
}

#[tokio::test]
async fn lag_is_what_is_not_delivered_yet() {
    let log = log();
    log.append(Topic::Memory, &chain([mention(1)])[0].0).await.unwrap();
    let toyed: Arc<dyn EventLog> = Arc::new(Toyed { phantoms: Some((Topic::Memory, 5)), ..Toyed::over(&log) });
    let (running, _) = start(&toyed, Calls::Answer);
    let monitor = running.monitor();
    let lag = until(&monitor, |monitor| {
        let lag = monitor.lag();
        let late: Vec<_> = lag.iter().copied().filter(|(_, _, lag)| *lag > 0).collect();
        (late == [(Topic::Memory, 0, 5)]).then_some(lag)
    });
    // Inputs and its own topic.
    assert_eq!(lag.await.len() as u32, 3 * Topic::Memory.partitions());
    assert!(!monitor.is_live(), "the history of its inputs is not read");
    running.drain().await;
    assert!(monitor.lag().is_empty());
}

fn at(topic: Topic, offset: u64) -> Position {
    let key: Key = key();
    Position { topic, partition: topic.partition(&key), offset }
}

#[tokio::test]
async fn a_service_commits_below_the_oldest_input_that_is_not_dealt_with() {
    let log = log();
    let toyed = Arc::new(Toyed::over(&log));
    let mut committed = toyed.committed.subscribe();
    let over: Arc<dyn EventLog> = toyed;
    // Memory mentions 1, then 3: the second is early.
    for (record, _) in chain([mention(1), mention(3), mention(2)]) {
        log.append(Topic::Memory, &record).await.unwrap();
    }
    let (hanging, _) = host(&over, Calls::Hang);
    let running = hanging.commit_every(Duration::from_millis(2)).start();
    let mut wait_for = async |expected: [Position; 2]| {
        let there = committed.wait_for(|committed: &Committed| committed.next == expected);
        let Committed { by, .. } = timeout(PATIENCE, there).await.expect("it is committed").unwrap().clone();
        assert_eq!(by, Some(Role::Researcher));
    };
    order_one(&log, "one").await;
    wait_for([at(Topic::Campaigns, 1), at(Topic::Memory, 1)]).await;
    order_one(&log, "two").await;
    // What memory said last is dealt with, what it said before still waits.
    told(&log, 6).await;
    wait_for([at(Topic::Campaigns, 2), at(Topic::Memory, 1)]).await;
    order_one(&log, "three").await;
    wait_for([at(Topic::Campaigns, 3), at(Topic::Memory, 3)]).await;
    running.drain().await;
}

#[tokio::test]
async fn a_service_that_leaves_commits_what_it_has_dealt_with() {
    let log = log();
    let toyed = Arc::new(Toyed::over(&log));
    let over: Arc<dyn EventLog> = Arc::clone(&toyed) as Arc<dyn EventLog>;
    order_one(&log, "one").await;
    log.append(Topic::Memory, &chain([mention(2)])[0].0).await.unwrap();
    let (seldom, _) = host(&over, Calls::Answer);
    let running = seldom.commit_every(Duration::from_secs(3_600)).start();
    told(&log, 3).await;
    counts(&running.monitor(), |counts| counts.decided == 5 && counts.held == 1).await;
    running.drain().await;
    let Committed { commits, by, next } = toyed.committed.borrow().clone();
    assert_eq!((commits, by), (1, Some(Role::Researcher)));
    assert_eq!(next, [at(Topic::Campaigns, 1)], "the mention waits");
}

#[tokio::test]
async fn a_stopped_campaign_keeps_its_place() {
    let log = log();
    let toyed = Arc::new(Toyed::over(&log));
    let over: Arc<dyn EventLog> = Arc::clone(&toyed) as Arc<dyn EventLog>;
    let mut torn = chain([captured(1)]).remove(0).0;
    torn.envelope.fact = FactType { name: "never.heard".to_owned(), version: 1 };
    log.append(ResearcherFact::TOPIC, &torn).await.unwrap();
    order_one(&log, "one").await;
    let (mut running, seen) = start(&over, Calls::Answer);
    failure(&mut running).await;
    seen.until(|seen| seen.observed.lock().unwrap().len() == 1).await;
    running.drain().await;
    assert_eq!(toyed.committed.borrow().next, []);
}
