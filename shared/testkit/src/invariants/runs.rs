//! A run's attempts, along the trainer's chain: I7, the bound on retries of I18, and that what a run goes on from was
//! kept by a worker (I10).

use std::collections::{BTreeMap, BTreeSet};

use move37_core::{EventId, ExperimentId, Hash, Key};
use move37_events::Fact;
use move37_events::facts::{Checkpoint, RunFact, RunId, Stage, TrainerFact};

use super::{Found, Winner};

#[derive(Default)]
pub(super) struct Runs {
    runs: BTreeMap<(Key, RunId), Run>,
    /// What workers kept, and what the trainer cites of it; topics come in any order.
    kept: BTreeSet<Kept>,
    cited: Vec<(EventId, Kept)>,
}

/// A state: of which campaign and run, and its bytes.
type Kept = (Key, RunId, Hash);

#[derive(Default)]
struct Run {
    /// The attempt under way or, while waiting, the next.
    attempt: u32,
    dispatches: u32,
    lost: u32,
    phase: Phase,
    told: Told,
    /// Where the next attempt goes on from.
    checkpoint: Option<Checkpoint>,
}

/// What the worker was told since the dispatch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Told {
    #[default]
    Nothing,
    Pause,
    Stop,
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
        if let Fact::Run(RunFact::CheckpointSaved(body)) = winner.fact {
            self.kept.insert((body.campaign.clone().into(), body.run.clone(), body.checkpoint.hash));
        }
        let Fact::Trainer(fact) = winner.fact else { return };
        let (run, attempt) = match fact {
            TrainerFact::RunDispatched(body) => (&body.run, body.attempt),
            TrainerFact::RunUnplaced(body) => (&body.run, body.attempt),
            TrainerFact::RunPaused(body) => (&body.run, body.attempt),
            TrainerFact::RunCompleted(body) => (&body.run, body.attempt),
            TrainerFact::RunFailed(body) => (&body.run, body.attempt),
            TrainerFact::RunLost(body) => (&body.run, body.attempt),
            TrainerFact::RunStopped(body) => (&body.run, body.attempt),
            TrainerFact::CampaignFollowed(_) | TrainerFact::TrainingScheduled(_) | TrainerFact::RunSpared(_) => return,
            TrainerFact::TrainingCompleted(body) => return self.over(winner, body.experiment, body.stage, found),
            TrainerFact::TrainingFailed(body) => return self.over(winner, body.experiment, body.stage, found),
        };
        if let TrainerFact::RunLost(body) = fact
            && let Some(checkpoint) = &body.checkpoint
        {
            self.cited.push((winner.id().clone(), (winner.id().key.clone(), run.clone(), checkpoint.hash)));
        }
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

impl Runs {
    /// A training ends once no worker has a run of it.
    fn over(&self, winner: &Winner<'_>, experiment: ExperimentId, stage: Stage, found: &mut Found) {
        let (key, of) = (&winner.id().key, format!("{experiment}-{stage}-"));
        for ((campaign, run), known) in &self.runs {
            if campaign == key && run.0.starts_with(&of) && known.phase == Phase::Dispatched {
                found.add("I7", winner.id(), format!("run {run}: its training ends while a worker has it"));
            }
        }
    }

    pub(super) fn finish(&self, found: &mut Found) {
        for (event, kept) in &self.cited {
            if !self.kept.contains(kept) {
                found.add("I10", event, format!("run {}: no worker kept the state {}", kept.1, kept.2.short()));
            }
        }
    }
}

impl Run {
    /// Its worker does not have it any more.
    fn let_go(&mut self) {
        let stopped = std::mem::take(&mut self.told) == Told::Stop;
        self.phase = if stopped { Phase::Ended } else { Phase::Waiting };
    }

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
                if body.resume != self.checkpoint {
                    let step = |from: &Option<Checkpoint>| from.as_ref().map_or(0, |from| from.step);
                    let (is, left) = (step(&body.resume), step(&self.checkpoint));
                    return Err(format!("it goes on from step {is}, not from the state that was left after {left}"));
                }
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
            TrainerFact::RunPaused(_) => match std::mem::replace(&mut self.told, Told::Pause) {
                Told::Nothing => Ok(()),
                Told::Pause | Told::Stop => Err("it is paused while it is to rest or to stop".to_owned()),
            },
            TrainerFact::RunStopped(_) => match std::mem::replace(&mut self.told, Told::Stop) {
                Told::Nothing | Told::Pause => Ok(()),
                Told::Stop => Err("it is stopped twice".to_owned()),
            },
            TrainerFact::RunUnplaced(_) => {
                self.let_go();
                Ok(())
            }
            TrainerFact::RunLost(body) => {
                self.let_go();
                self.checkpoint = body.checkpoint.clone();
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
