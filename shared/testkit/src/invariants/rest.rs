//! A closed campaign has come to rest (I19): no training is open, and no run is with a worker.

use std::collections::{BTreeMap, BTreeSet};

use move37_core::{EventId, ExperimentId, Key};
use move37_events::Fact;
use move37_events::facts::{MemoryFact, RunId, Stage, TrainerFact};

use super::{Found, Winner};

#[derive(Default)]
pub(super) struct Rest {
    campaigns: BTreeMap<Key, Open>,
}

#[derive(Default)]
struct Open {
    trainings: BTreeSet<(ExperimentId, Stage)>,
    runs: BTreeSet<RunId>,
    closed: Option<EventId>,
}

impl Rest {
    pub(super) fn offer(&mut self, winner: &Winner<'_>) {
        let open = self.campaigns.entry(winner.id().key.clone()).or_default();
        match winner.fact {
            Fact::Memory(MemoryFact::CampaignClosed(_)) => open.closed = Some(winner.id().clone()),
            Fact::Trainer(fact) => open.book(fact),
            Fact::Campaign(_)
            | Fact::Memory(_)
            | Fact::Researcher(_)
            | Fact::Engineer(_)
            | Fact::Run(_)
            | Fact::Analyst(_) => {}
        }
    }

    pub(super) fn later(&mut self, winner: &Winner<'_>) {
        let Fact::Trainer(fact) = winner.fact else { return };
        if !matches!(fact, TrainerFact::TrainingScheduled(_) | TrainerFact::RunDispatched(_)) {
            self.campaigns.entry(winner.id().key.clone()).or_default().book(fact);
        }
    }

    pub(super) fn finish(&self, found: &mut Found) {
        for Open { trainings, runs, closed } in self.campaigns.values() {
            let Some(closed) = closed else { continue };
            for (experiment, _) in trainings {
                found.add("I19", closed, format!("the training of experiment {experiment} goes on after the close"));
            }
            for run in runs {
                found.add("I19", closed, format!("run {run} is with a worker after the close"));
            }
        }
    }
}

impl Open {
    fn book(&mut self, fact: &TrainerFact) {
        match fact {
            // Its worker still has to let go of it.
            TrainerFact::CampaignFollowed(_)
            | TrainerFact::RunPaused(_)
            | TrainerFact::RunStopped(_)
            | TrainerFact::RunSpared(_) => {}
            TrainerFact::TrainingScheduled(body) => drop(self.trainings.insert((body.experiment, body.stage))),
            TrainerFact::TrainingCompleted(body) => drop(self.trainings.remove(&(body.experiment, body.stage))),
            TrainerFact::TrainingFailed(body) => drop(self.trainings.remove(&(body.experiment, body.stage))),
            TrainerFact::RunDispatched(body) => drop(self.runs.insert(body.run.clone())),
            TrainerFact::RunUnplaced(body) => drop(self.runs.remove(&body.run)),
            TrainerFact::RunCompleted(body) => drop(self.runs.remove(&body.run)),
            TrainerFact::RunFailed(body) => drop(self.runs.remove(&body.run)),
            TrainerFact::RunLost(body) => drop(self.runs.remove(&body.run)),
        }
    }
}
