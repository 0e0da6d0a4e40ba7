//! A whole worker over a log: what it does when it was taken for dead.

use std::sync::Arc;
use std::time::Duration;

use move37_blobs::Store;
use move37_core::{Head, Key, Recorded, Timestamp};
use move37_eventlog::{EventLog, History};
use move37_events::facts::{RunDispatched, RunFact, RunId, RunLost, Spend, TrainerFact};
use move37_events::{FactSet, Topic};
use move37_runtime::{Host, Running, SystemClock};
use move37_sqlite::SqliteLog;
use move37_trainer::worker::{Config, Departure, Idle, WorkerService};

use super::job;

/// A worker under way, and the trainer's chain, which the test writes.
struct World {
    log: Arc<dyn EventLog>,
    trainer: Head,
    departure: Departure,
    _running: Running,
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn run() -> RunId {
    RunId("1-explore-mqar-0".to_owned())
}

impl World {
    async fn new() -> World {
        let log: Arc<dyn EventLog> = Arc::new(SqliteLog::in_memory().unwrap());
        let hour = Duration::from_secs(3600);
        let config = Config {
            key: key("w.1"),
            host: "here".into(),
            device: "cpu".into(),
            binary: "test".into(),
            threads: 1,
            slots: 1,
            lease: hour,
            checkpoint: hour,
        };
        let (worker, departure) = WorkerService::new(config, Idle { time: hour }, Store::open("memory:///").unwrap());
        let running = Host::new(worker, log.clone(), Arc::new(SystemClock)).start();
        let world = World { log, trainer: Head::default(), departure, _running: running };
        world.until("worker.joined").await;
        world
    }

    async fn trainer(&mut self, fact: impl Into<TrainerFact>) {
        let fact = fact.into();
        let source = TrainerFact::ROLE.source();
        let mut envelope = self.trainer.next(&key("c"), &source, fact.fact_type(), Timestamp::default());
        envelope.campaign = Some("c".parse().unwrap());
        let record = Recorded { envelope, body: fact.body() };
        self.trainer = Head::after(&record);
        self.log.append(Topic::Trainer, &record).await.unwrap();
    }

    async fn dispatch(&mut self, worker: &str, attempt: u32) {
        let (worker, job) = (key(worker), job(1_000_000));
        let body = RunDispatched { run: run(), attempt, dispatch: attempt, worker, job, resume: None };
        self.trainer(body).await;
    }

    /// The worker's facts.
    async fn facts(&self) -> Vec<RunFact> {
        let mut history = History::of_topics(&*self.log, [Topic::Runs]).await.unwrap();
        let mut facts = Vec::new();
        while let Some(batch) = history.next().await.unwrap() {
            for stored in batch {
                let record = stored.parse().unwrap();
                facts.push(RunFact::read(&record.envelope.fact, &record.body).unwrap());
            }
        }
        facts
    }

    /// Wait for a fact of the worker.
    async fn until(&self, name: &str) -> RunFact {
        loop {
            if let Some(fact) = self.facts().await.into_iter().find(|fact| fact.fact_type().name == name) {
                return fact;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn a_worker_that_slept_past_its_lease_gives_up_what_was_lost_and_takes_on_again() {
    let mut world = World::new().await;
    world.dispatch("w.1", 1).await;
    world.until("run.accepted").await;
    let (why, spend) = ("silent".to_owned(), Spend::default());
    world.trainer(RunLost { run: run(), attempt: 1, why, counts: true, spend, checkpoint: None }).await;
    let fact = world.until("run.finished").await;
    assert!(matches!(&fact, RunFact::RunFinished(body) if (body.attempt, body.free) == (1, 1)), "{fact:?}");
    world.dispatch("w.1", 2).await;
    while world.facts().await.iter().filter(|fact| fact.fact_type().name == "run.accepted").count() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_worker_whose_place_a_later_boot_has_taken_leaves() {
    let mut world = World::new().await;
    world.dispatch("w.1", 1).await;
    world.until("run.accepted").await;
    world.dispatch("w.2", 2).await;
    let fact = world.until("worker.left").await;
    assert!(matches!(&fact, RunFact::WorkerLeft(body) if body.why == "w.2 has taken its place"), "{fact:?}");
    world.departure.left().await;
}
