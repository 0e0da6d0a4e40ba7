use std::sync::Arc;

use move37_core::{Ctx, Decider, EffectId, EventId, Key, Owed, Recorded, Rejection};
use move37_eventlog::EventLog;
use move37_events::facts::{RunFact, WorkerJoined, WorkerLeft};
use move37_events::{Fact, FactSet, Input, Topic};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::service::{PATIENCE, clock, log};
use super::toy::{campaign, order};
use crate::command::issue;
use crate::{Cancel, Host, Outbox, Service, Start};

/// A worker that joins, and leaves at the first order that comes after.
#[derive(Default)]
pub(super) struct Worker {
    joined: bool,
    left: bool,
}

#[derive(Debug)]
pub(super) struct Join;

#[derive(Debug, thiserror::Error)]
#[error("not joined yet")]
pub(super) struct NotJoined;

impl Rejection for NotJoined {
    fn is_early(&self) -> bool {
        true
    }
}

impl Owed for Join {
    fn id(&self) -> EffectId {
        "join".to_owned()
    }
}

impl Decider for Worker {
    type Input = Input<String>;
    type Event = RunFact;
    type Effect = Join;
    type Rejection = NotJoined;

    fn decide(&self, input: &Input<String>, _: &Ctx) -> Result<Option<RunFact>, NotJoined> {
        match input {
            Input::Outcome(_) if self.joined => Ok(None),
            Input::Outcome(host) => Ok(Some(joined(host))),
            Input::Fact { fact: Fact::Campaign(_), .. } if !self.joined => Err(NotJoined),
            Input::Fact { id, fact: Fact::Campaign(_) } if !self.left => {
                Ok(Some(WorkerLeft { why: id.to_string(), free: 0 }.into()))
            }
            Input::Fact { .. } => Ok(None),
        }
    }

    fn evolve(&mut self, event: &RunFact) {
        match event {
            RunFact::WorkerJoined(_) => self.joined = true,
            RunFact::WorkerLeft(_) => self.left = true,
            RunFact::RunAccepted(_)
            | RunFact::RunDeclined(_)
            | RunFact::MetricsRecorded(_)
            | RunFact::CheckpointSaved(_)
            | RunFact::RunFinished(_)
            | RunFact::WorkerWithdrew(_) => {}
        }
    }

    fn effects(&self) -> Vec<Join> {
        if self.joined { Vec::new() } else { vec![Join] }
    }
}

fn joined(host: &str) -> RunFact {
    let text = |text: &str| text.to_owned();
    WorkerJoined {
        worker: host.parse().unwrap(),
        host: text(host),
        device: text("cpu"),
        threads: 1,
        binary: text("test"),
        free: 1,
    }
    .into()
}

pub(super) struct WorkerService {
    pub(super) key: Key,
    pub(super) observed: mpsc::UnboundedSender<EventId>,
}

impl Service for WorkerService {
    type Outcome = String;
    type Decider = Worker;
    const INPUTS: &'static [Topic] = &[Topic::Campaigns];
    const START: Start = Start::Now;

    fn sole_key(&self) -> Option<Key> {
        Some(self.key.clone())
    }

    fn route(&self, _: &Recorded, _: &Fact) -> Option<Key> {
        Some(self.key.clone())
    }

    fn observe(&self, id: &EventId, _: &Fact) {
        self.observed.send(id.clone()).unwrap();
    }

    async fn perform(self: Arc<Self>, key: Key, _: Join, outbox: Outbox<String>, _: Cancel) {
        outbox.send(key.to_string());
    }
}

async fn own_facts(log: &Arc<dyn EventLog>, key: &Key, n: usize) -> Vec<(Recorded, RunFact)> {
    let topic = Topic::Runs;
    let from = move37_eventlog::Position { topic, partition: topic.partition(key), offset: 0 };
    let mut reader = log.read(vec![from]).await.unwrap();
    let mut facts = Vec::new();
    while facts.len() < n {
        let batch = timeout(PATIENCE, reader.next()).await.expect("facts come").unwrap();
        facts.extend(batch.into_iter().map(|stored| {
            let record = stored.parse().unwrap();
            let fact = RunFact::read(&record.envelope.fact, &record.body).unwrap();
            (record, fact)
        }));
    }
    facts
}

#[tokio::test]
async fn a_sole_writer_acts_from_its_empty_state_and_hears_only_what_is_new() {
    let log = log();
    issue(&log, &*clock(), &campaign(), order("before")).await.unwrap();
    let key: Key = "worker-1.boot-1".parse().unwrap();
    let (observed, mut heard) = mpsc::unbounded_channel();
    let running = Host::new(WorkerService { key: key.clone(), observed }, Arc::clone(&log), clock()).start();
    let facts = own_facts(&log, &key, 1).await;
    assert_eq!(facts[0].1, joined("worker-1.boot-1"));
    let envelope = &facts[0].0.envelope;
    assert_eq!((&envelope.cause, &envelope.campaign), (&None, &None));
    issue(&log, &*clock(), &campaign(), order("after")).await.unwrap();
    let facts = own_facts(&log, &key, 2).await;
    assert_eq!(facts[1].1, WorkerLeft { why: "c/operator/2".to_owned(), free: 0 }.into());
    running.drain().await;
    assert_eq!(heard.try_recv().unwrap().to_string(), "c/operator/2");
    assert!(heard.try_recv().is_err());
}

#[tokio::test]
async fn sole_writers_do_not_mind_each_other() {
    let log = log();
    let keys: [Key; 2] = ["worker-1.boot-1".parse().unwrap(), "worker-1.boot-2".parse().unwrap()];
    let (observed, _heard) = mpsc::unbounded_channel();
    let start = |key: &Key| {
        let service = WorkerService { key: key.clone(), observed: observed.clone() };
        Host::new(service, Arc::clone(&log), clock()).start()
    };
    let running = keys.each_ref().map(start);
    for key in &keys {
        own_facts(&log, key, 1).await;
    }
    for worker in running {
        worker.drain().await;
    }
    for key in &keys {
        assert_eq!(own_facts(&log, key, 1).await.len(), 1);
    }
}

#[test]
fn a_cancel_is_seen_by_threads_and_when_its_canceller_goes() {
    let (canceller, cancel) = Cancel::new();
    assert!(!cancel.is_cancelled());
    canceller.cancel();
    assert!(cancel.is_cancelled());
    let (canceller, cancel) = Cancel::new();
    drop(canceller);
    assert!(cancel.is_cancelled());
}
