//! A run's attempts, along the trainer's chain: I7, and the bound on retries of I18.

use std::collections::BTreeMap;

use move37_core::Key;
use move37_events::Fact;
use move37_events::facts::{RunId, TrainerFact};

use super::{Found, Winner};

#[derive(Default)]
pub(super) struct Runs {
    runs: BTreeMap<(Key, RunId), Run>,
}

#[derive(Default)]
struct Run {
    /// The attempt under way or, while waiting, the next.
    attempt: u32,
    dispatches: u32,
    lost: u32,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Waiting,
    Dispatched,
    Ended,
}

impl Runs {
    pub(super) fn offer(&mut self, winner: &Winner<'_>, found: &mut Found) {
        let Fact::Trainer(fact) = winner.fact else { return };
        let (run, attempt) = match fact {
            TrainerFact::RunDispatched(body) => (&body.run, body.attempt),
            TrainerFact::RunUnplaced(body) => (&body.run, body.attempt),
            TrainerFact::RunCompleted(body) => (&body.run, body.attempt),
            TrainerFact::RunFailed(body) => (&body.run, body.attempt),
            TrainerFact::RunLost(body) => (&body.run, body.attempt),
            TrainerFact::RunStopped(body) => (&body.run, body.attempt),
            TrainerFact::CampaignFollowed(_)
            | TrainerFact::TrainingScheduled(_)
            | TrainerFact::TrainingCompleted(_)
            | TrainerFact::TrainingFailed(_) => return,
        };
        let key = (winner.id().key.clone(), run.clone());
        let known = self.runs.entry(key).or_insert_with(|| Run { attempt: 1, ..Run::default() });
        if let Err(sentence) = known.step(fact, attempt) {
            found.add("I7", winner.id(), format!("run {run}: {sentence}"));
        }
        if let TrainerFact::RunDispatched(body) = fact
            && known.lost >= body.job.training.attempts.max(1)
        {
            found.add("I18", winner.id(), format!("run {run} is tried again after {} lost attempts", known.lost));
        }
    }
}

impl Run {
    fn step(&mut self, fact: &TrainerFact, attempt: u32) -> Result<(), String> {
        if self.phase == Phase::Ended {
            return Err("it goes on after its end".to_owned());
        }
        match fact {
            TrainerFact::RunDispatched(body) => {
                self.dispatches += 1;
                let expected = (self.attempt, self.dispatches);
                if self.phase != Phase::Waiting {
                    return Err("it is dispatched while it is dispatched".to_owned());
                }
                self.phase = Phase::Dispatched;
                match (attempt, body.dispatch) == expected {
                    true => Ok(()),
                    false => Err(format!("(attempt, dispatch) is ({attempt}, {}), not {expected:?}", body.dispatch)),
                }
            }
            TrainerFact::RunFailed(_) if self.phase == Phase::Waiting => {
                self.phase = Phase::Ended;
                match attempt + 1 == self.attempt {
                    true => Ok(()),
                    false => Err(format!("it fails with attempt {attempt}, which is not its last")),
                }
            }
            _ if self.phase != Phase::Dispatched => Err(format!("attempt {attempt} ends before it was dispatched")),
            _ if attempt != self.attempt => Err(format!("attempt {attempt} ends while {} is under way", self.attempt)),
            TrainerFact::RunUnplaced(_) => {
                self.phase = Phase::Waiting;
                Ok(())
            }
            TrainerFact::RunLost(body) => {
                self.phase = Phase::Waiting;
                self.attempt += 1;
                self.lost += u32::from(body.counts);
                Ok(())
            }
            _ => {
                self.phase = Phase::Ended;
                Ok(())
            }
        }
    }
}
