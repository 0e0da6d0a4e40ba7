//! Facts of newer releases.

use std::sync::Arc;

use move37_core::{FactType, Key};
use move37_eventlog::{EventLog, Position};
use move37_events::{FactSet, Reason, Topic};
use tokio::sync::mpsc;

use super::host::{failure, order_one};
use super::letters::letters;
use super::log::Toyed;
use super::perform::WorkerService;
use super::service::{Calls, clock, log, start, told, winners};
use super::toy::{captured, chain, key, order};
use crate::command::issue;
use crate::{Dropped, Error, Failure, Host};

/// A fact of the chain of `c` as the next release would write it, in the place after those before.
async fn append_newer<F: FactSet>(log: &Arc<dyn EventLog>, facts: impl IntoIterator<Item = F>) -> Position {
    let (mut newer, _) = chain(facts).pop().unwrap();
    newer.envelope.fact = FactType { version: 2, ..newer.envelope.fact };
    log.append(F::TOPIC, &newer).await.unwrap()
}

fn assert_names(failure: &Failure, position: Position, version: &str) {
    let Position { topic, partition, offset } = position;
    let sentence = failure.sentence();
    for part in [&format!("{topic}/{partition}@{offset}"), version, "run that release here"] {
        assert!(sentence.contains(part), "{sentence}");
    }
}

/// A campaign in another partition than `c`.
fn elsewhere() -> Key {
    let topic = Topic::Researcher;
    let keys = (0..).map(|n| format!("other-{n}").parse::<Key>().unwrap());
    keys.into_iter().find(|other| topic.partition(other) != topic.partition(&key())).unwrap()
}

/// Another campaign in the partition of `c`.
fn beside() -> Key {
    let topic = Topic::Researcher;
    let keys = (0..).map(|n| format!("other-{n}").parse::<Key>().unwrap());
    keys.into_iter().find(|other| topic.partition(other) == topic.partition(&key())).unwrap()
}

async fn order_for(log: &Arc<dyn EventLog>, of: &Key) {
    issue(log, &*clock(), &of.as_str().parse().unwrap(), order("one")).await.unwrap();
}

#[tokio::test]
async fn a_foreign_fact_of_a_newer_release_stops_its_partition_and_no_other() {
    let log = log();
    let toyed = Arc::new(Toyed::over(&log));
    let over: Arc<dyn EventLog> = Arc::clone(&toyed) as Arc<dyn EventLog>;
    order_for(&log, &beside()).await;
    let (mut running, seen) = start(&over, Calls::Hang);
    seen.until(|seen| *seen.calls.lock().unwrap() == [1]).await;
    let position = append_newer(&log, [order("newer")]).await;
    let failure = failure(&mut running).await;
    assert_eq!((&failure.key, failure.partition, failure.is_of_all()), (&None, Some(position.partition), false));
    assert!(matches!(failure.error, Error::Newer { position: at, .. } if at == position), "{failure:?}");
    assert_names(&failure, position, "move37.campaign.paused.v2");
    // The campaign beside it owes nothing more, and hears nothing more.
    seen.until(|seen| *seen.cancelled.lock().unwrap() == [1]).await;
    let heard = seen.observed.lock().unwrap().len();
    issue(&log, &*clock(), &beside().as_str().parse().unwrap(), order("two")).await.unwrap();
    // The others go on.
    order_for(&log, &elsewhere()).await;
    winners(&log, &elsewhere(), 2).await;
    assert_eq!(winners(&log, &beside(), 2).await.len(), 2);
    assert_eq!(seen.observed.lock().unwrap()[heard..], [format!("{}/operator/1", elsewhere())]);
    let monitor = running.monitor();
    assert!(monitor.is_live());
    assert_eq!((monitor.counts().dropped[&Dropped::Newer], monitor.failures().len()), (1, 1));
    let written = letters(&log).await;
    assert_eq!((written.len(), written[0].reason), (1, Reason::Newer));
    running.drain().await;
    let committed = toyed.committed.borrow().next.clone();
    assert!(committed.contains(&position), "nothing from there on is dealt with: {committed:?}");
}

#[tokio::test]
async fn an_own_fact_of_a_newer_release_stops_its_partition() {
    let log = log();
    order_one(&log, "one").await;
    let position = append_newer(&log, [captured(1)]).await;
    let (mut running, seen) = start(&log, Calls::Answer);
    let failure = failure(&mut running).await;
    assert!(matches!(failure.error, Error::Newer { .. }), "{failure:?}");
    assert_names(&failure, position, "move37.campaign.followed.v2");
    running.live().await;
    assert!(running.monitor().is_live(), "the other partitions are read");
    order_for(&log, &elsewhere()).await;
    winners(&log, &elsewhere(), 3).await;
    assert!(!seen.observed.lock().unwrap().contains(&"c/operator/1".to_owned()));
    assert_eq!(letters(&log).await.len(), 1);
    running.drain().await;
}

#[tokio::test]
async fn a_newer_fact_in_history_stops_its_partition_at_every_start() {
    let log = log();
    append_newer(&log, [order("newer")]).await;
    for _ in 0..2 {
        let (mut running, _) = start(&log, Calls::Answer);
        failure(&mut running).await;
        running.live().await;
        assert!(running.monitor().is_live());
        running.drain().await;
    }
    assert_eq!(letters(&log).await.len(), 1);
}

#[tokio::test]
async fn a_newer_fact_that_lost_its_place_stops_nothing() {
    let log = log();
    order_one(&log, "one").await;
    append_newer(&log, [order("newer")]).await;
    let (running, _) = start(&log, Calls::Answer);
    assert_eq!(told(&log, 3).await, ["captured 1", "asked 1", "answered 1"]);
    assert!(running.monitor().failures().is_empty());
    running.drain().await;
    assert!(letters(&log).await.is_empty());
}

#[tokio::test]
async fn a_newer_fact_stops_the_writer_of_one_chain_altogether() {
    let log = log();
    let worker: Key = "worker-1.boot-1".parse().unwrap();
    let (observed, _heard) = mpsc::unbounded_channel();
    let mut running = Host::new(WorkerService { key: worker.clone(), observed }, Arc::clone(&log), clock()).start();
    running.live().await;
    append_newer(&log, [order("newer")]).await;
    let failure = failure(&mut running).await;
    assert_eq!((failure.key, failure.partition), (Some(worker), None));
    running.drain().await;
}
