//! The worker's shell: join, stay until asked to leave, train.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use move37_blobs::{Blob, Store};
use move37_core::{CampaignId, EventId, Key, Recorded};
use move37_events::facts::{Checkpoint, Job, Outcome as Ended, RunId, TrainerFact};
use move37_events::{Fact, Topic};
use move37_runtime::{Cancel, Outbox, Service, Start};
use move37_trainer_domain::worker::{Effect, Outcome, Worker};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::Backend;
use super::departure::{Asked, Departure};
use super::keeper::Keeper;
use super::orders::{Halt, Order, Orders};
use super::report::Report;

/// What a worker is.
#[derive(Clone, Debug)]
pub struct Config {
    /// Key of its chain: its name, a dot, and its boot as a number that grows from start to start.
    pub key: Key,
    /// Host, for people.
    pub host: String,
    /// Device, in words.
    pub device: String,
    /// Version and build of the binary.
    pub binary: String,
    /// Threads per run.
    pub threads: u32,
    /// Runs at a time.
    pub slots: u32,
    /// The trainers' lease: the worker speaks every third of it.
    pub lease: Duration,
    /// How often a run's state is kept while it lasts. It is kept when it is let go of, however short it was.
    pub checkpoint: Duration,
}

/// A worker, for a [`move37_runtime::Host`].
pub struct WorkerService<B> {
    config: Config,
    backend: Arc<B>,
    store: Store,
    orders: Orders,
    asked: watch::Receiver<Option<Asked>>,
    left: watch::Sender<bool>,
}

/// A run that was taken.
struct Run {
    campaign: CampaignId,
    run: RunId,
    attempt: u32,
    job: Job,
    resume: Option<Checkpoint>,
}

impl<B: Backend> WorkerService<B> {
    /// A worker that keeps its runs' states in this store, and its way to leave.
    pub fn new(config: Config, backend: B, store: Store) -> (WorkerService<B>, Departure) {
        let (ask, asked) = watch::channel(None);
        let (left, has_left) = watch::channel(false);
        let (backend, orders) = (Arc::new(backend), Orders::new());
        (WorkerService { config, backend, store, orders, asked, left }, Departure { ask, left: has_left })
    }

    fn join(&self, outbox: &Outbox<Outcome>) {
        let Config { key, host, device, binary, threads, slots, .. } = self.config.clone();
        outbox.send(Outcome::Joined { worker: key, host, device, threads, binary, slots });
    }

    /// Wait until asked to leave, and say so; the second time when it is not to wait for its runs.
    async fn stay(&self, outbox: Outbox<Outcome>, cancel: Cancel) {
        let mut asked = self.asked.clone();
        let told = async {
            for at_once in [false, true] {
                let now = asked.wait_for(|asked| asked.as_ref().is_some_and(|asked| asked.at_once >= at_once)).await;
                // Otherwise nobody can ask any more.
                let Some(why) = now.ok().and_then(|asked| asked.as_ref().map(|asked| asked.why.clone())) else {
                    return;
                };
                outbox.send(Outcome::Leaving { why });
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = told => cancel.cancelled().await,
        }
    }

    /// Let those know that wait for it.
    async fn gone(&self, cancel: Cancel) {
        self.left.send_replace(true);
        cancel.cancelled().await;
    }

    /// Train on a thread, say every third of a lease that it is alive, and pass on what the trainer wants of it.
    async fn train(&self, run: Run, outbox: Outbox<Outcome>, cancel: Cancel) {
        let (name, attempt) = ((Key::from(run.campaign.clone()), run.run.clone()), run.attempt);
        let report = Report::new(&run.campaign, &run.run, attempt, run.job.training.steps, run.resume.as_ref(), outbox);
        let halt = Halt::default();
        let (mut orders, mut asked) = (self.orders.subscribe(), self.asked.clone());
        let mut ended = match self.start(run, &report, &halt) {
            Ok(ended) => ended,
            Err(error) => return report.finished(Ended::Faulted(format!("failed to start a thread: {error}"))),
        };
        let mut since = Instant::now();
        loop {
            let order = orders.borrow_and_update().get(&name).copied();
            if let Some((_, order)) = order.filter(|(meant, _)| *meant == attempt) {
                halt.order(order);
            }
            if asked.borrow_and_update().is_some() {
                halt.order(Order::Pause);
            }
            tokio::select! {
                outcome = &mut ended => {
                    let lost = || Ended::Failed("the training thread ended without an answer".to_owned());
                    return report.finished(outcome.unwrap_or_else(|_| lost()));
                }
                () = cancel.cancelled() => {
                    halt.order(Order::Stop);
                    // Nobody owes an answer any more, but the thread is given the time to end.
                    drop(ended.await);
                    return;
                }
                () = tokio::time::sleep_until(since + self.config.lease / 3) => {
                    report.alive(since);
                    since = Instant::now();
                }
                // Both end with the service, which this borrows, or nobody can ask any more.
                Ok(()) = orders.changed() => {}
                Ok(()) = asked.changed() => {}
            }
        }
    }

    fn start(&self, run: Run, report: &Report, halt: &Halt) -> std::io::Result<oneshot::Receiver<Ended>> {
        let (answer, answered) = oneshot::channel();
        let (backend, store, halt, runtime) =
            (Arc::clone(&self.backend), self.store.clone(), halt.clone(), Handle::current());
        let mut keeper = Keeper::new(report.clone(), store.clone(), halt.clone(), self.config.checkpoint);
        let train = move || {
            let kept = run.resume.map(|kept| Blob { hash: kept.hash, size: kept.size });
            let state = match kept.map(|blob| runtime.block_on(store.get(&blob))).transpose() {
                Ok(state) => state,
                Err(error) => return Ended::Faulted(format!("failed to {error}")),
            };
            let trained = AssertUnwindSafe(|| backend.train(&run.job, state.as_deref(), &mut keeper, halt.cancel()));
            catch_unwind(trained).unwrap_or_else(|_| Ended::Failed("the training panicked".to_owned()))
        };
        thread::Builder::new().name(format!("train {}", report.run)).spawn(move || {
            // Nobody listens when the run was given up.
            let _ = answer.send(train());
        })?;
        Ok(answered)
    }
}

impl<B: Backend> Service for WorkerService<B> {
    type Outcome = Outcome;
    type Decider = Worker;

    const INPUTS: &'static [Topic] = &[Topic::Trainer];
    const START: Start = Start::Now;

    fn route(&self, _record: &Recorded, fact: &Fact) -> Option<Key> {
        let Fact::Trainer(fact) = fact else { return None };
        let concerns = match fact {
            // Also what other boots of this worker are given.
            TrainerFact::RunDispatched(_) | TrainerFact::RunLost(_) => true,
            TrainerFact::CampaignFollowed(_)
            | TrainerFact::TrainingScheduled(_)
            | TrainerFact::RunUnplaced(_)
            | TrainerFact::RunPaused(_)
            | TrainerFact::RunCompleted(_)
            | TrainerFact::RunFailed(_)
            | TrainerFact::RunStopped(_)
            | TrainerFact::RunSpared(_)
            | TrainerFact::TrainingCompleted(_)
            | TrainerFact::TrainingFailed(_) => false,
        };
        concerns.then(|| self.config.key.clone())
    }

    fn sole_key(&self) -> Option<Key> {
        Some(self.config.key.clone())
    }

    fn observe(&self, id: &EventId, fact: &Fact) {
        if let Fact::Trainer(fact) = fact {
            self.orders.heard(&id.key, fact);
        }
    }

    async fn perform(self: Arc<Self>, _key: Key, effect: Effect, outbox: Outbox<Outcome>, cancel: Cancel) {
        match effect {
            Effect::Join => self.join(&outbox),
            Effect::Stay => self.stay(outbox, cancel).await,
            Effect::Train { campaign, run, attempt, job, resume } => {
                self.train(Run { campaign, run, attempt, job: *job, resume }, outbox, cancel).await;
            }
            Effect::Gone => self.gone(cancel).await,
        }
    }
}
