//! The toy as a service, and ways to wait for what it does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use move37_core::{EventId, Key, Recorded, Timestamp, Verdict};
use move37_eventlog::{EventLog, Judge, Position};
use move37_events::facts::ResearcherFact;
use move37_events::{Fact, FactSet, Topic};
use move37_sqlite::SqliteLog;
use tokio::sync::Notify;

use super::toy::{Answer, Call, Toy, key, short};
use crate::{Cancel, Clock, Host, Outbox, Running, Service};

/// Longest wait for what must happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A clock that counts its readings.
#[derive(Default)]
pub(super) struct Ticks(AtomicU64);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

pub(super) fn clock() -> Arc<dyn Clock> {
    Arc::new(Ticks::default())
}

/// What the world saw of a service.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) calls: Mutex<Vec<u32>>,
    pub(super) observed: Mutex<Vec<String>>,
    pub(super) cancelled: Arc<Mutex<Vec<u32>>>,
    pub(super) changed: Notify,
}

impl Seen {
    /// Wait until this holds.
    pub(super) async fn until(&self, holds: impl Fn(&Seen) -> bool) {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                if holds(self) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("it happens");
    }
}

/// How calls are performed.
#[derive(Clone, Copy)]
pub(super) enum Calls {
    Answer,
    /// Wait until cancelled.
    Hang,
    /// Panic the first time.
    PanicOnce,
}

pub(super) struct ToyService {
    pub(super) seen: Arc<Seen>,
    pub(super) calls: Calls,
}

impl Service for ToyService {
    type Outcome = Answer;
    type Decider = Toy;
    const INPUTS: &'static [Topic] = &[Topic::Campaigns, Topic::Memory];

    fn observe(&self, id: &EventId, _: &Fact) {
        self.seen.observed.lock().unwrap().push(id.to_string());
        self.seen.changed.notify_waiters();
    }

    async fn perform(self: Arc<Self>, _: Key, call: Call, outbox: Outbox<Answer>, cancel: Cancel) {
        let before = {
            let mut calls = self.seen.calls.lock().unwrap();
            calls.push(call.0);
            calls.len() - 1
        };
        self.seen.changed.notify_waiters();
        match self.calls {
            Calls::PanicOnce if before == 0 => panic!("the call failed"),
            Calls::Answer | Calls::PanicOnce => outbox.send(Answer { to: call.0, text: "yes".to_owned() }),
            Calls::Hang => {
                cancel.cancelled().await;
                self.seen.cancelled.lock().unwrap().push(call.0);
                self.seen.changed.notify_waiters();
            }
        }
    }
}

pub(super) fn log() -> Arc<dyn EventLog> {
    Arc::new(SqliteLog::in_memory().unwrap())
}

/// Start the toy.
pub(super) fn start(log: &Arc<dyn EventLog>, calls: Calls) -> (Running, Arc<Seen>) {
    let (host, seen) = host(log, calls);
    (host.start(), seen)
}

pub(super) fn host(log: &Arc<dyn EventLog>, calls: Calls) -> (Host<ToyService>, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    (host_of(log, calls, Arc::clone(&seen)), seen)
}

pub(super) fn host_of(log: &Arc<dyn EventLog>, calls: Calls, seen: Arc<Seen>) -> Host<ToyService> {
    Host::new(ToyService { seen, calls }, Arc::clone(log), clock())
}

/// The winners of the toy's topic for one key, once there are `n`.
pub(super) async fn winners(log: &Arc<dyn EventLog>, of: &Key, n: usize) -> Vec<Recorded> {
    let topic = ResearcherFact::TOPIC;
    let mut judge = Judge::default();
    let mut winners = Vec::new();
    let from = Position { topic, partition: topic.partition(of), offset: 0 };
    let mut reader = log.read(vec![from]).await.unwrap();
    while winners.len() < n {
        let batch = tokio::time::timeout(PATIENCE, reader.next()).await;
        let batch = batch.unwrap_or_else(|_| panic!("{} of {n} facts came", winners.len())).unwrap();
        let judged = batch.into_iter().filter_map(|stored| judge.judge(stored).ok());
        let won = judged.filter(|judged| judged.verdict == Verdict::Won).map(|judged| judged.record);
        winners.extend(won.filter(|record| record.envelope.id.key == *of));
    }
    winners
}

/// The same in short.
pub(super) async fn told(log: &Arc<dyn EventLog>, n: usize) -> Vec<String> {
    let winners = winners(log, &key(), n).await;
    winners.iter().map(|record| short(&ResearcherFact::read(&record.envelope.fact, &record.body).unwrap())).collect()
}
