//! The trainer's shell: a place for every waiting run, a watch over every dispatched one.

use std::sync::Arc;
use std::time::Duration;

use move37_core::{EventId, Key};
use move37_events::facts::RunId;
use move37_events::{Fact, Topic};
use move37_runtime::{Cancel, Outbox, Service};
use move37_trainer_domain::{Effect, Outcome, Trainer};
use tokio::time::Instant;

use crate::directory::{Assignment, Directory, Sign, Told};

/// How long a worker may say nothing about a run.
pub const LEASE: Duration = Duration::from_secs(60);

/// How often a worker keeps the state of a run.
pub const CHECKPOINT: Duration = Duration::from_secs(60);

/// The trainer service, for a [`move37_runtime::Host`].
pub struct TrainerService {
    directory: Directory,
    lease: Duration,
}

impl TrainerService {
    /// A trainer that takes a worker's run away after a lease without a word; workers speak every third of one.
    pub fn new(lease: Duration) -> TrainerService {
        TrainerService { directory: Directory::new(), lease }
    }

    /// Wait for this run's turn and a free slot.
    async fn place(&self, assignment: Assignment, outbox: Outbox<Outcome>, cancel: Cancel) {
        let mut changes = self.directory.changes();
        let mut queuer = self.directory.queue(assignment.clone());
        loop {
            changes.mark_unchanged();
            if let Some(worker) = queuer.slot() {
                let Assignment { run, dispatch, .. } = assignment;
                outbox.send(Outcome::SlotFound { run, dispatch, worker });
                // The slot stays promised until the dispatch is decided, or is not owed any more.
                return cancel.cancelled().await;
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                // The directory lives as long as the service.
                _ = changes.changed() => {}
            }
        }
    }

    /// Tell once the worker has left, was replaced, or says nothing for a lease (for an answer: a quarter of one).
    async fn watch(&self, watched: Watched, outbox: Outbox<Outcome>, cancel: Cancel) {
        let Watched { assignment, attempt, worker } = watched;
        let begun = Instant::now();
        let mut changes = self.directory.changes();
        let _slot = self.directory.hold(assignment.clone(), attempt, &worker);
        loop {
            changes.mark_unchanged();
            let sign = self.directory.sign(&assignment, attempt, &worker);
            let keeps_silent = matches!(sign, Sign::Unanswered | Sign::Heard { .. });
            let (deadline, counts, told, why) = match sign {
                Sign::Left { told } => (begun, false, told, "its worker left".to_owned()),
                Sign::Replaced { accepted, told } => (begun, accepted, told, "its worker was restarted".to_owned()),
                Sign::Unanswered => {
                    let patience = self.lease / 4;
                    let why = format!("its worker did not answer within {patience:?}");
                    (begun + patience, false, Told::default(), why)
                }
                Sign::Heard { at, told } => {
                    let why = format!("its worker said nothing for {:?}", self.lease);
                    (at.max(begun) + self.lease, true, told, why)
                }
            };
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                () = tokio::time::sleep_until(deadline) => {
                    if keeps_silent {
                        self.directory.silent(&worker);
                    }
                    let (run, Told { spend, checkpoint }) = (assignment.run, told);
                    return outbox.send(Outcome::RunSilent { run, attempt, why, counts, spend, checkpoint });
                }
                _ = changes.changed() => {}
            }
        }
    }
}

struct Watched {
    assignment: Assignment,
    attempt: u32,
    worker: Key,
}

impl Service for TrainerService {
    type Outcome = Outcome;
    type Decider = Trainer;

    const INPUTS: &'static [Topic] = &[Topic::Campaigns, Topic::Memory, Topic::Engineer, Topic::Runs];

    fn observe(&self, id: &EventId, fact: &Fact) {
        if let Fact::Run(fact) = fact {
            self.directory.heard(id, fact);
        }
    }

    async fn perform(self: Arc<Self>, campaign: Key, effect: Effect, outbox: Outbox<Outcome>, cancel: Cancel) {
        let assignment = |run: RunId, dispatch| Assignment { campaign, run, dispatch };
        match effect {
            Effect::Place { run, dispatch, .. } => self.place(assignment(run, dispatch), outbox, cancel).await,
            Effect::Watch { run, attempt, dispatch, worker } => {
                let watched = Watched { assignment: assignment(run, dispatch), attempt, worker };
                self.watch(watched, outbox, cancel).await;
            }
        }
    }
}
