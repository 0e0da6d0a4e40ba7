//! Places and watches against workers' facts, with time that stands still until it is needed.
use std::sync::Arc;
use std::time::Duration;

use move37_core::Key;
use move37_events::Fact;
use move37_events::facts::{
    Checkpoint, CheckpointSaved, MetricsRecorded, Outcome as Ended, RunAccepted, RunDeclined, RunFact, RunFinished,
    RunId, Spend, WorkerJoined, WorkerLeft, WorkerWithdrew,
};
use move37_runtime::{Cancel, Canceller, Outbox, Service};
use move37_testkit::sample;
use move37_trainer::TrainerService;
use move37_trainer_domain::{Effect, Outcome};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

const LEASE: Duration = Duration::from_secs(60);

struct Shell {
    service: Arc<TrainerService>,
    sequence: u64,
}

/// A running effect.
struct Running {
    outcomes: UnboundedReceiver<Outcome>,
    canceller: Canceller,
    task: JoinHandle<()>,
}

impl Running {
    async fn outcome(&mut self) -> Outcome {
        self.outcomes.recv().await.unwrap()
    }

    /// Nothing comes for a while.
    async fn is_quiet(&mut self) -> bool {
        timeout(Duration::from_millis(1), self.outcomes.recv()).await.is_err()
    }

    async fn cancel(self) {
        self.canceller.cancel();
        self.task.await.unwrap();
    }
}

impl Shell {
    fn new() -> Shell {
        Shell { service: Arc::new(TrainerService::new(LEASE)), sequence: 0 }
    }

    fn hear(&mut self, worker: &str, fact: impl Into<RunFact>) {
        self.sequence += 1;
        let id = sample::id(&format!("{worker}/worker/{}", self.sequence));
        self.service.observe(&id, &Fact::Run(fact.into()));
    }

    fn join(&mut self, worker: &str, free: u32) {
        let (device, binary, host) = ("cpu".into(), "test".into(), "here".into());
        self.hear(worker, WorkerJoined { worker: key(worker), host, device, threads: 1, binary, free });
    }

    fn start(&self, effect: Effect) -> Running {
        let (outbox, outcomes) = Outbox::channel();
        let (canceller, cancel) = Cancel::new();
        let task = tokio::spawn(Arc::clone(&self.service).perform(key("c"), effect, outbox, cancel));
        Running { outcomes, canceller, task }
    }

    fn place(&self, name: &str) -> Running {
        self.start(Effect::Place { run: run(name), attempt: 1, dispatch: 1 })
    }

    fn watch(&self, name: &str, worker: &str) -> Running {
        self.start(Effect::Watch { run: run(name), attempt: 1, dispatch: 1, worker: key(worker) })
    }
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn run(name: &str) -> RunId {
    RunId(name.to_owned())
}

fn found(name: &str, worker: &str) -> Outcome {
    Outcome::SlotFound { run: run(name), dispatch: 1, worker: key(worker) }
}

fn accepted(name: &str, free: u32) -> RunAccepted {
    let (campaign, job) = ("c".parse().unwrap(), Box::new(super::job(1)));
    RunAccepted { campaign, run: run(name), attempt: 1, dispatch: 1, job, resume: None, free }
}

fn saved(name: &str, step: u32) -> CheckpointSaved {
    let (campaign, spend, checkpoint) = ("c".parse().unwrap(), Spend { flops: 7e8, seconds: 1.0 }, state(step));
    CheckpointSaved { campaign, run: run(name), attempt: 1, step, steps: 20, checkpoint, spend }
}

fn state(step: u32) -> Checkpoint {
    Checkpoint { hash: move37_core::Hash::of(&step.to_le_bytes()), size: 9, step }
}

fn alive(name: &str) -> MetricsRecorded {
    let campaign = "c".parse().unwrap();
    let spend = Spend { flops: 5e8, seconds: 1.0 };
    MetricsRecorded { campaign, run: run(name), attempt: 1, step: 1, steps: 20, points: vec![], spend }
}

fn finished(name: &str) -> RunFinished {
    let campaign = "c".parse().unwrap();
    let (outcome, spend) = (Ended::Stopped, Spend::default());
    RunFinished { campaign, run: run(name), attempt: 1, outcome, spend, checkpoint: None, free: 1 }
}

fn declined(name: &str) -> RunDeclined {
    let campaign = "c".parse().unwrap();
    RunDeclined { campaign, run: run(name), attempt: 1, dispatch: 1, why: "full".into(), free: 1 }
}

#[tokio::test(start_paused = true)]
async fn a_place_waits_for_a_worker() {
    let mut shell = Shell::new();
    let mut place = shell.place("1");
    assert!(place.is_quiet().await);
    shell.join("w.1", 1);
    assert_eq!(place.outcome().await, found("1", "w.1"));
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_promised_to_one_run_at_a_time() {
    let mut shell = Shell::new();
    shell.join("w.1", 1);
    let mut first = shell.place("1");
    assert_eq!(first.outcome().await, found("1", "w.1"));
    let mut second = shell.place("2");
    assert!(second.is_quiet().await);
    // The first was dispatched: its watch takes the slot over until the worker counts it.
    let watch = shell.watch("1", "w.1");
    tokio::task::yield_now().await;
    first.cancel().await;
    assert!(second.is_quiet().await);
    shell.hear("w.1", accepted("1", 0));
    assert!(second.is_quiet().await);
    shell.hear("w.1", finished("1"));
    assert_eq!(second.outcome().await, found("2", "w.1"));
    watch.cancel().await;
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_not_owed_any_more_gives_its_slot_back() {
    let mut shell = Shell::new();
    shell.join("w.1", 1);
    let mut first = shell.place("1");
    first.outcome().await;
    let mut second = shell.place("2");
    assert!(second.is_quiet().await);
    first.cancel().await;
    assert_eq!(second.outcome().await, found("2", "w.1"));
}

#[tokio::test(start_paused = true)]
async fn a_decliner_counts_as_full_until_it_frees_a_slot() {
    let mut shell = Shell::new();
    shell.join("w.1", 2);
    shell.hear("w.1", declined("1"));
    let mut place = shell.place("2");
    assert!(place.is_quiet().await);
    shell.hear("w.1", finished("0"));
    assert_eq!(place.outcome().await, found("2", "w.1"));
}

#[tokio::test(start_paused = true)]
async fn workers_that_left_or_were_restarted_get_nothing() {
    let mut shell = Shell::new();
    shell.join("a.1", 1);
    shell.hear("a.1", WorkerLeft { why: "shutdown".into(), free: 0 });
    // The later boot is heard of first, as when partitions are read in any order.
    shell.join("b.7", 0);
    shell.join("b.5", 1);
    let mut place = shell.place("1");
    assert!(place.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_speaks_keeps_its_run_for_ever_and_silence_ends_it_after_a_lease() {
    let mut shell = Shell::new();
    shell.join("w.1", 1);
    let mut watch = shell.watch("1", "w.1");
    tokio::task::yield_now().await;
    shell.hear("w.1", accepted("1", 0));
    for _ in 0..10 {
        tokio::time::sleep(LEASE / 3).await;
        shell.hear("w.1", alive("1"));
    }
    assert!(watch.is_quiet().await);
    let since = Instant::now();
    let outcome = watch.outcome().await;
    let Outcome::RunSilent { counts, spend, attempt, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((counts, spend.flops, attempt), (true, 5e8, 1));
    assert!(since.elapsed() > LEASE - Duration::from_secs(1), "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_dispatch_without_an_answer_is_lost_early_and_counts_nothing() {
    let mut shell = Shell::new();
    shell.join("w.1", 1);
    let begun = Instant::now();
    let mut watch = shell.watch("1", "w.1");
    let outcome = watch.outcome().await;
    assert!(matches!(outcome, Outcome::RunSilent { counts: false, .. }), "{outcome:?}");
    assert!(begun.elapsed() < LEASE / 2);
    let mut place = shell.place("2");
    assert!(place.is_quiet().await, "a silent worker gets nothing until it is heard of again");
    shell.hear("w.1", finished("1"));
    assert_eq!(place.outcome().await, found("2", "w.1"));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_leaves_or_restarts_is_told_at_once() {
    let mut shell = Shell::new();
    shell.join("a.1", 1);
    shell.join("b.1", 1);
    shell.hear("a.1", accepted("1", 0));
    shell.hear("b.1", accepted("2", 0));
    let (mut left, mut restarted) = (shell.watch("1", "a.1"), shell.watch("2", "b.1"));
    assert!(left.is_quiet().await && restarted.is_quiet().await);
    shell.hear("a.1", WorkerLeft { why: "shutdown".into(), free: 0 });
    shell.join("b.2", 1);
    let begun = Instant::now();
    assert!(matches!(left.outcome().await, Outcome::RunSilent { counts: false, .. }));
    assert!(matches!(restarted.outcome().await, Outcome::RunSilent { counts: true, .. }));
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn silence_and_loss_come_with_the_newest_checkpoint_and_the_cost_that_were_told() {
    let mut shell = Shell::new();
    for (worker, name) in [("a.1", "1"), ("b.1", "2"), ("d.1", "3")] {
        shell.join(worker, 1);
        shell.hear(worker, accepted(name, 0));
        shell.hear(worker, saved(name, 5));
        shell.hear(worker, saved(name, 10));
    }
    // About another attempt.
    shell.hear("d.1", CheckpointSaved { attempt: 2, ..saved("3", 15) });
    let (mut left, mut restarted, mut silent) =
        (shell.watch("1", "a.1"), shell.watch("2", "b.1"), shell.watch("3", "d.1"));
    shell.hear("a.1", WorkerLeft { why: "shutdown".into(), free: 0 });
    shell.join("b.2", 0);
    for watch in [&mut left, &mut restarted, &mut silent] {
        let outcome = watch.outcome().await;
        let Outcome::RunSilent { spend, checkpoint, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!((spend.flops, checkpoint), (7e8, Some(state(10))));
    }
}

#[tokio::test(start_paused = true)]
async fn keeping_a_state_is_a_sign_of_life() {
    let mut shell = Shell::new();
    shell.join("w.1", 1);
    shell.hear("w.1", accepted("1", 0));
    let mut watch = shell.watch("1", "w.1");
    for step in 1..5 {
        tokio::time::sleep(LEASE * 2 / 3).await;
        shell.hear("w.1", saved("1", step));
    }
    assert!(watch.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_withdrew_gets_nothing_more() {
    let mut shell = Shell::new();
    shell.join("w.1", 2);
    shell.hear("w.1", WorkerWithdrew { why: "shutdown".into(), free: 0 });
    let mut place = shell.place("1");
    assert!(place.is_quiet().await);
}
