//! The worker's shell: join, stay until asked to leave, train.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use move37_core::{CampaignId, Key, Recorded};
use move37_events::facts::{Job, Outcome as Ended, RunId, TrainerFact};
use move37_events::{Fact, Topic};
use move37_runtime::{Cancel, Outbox, Service, Start};
use move37_trainer_domain::worker::{Effect, Outcome, Worker};
use move37_training::run::Cancel as Stop;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::Backend;
use super::report::{Report, Told};

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
}

/// A worker, for a [`move37_runtime::Host`].
pub struct WorkerService<B> {
    config: Config,
    backend: Arc<B>,
    ask: watch::Receiver<Option<String>>,
    left: watch::Sender<bool>,
}

/// Lets a worker leave in good order, so that its runs go on elsewhere at once.
pub struct Departure {
    ask: watch::Sender<Option<String>>,
    left: watch::Receiver<bool>,
}

impl Departure {
    /// Ask the worker to leave; true once that is recorded, false when `patience` ends first.
    pub async fn leave(mut self, why: &str, patience: Duration) -> bool {
        self.ask.send_replace(Some(why.to_owned()));
        let left = self.left.wait_for(|&left| left);
        tokio::time::timeout(patience, left).await.is_ok_and(|left| left.is_ok())
    }
}

impl<B: Backend> WorkerService<B> {
    /// A worker and its way to leave.
    pub fn new(config: Config, backend: B) -> (WorkerService<B>, Departure) {
        let (ask, asked) = watch::channel(None);
        let (left, has_left) = watch::channel(false);
        (WorkerService { config, backend: Arc::new(backend), ask: asked, left }, Departure { ask, left: has_left })
    }

    fn join(&self, outbox: &Outbox<Outcome>) {
        let Config { key, host, device, binary, threads, slots, .. } = self.config.clone();
        outbox.send(Outcome::Joined { worker: key, host, device, threads, binary, slots });
    }

    /// Wait until asked to leave, say so, and wait until that is recorded.
    async fn stay(&self, outbox: Outbox<Outcome>, cancel: Cancel) {
        let mut ask = self.ask.clone();
        let asked = async { ask.wait_for(Option::is_some).await.ok().and_then(|why| why.clone()) };
        let why = tokio::select! {
            () = cancel.cancelled() => return,
            why = asked => why,
        };
        let asked = why.is_some();
        if let Some(why) = why {
            outbox.send(Outcome::Leaving { why });
        }
        // Otherwise nobody can ask any more.
        cancel.cancelled().await;
        self.left.send_if_modified(|left| {
            *left = asked;
            asked
        });
    }

    /// Train on a thread, and say every third of a lease that it is alive.
    async fn train(&self, job: Job, report: Report, cancel: Cancel) {
        let stop = Stop::default();
        let mut ended = match self.start(job, &report, &stop) {
            Ok(ended) => ended,
            Err(error) => return finish(&report, Ended::Faulted(format!("failed to start a thread: {error}"))),
        };
        let beat = self.config.lease / 3;
        loop {
            let before = Instant::now();
            tokio::select! {
                outcome = &mut ended => {
                    let lost = || Ended::Failed("the training thread ended without an answer".to_owned());
                    return finish(&report, outcome.unwrap_or_else(|_| lost()));
                }
                () = cancel.cancelled() => {
                    stop.cancel();
                    // Nobody owes an answer any more, but the thread is given the time to end.
                    drop(ended.await);
                    return;
                }
                () = tokio::time::sleep(beat) => report.alive(before),
            }
        }
    }

    fn start(&self, job: Job, report: &Report, stop: &Stop) -> std::io::Result<oneshot::Receiver<Ended>> {
        let (answer, answered) = oneshot::channel();
        let (backend, stop, mut observer) = (Arc::clone(&self.backend), stop.clone(), report.clone());
        thread::Builder::new().name(format!("train {}", report.run)).spawn(move || {
            let trained = catch_unwind(AssertUnwindSafe(|| backend.train(&job, &mut observer, &stop)));
            let outcome = trained.unwrap_or_else(|_| Ended::Failed("the training panicked".to_owned()));
            // Nobody listens when the run was given up.
            let _ = answer.send(outcome);
        })?;
        Ok(answered)
    }
}

fn finish(report: &Report, outcome: Ended) {
    let mut spend = report.spend();
    if let Ended::Completed(result) = &outcome {
        spend.flops = result.flops;
    }
    let (campaign, run, attempt) = (report.campaign.clone(), report.run.clone(), report.attempt);
    report.outbox.send(Outcome::Finished { campaign, run, attempt, outcome, spend });
}

fn report(campaign: CampaignId, run: RunId, attempt: u32, steps: u32, outbox: Outbox<Outcome>) -> Report {
    Report { campaign, run, attempt, steps, outbox, state: Arc::new(Mutex::new(Told::nothing())) }
}

impl<B: Backend> Service for WorkerService<B> {
    type Outcome = Outcome;
    type Decider = Worker;

    const INPUTS: &'static [Topic] = &[Topic::Trainer];
    const START: Start = Start::Now;

    fn route(&self, _record: &Recorded, fact: &Fact) -> Option<Key> {
        let Fact::Trainer(fact) = fact else { return None };
        let concerns = match fact {
            TrainerFact::RunDispatched(body) => body.worker == self.config.key,
            TrainerFact::RunLost(_) | TrainerFact::RunStopped(_) => true,
            TrainerFact::CampaignFollowed(_)
            | TrainerFact::TrainingScheduled(_)
            | TrainerFact::RunUnplaced(_)
            | TrainerFact::RunCompleted(_)
            | TrainerFact::RunFailed(_)
            | TrainerFact::TrainingCompleted(_)
            | TrainerFact::TrainingFailed(_) => false,
        };
        concerns.then(|| self.config.key.clone())
    }

    fn sole_key(&self) -> Option<Key> {
        Some(self.config.key.clone())
    }

    async fn perform(self: Arc<Self>, _key: Key, effect: Effect, outbox: Outbox<Outcome>, cancel: Cancel) {
        match effect {
            Effect::Join => self.join(&outbox),
            Effect::Stay => self.stay(outbox, cancel).await,
            Effect::Train { campaign, run, attempt, job } => {
                let report = report(campaign, run, attempt, job.training.steps, outbox);
                self.train(*job, report, cancel).await;
            }
        }
    }
}
