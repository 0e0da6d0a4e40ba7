//! A worker's effects: training, keeping states, obeying, leaving. Threads train in real time, so nothing here asserts any.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use move37_blobs::{Blob, Store};
use move37_core::{Hash, Key};
use move37_events::Fact;
use move37_events::facts::{
    Checkpoint, Job, Outcome as Ended, RunId, RunLost, RunPaused, RunResult, RunStopped, Spend, TrainerFact,
};
use move37_runtime::{Cancel, Canceller, Outbox, Service};
use move37_testkit::sample;
use move37_trainer::worker::{Backend, Candle, Config, Departure, Devices, Idle, WorkerService};
use move37_trainer_domain::worker::{Effect, Outcome};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use super::job;

const RUN: &str = "1-explore-mqar-0";
const HOUR: Duration = Duration::from_secs(3600);

/// Trains until it is told otherwise.
const ENDLESS: Idle = Idle { time: HOUR };

struct Shell<B> {
    service: Arc<WorkerService<B>>,
    departure: Option<Departure>,
    store: Store,
}

/// A running effect.
struct Running {
    outcomes: UnboundedReceiver<Outcome>,
    canceller: Canceller,
    task: JoinHandle<()>,
}

impl<B: Backend> Shell<B> {
    /// A worker that keeps states this often.
    fn new(backend: B, checkpoint: Duration) -> Shell<B> {
        let config = Config {
            key: key("w.1"),
            host: "here".into(),
            device: "cpu".into(),
            binary: "test".into(),
            threads: 1,
            slots: 1,
            lease: HOUR,
            checkpoint,
        };
        let store = Store::open("memory:///").unwrap();
        let (service, departure) = WorkerService::new(config, backend, store.clone());
        Shell { service: Arc::new(service), departure: Some(departure), store }
    }

    fn start(&self, effect: Effect) -> Running {
        let (outbox, outcomes) = Outbox::channel();
        let (canceller, cancel) = Cancel::new();
        let task = tokio::spawn(Arc::clone(&self.service).perform(key("w.1"), effect, outbox, cancel));
        Running { outcomes, canceller, task }
    }

    fn train(&self, job: Job, attempt: u32, resume: Option<Checkpoint>) -> Running {
        let campaign = "c".parse().unwrap();
        self.start(Effect::Train { campaign, run: run(), attempt, job: Box::new(job), resume })
    }

    fn hear(&self, fact: impl Into<TrainerFact>) {
        self.service.observe(&sample::id("c/trainer/7"), &Fact::Trainer(fact.into()));
    }

    fn pause(&self, attempt: u32) {
        self.hear(RunPaused { run: run(), attempt, why: "the campaign was paused".into() });
    }

    fn stop(&self, attempt: u32) {
        self.hear(RunStopped { run: run(), attempt, why: "enough".into() });
    }
}

/// What came of a run.
#[derive(Debug)]
struct End {
    saved: Vec<Checkpoint>,
    outcome: Ended,
    spend: Spend,
}

impl Running {
    async fn next(&mut self) -> Outcome {
        self.outcomes.recv().await.unwrap()
    }

    /// Some steps are done.
    async fn is_under_way(&mut self) {
        while !matches!(self.next().await, Outcome::Progress { step: 1.., .. }) {}
    }

    async fn end(mut self) -> End {
        let mut saved = Vec::new();
        loop {
            match self.next().await {
                Outcome::Saved { checkpoint, .. } => saved.push(checkpoint),
                Outcome::Finished { outcome, spend, .. } => return End { saved, outcome, spend },
                _ => {}
            }
        }
    }
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn run() -> RunId {
    RunId(RUN.to_owned())
}

fn candle() -> Candle {
    Candle { data: PathBuf::from("unused"), threads: 1, devices: Devices::default() }
}

fn completed(end: &End) -> &RunResult {
    let Ended::Completed(result) = &end.outcome else { panic!("{end:?}") };
    result
}

#[tokio::test]
async fn a_paused_run_keeps_its_state_and_goes_on_as_if_it_had_never_stopped() {
    let whole = Shell::new(candle(), HOUR).train(job(4000), 1, None).end().await;
    let shell = Shell::new(candle(), HOUR);
    let mut first = shell.train(job(4000), 1, None);
    first.is_under_way().await;
    shell.pause(1);
    let first = first.end().await;
    assert_eq!(first.outcome, Ended::Stopped);
    let [checkpoint] = &first.saved[..] else { panic!("{first:?}") };
    let steps = f64::from(checkpoint.step);
    assert!((200.0..4000.0).contains(&steps));
    let second = shell.train(job(4000), 2, Some(checkpoint.clone())).end().await;
    assert_eq!(completed(&second), completed(&whole));
    assert_eq!(first.spend.flops, whole.spend.flops / 4000.0 * steps);
    assert_eq!(first.spend.flops + second.spend.flops, whole.spend.flops);
    assert_eq!(whole.spend.flops, completed(&whole).flops);
}

#[tokio::test]
async fn a_run_keeps_its_state_now_and_then() {
    let shell = Shell::new(candle(), Duration::ZERO);
    let end = shell.train(job(200), 1, None).end().await;
    completed(&end);
    let steps: Vec<u32> = end.saved.iter().map(|saved| saved.step).collect();
    assert!(!steps.is_empty() && steps.is_sorted_by(|a, b| a < b), "{steps:?}");
    for Checkpoint { hash, size, .. } in end.saved {
        assert_eq!(shell.store.get(&Blob { hash, size }).await.unwrap().len() as u64, size);
    }
}

#[tokio::test]
async fn a_stopped_run_ends_without_keeping_its_state() {
    let shell = Shell::new(candle(), HOUR);
    let mut running = shell.train(job(20_000), 1, None);
    running.is_under_way().await;
    shell.stop(1);
    let end = running.end().await;
    assert_eq!((end.outcome, end.saved), (Ended::Stopped, Vec::new()));
    assert!(end.spend.flops > 0.0);
}

#[tokio::test]
async fn an_order_that_was_heard_before_the_training_began_is_obeyed() {
    let shell = Shell::new(ENDLESS, HOUR);
    shell.pause(1);
    let end = shell.train(job(20), 1, None).end().await;
    assert_eq!((end.outcome, end.saved, end.spend.flops), (Ended::Stopped, Vec::new(), 0.0));
}

#[tokio::test]
async fn an_order_about_another_attempt_or_one_that_is_over_is_not_obeyed() {
    let shell = Shell::new(Idle { time: Duration::from_millis(50) }, HOUR);
    shell.pause(1);
    completed(&shell.train(job(20), 2, None).end().await);
    shell.pause(3);
    let (why, spend) = ("silent".into(), Spend::default());
    shell.hear(RunLost { run: run(), attempt: 3, why, counts: true, spend, checkpoint: None });
    completed(&shell.train(job(20), 3, None).end().await);
}

#[tokio::test]
async fn a_run_that_is_no_longer_owed_ends_and_keeps_nothing() {
    let shell = Shell::new(candle(), HOUR);
    let mut running = shell.train(job(20_000), 1, None);
    running.is_under_way().await;
    running.canceller.cancel();
    // It ends only after its thread.
    running.task.await.unwrap();
    while let Some(outcome) = running.outcomes.recv().await {
        assert!(matches!(outcome, Outcome::Progress { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_missing_state_is_a_fault_that_names_it() {
    let shell = Shell::new(candle(), HOUR);
    let missing = Checkpoint { hash: Hash::of(b"missing"), size: 7, step: 5 };
    let end = shell.train(job(20), 2, Some(missing.clone())).end().await;
    let Ended::Faulted(why) = &end.outcome else { panic!("{end:?}") };
    assert!(why.starts_with(&format!("failed to read blob {}", missing.hash)), "{why}");
    assert!(why.contains("does not have it"), "{why}");
}

#[tokio::test]
async fn a_state_of_another_run_is_a_fault() {
    let shell = Shell::new(candle(), HOUR);
    let mut running = shell.train(job(20_000), 1, None);
    running.is_under_way().await;
    shell.pause(1);
    let kept = running.end().await.saved.remove(0);
    let end = shell.train(Job { seed: 2, ..job(20_000) }, 2, Some(kept)).end().await;
    let Ended::Faulted(why) = &end.outcome else { panic!("{end:?}") };
    assert!(why.contains("it belongs to seed 1, not 2"), "{why}");
    let blob = shell.store.put(b"no checkpoint".to_vec()).await.unwrap();
    let kept = Checkpoint { hash: blob.hash, size: blob.size, step: 5 };
    let end = shell.train(job(20), 2, Some(kept)).end().await;
    assert!(matches!(&end.outcome, Ended::Faulted(why) if why.contains("go on from the checkpoint")), "{end:?}");
}

#[tokio::test]
async fn a_leaving_worker_says_so_and_lets_go_of_its_runs() {
    // A step takes a fifth of a second.
    let mut shell = Shell::new(Idle { time: Duration::from_secs(4) }, HOUR);
    let mut running = shell.train(job(20), 1, None);
    running.is_under_way().await;
    let mut stay = shell.start(Effect::Stay);
    let departure = shell.departure.take().unwrap();
    let leaving = tokio::spawn(departure.leave("shutdown", HOUR));
    assert_eq!(stay.next().await, Outcome::Leaving { why: "shutdown".into() });
    let end = running.end().await;
    assert_eq!((end.outcome, end.saved.len()), (Ended::Stopped, 1));
    // What the rules make of it.
    let gone = shell.start(Effect::Gone);
    assert!(leaving.await.unwrap());
    gone.canceller.cancel();
}

#[tokio::test(start_paused = true)]
async fn a_worker_out_of_patience_leaves_without_waiting() {
    let mut shell = Shell::new(ENDLESS, HOUR);
    let mut stay = shell.start(Effect::Stay);
    let departure = shell.departure.take().unwrap();
    let leaving = tokio::spawn(departure.leave("shutdown", Duration::from_secs(8)));
    assert_eq!(stay.next().await, Outcome::Leaving { why: "shutdown".into() });
    assert_eq!(stay.next().await, Outcome::Leaving { why: "shutdown".into() });
    assert!(!leaving.await.unwrap(), "nobody recorded it");
}
