//! The view as plain data.

use std::collections::{BTreeMap, BTreeSet};

use move37_core::{EventId, Key};
use move37_events::facts::{Checkpoint, RunFact, RunId, Spend};
use move37_trainer_domain::worker::name_and_boot;
use tokio::time::Instant;

/// One dispatch of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Assignment {
    pub(crate) campaign: Key,
    pub(crate) run: RunId,
    pub(crate) dispatch: u32,
}

/// What is known of a dispatched run's worker, and what it told of the run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sign {
    /// It has left, in good order.
    Left {
        /// Of the run.
        told: Told,
    },
    /// It was replaced by a later boot of the same name.
    Replaced {
        /// Whether it had taken the run.
        accepted: bool,
        /// Of the run.
        told: Told,
    },
    /// It has not answered the dispatch.
    Unanswered,
    /// It took the run, and was last heard of it then.
    Heard {
        /// When.
        at: Instant,
        /// Of the run.
        told: Told,
    },
}

/// What a worker told of an attempt.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    /// Its cost so far.
    pub(crate) spend: Spend,
    /// The last state of it that was kept.
    pub(crate) checkpoint: Option<Checkpoint>,
}

/// Workers, runs, promises and the queue.
#[derive(Default)]
pub(super) struct Board {
    workers: BTreeMap<Key, Worker>,
    /// The latest boot of every worker's name.
    boots: BTreeMap<String, u64>,
    runs: BTreeMap<(Key, RunId), Run>,
    /// Slots that are spoken for but not yet counted by their worker, with the number of holders.
    promises: BTreeMap<Assignment, (Key, u32)>,
    queue: BTreeSet<u64>,
    tickets: u64,
}

struct Worker {
    /// Place of its last fact: another reader may tell the same again.
    sequence: u64,
    free: u32,
    presence: Presence,
}

#[derive(PartialEq, Eq)]
enum Presence {
    Present,
    Silent,
    Left,
}

/// The last sign of a run under way.
struct Run {
    worker: Key,
    attempt: u32,
    at: Instant,
    told: Told,
    /// It has ended. It is known until its watch is over, which would otherwise take it for unanswered.
    finished: bool,
}

impl Board {
    pub(super) fn heard(&mut self, id: &EventId, fact: &RunFact, now: Instant) {
        let known = self.workers.get(&id.key);
        if known.is_some_and(|worker| worker.sequence >= id.sequence) {
            return;
        }
        let mut free = known.map_or(0, |worker| worker.free);
        let mut presence = Presence::Present;
        match fact {
            RunFact::WorkerJoined(body) => {
                free = body.free;
                let (name, boot) = name_and_boot(&id.key);
                let latest = self.boots.entry(name.to_owned()).or_default();
                *latest = boot.max(*latest);
            }
            RunFact::RunAccepted(body) => {
                free = body.free;
                let campaign = Key::from(body.campaign.clone());
                let run = Run {
                    worker: id.key.clone(),
                    attempt: body.attempt,
                    at: now,
                    told: Told::default(),
                    finished: false,
                };
                self.runs.insert((campaign.clone(), body.run.clone()), run);
                self.promises.remove(&Assignment { campaign, run: body.run.clone(), dispatch: body.dispatch });
            }
            RunFact::RunDeclined(body) => {
                // Whatever it states: it counts as full until a fact of it frees a slot.
                free = 0;
                let campaign = Key::from(body.campaign.clone());
                self.promises.remove(&Assignment { campaign, run: body.run.clone(), dispatch: body.dispatch });
            }
            RunFact::MetricsRecorded(body) => {
                if let Some(run) = self.run_of(&id.key, body.campaign.clone().into(), &body.run, body.attempt) {
                    (run.at, run.told.spend) = (now, body.spend);
                }
            }
            RunFact::CheckpointSaved(body) => {
                if let Some(run) = self.run_of(&id.key, body.campaign.clone().into(), &body.run, body.attempt) {
                    let (spend, checkpoint) = (body.spend, Some(body.checkpoint.clone()));
                    (run.at, run.told) = (now, Told { spend, checkpoint });
                }
            }
            RunFact::RunFinished(body) => {
                free = body.free;
                if let Some(run) = self.run_of(&id.key, body.campaign.clone().into(), &body.run, body.attempt) {
                    (run.at, run.finished) = (now, true);
                }
            }
            RunFact::WorkerWithdrew(_) => free = 0,
            RunFact::WorkerLeft(_) => (free, presence) = (0, Presence::Left),
        }
        self.workers.insert(id.key.clone(), Worker { sequence: id.sequence, free, presence });
    }

    /// A run under way, if this worker has it with this attempt.
    fn run_of(&mut self, worker: &Key, campaign: Key, run: &RunId, attempt: u32) -> Option<&mut Run> {
        let run = self.runs.get_mut(&(campaign, run.clone()))?;
        ((&run.worker, run.attempt) == (worker, attempt)).then_some(run)
    }

    pub(super) fn queue(&mut self) -> u64 {
        self.tickets += 1;
        self.queue.insert(self.tickets);
        self.tickets
    }

    pub(super) fn leave_queue(&mut self, ticket: u64) {
        self.queue.remove(&ticket);
    }

    /// Promise a slot of the worker with most of them, to the first of the queue.
    pub(super) fn promise(&mut self, ticket: u64, assignment: &Assignment) -> Option<Key> {
        (self.queue.first() == Some(&ticket)).then_some(())?;
        let slots = self.workers.iter().map(|(key, worker)| (self.slots(key, worker), key));
        let (most, worker) = slots.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
        (most > 0).then_some(())?;
        let worker = worker.clone();
        self.promises.insert(assignment.clone(), (worker.clone(), 1));
        Some(worker)
    }

    /// Slots of a worker that are free and not spoken for.
    fn slots(&self, key: &Key, worker: &Worker) -> u32 {
        if worker.presence != Presence::Present || self.is_replaced(key) {
            return 0;
        }
        let promised = self.promises.values().filter(|(promised, _)| promised == key).count();
        worker.free.saturating_sub(u32::try_from(promised).unwrap_or(u32::MAX))
    }

    pub(super) fn hold(&mut self, assignment: &Assignment, attempt: u32, worker: &Key) {
        if self.sign(assignment, attempt, worker) == Sign::Unanswered {
            self.promises.entry(assignment.clone()).or_insert_with(|| (worker.clone(), 0)).1 += 1;
        }
    }

    pub(super) fn release(&mut self, assignment: &Assignment) {
        let run = (assignment.campaign.clone(), assignment.run.clone());
        if self.runs.get(&run).is_some_and(|run| run.finished) {
            self.runs.remove(&run);
        }
        if let Some((_, holders)) = self.promises.get_mut(assignment) {
            *holders -= 1;
            if *holders == 0 {
                self.promises.remove(assignment);
            }
        }
    }

    pub(super) fn silent(&mut self, worker: &Key) {
        if let Some(worker) = self.workers.get_mut(worker) {
            worker.presence = Presence::Silent;
        }
    }

    pub(super) fn sign(&self, assignment: &Assignment, attempt: u32, worker: &Key) -> Sign {
        let run = self.runs.get(&(assignment.campaign.clone(), assignment.run.clone()));
        let run = run.filter(|run| run.attempt == attempt && run.worker == *worker);
        let told = run.map(|run| run.told.clone()).unwrap_or_default();
        if self.workers.get(worker).is_some_and(|known| known.presence == Presence::Left) {
            Sign::Left { told }
        } else if self.is_replaced(worker) {
            Sign::Replaced { accepted: run.is_some(), told }
        } else {
            run.map_or(Sign::Unanswered, |run| Sign::Heard { at: run.at, told })
        }
    }

    /// Whether a later boot of the same worker has joined.
    fn is_replaced(&self, worker: &Key) -> bool {
        let (name, boot) = name_and_boot(worker);
        self.boots.get(name).is_some_and(|latest| boot < *latest)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use move37_events::facts::{Outcome, RunFinished, WorkerJoined};
    use move37_testkit::sample;

    use super::*;

    const WORKER: &str = "w.1";

    fn heard(board: &mut Board, sequence: u64, fact: impl Into<RunFact>) {
        board.heard(&sample::id(&format!("{WORKER}/worker/{sequence}")), &fact.into(), Instant::now());
    }

    #[test]
    fn a_run_that_has_ended_is_not_taken_for_unanswered_while_it_is_watched() {
        let (worker, campaign, run): (Key, Key, _) =
            (WORKER.parse().unwrap(), "c".parse().unwrap(), RunId("1".to_owned()));
        let mut board = Board::default();
        let joined = WorkerJoined {
            worker: worker.clone(),
            host: "h".to_owned(),
            device: "cpu".to_owned(),
            threads: 1,
            binary: "b".to_owned(),
            free: 1,
        };
        heard(&mut board, 1, joined);
        let assignment = Assignment { campaign: campaign.clone(), run: run.clone(), dispatch: 1 };
        board.runs.insert(
            (campaign, run.clone()),
            Run { worker: worker.clone(), attempt: 1, at: Instant::now(), told: Told::default(), finished: false },
        );
        let finished = RunFinished {
            campaign: "c".parse().unwrap(),
            run,
            attempt: 1,
            outcome: Outcome::Stopped,
            spend: Spend::default(),
            checkpoint: None,
            free: 1,
        };
        heard(&mut board, 2, finished);
        assert!(matches!(board.sign(&assignment, 1, &worker), Sign::Heard { .. }));
        board.release(&assignment);
        assert!(board.runs.is_empty());
    }
}
