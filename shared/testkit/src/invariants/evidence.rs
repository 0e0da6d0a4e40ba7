//! Insights rest on trainings that exist, and quote their numbers (I20).

use std::collections::BTreeMap;

use move37_core::EventId;
use move37_events::Fact;
use move37_events::facts::{AnalystFact, ResultSummary, Scored, TrainerFact};

use super::{Found, Winner};

#[derive(Default)]
pub(super) struct Evidence {
    trainings: BTreeMap<EventId, ResultSummary>,
    claims: Vec<Claim>,
}

struct Claim {
    by: EventId,
    scored: Scored,
    cites: Vec<EventId>,
}

impl Evidence {
    pub(super) fn offer(&mut self, winner: &Winner<'_>) {
        match winner.fact {
            Fact::Trainer(TrainerFact::TrainingCompleted(body)) => {
                self.trainings.insert(winner.id().clone(), body.results.clone());
            }
            Fact::Analyst(AnalystFact::InsightRecorded(body)) => {
                let (by, scored, cites) = (winner.id().clone(), body.scored.clone(), body.evidence.clone());
                self.claims.push(Claim { by, scored, cites });
            }
            Fact::Campaign(_)
            | Fact::Memory(_)
            | Fact::Researcher(_)
            | Fact::Engineer(_)
            | Fact::Trainer(_)
            | Fact::Run(_)
            | Fact::Analyst(_) => {}
        }
    }

    pub(super) fn later(&mut self, winner: &Winner<'_>) {
        if let Fact::Trainer(TrainerFact::TrainingCompleted(body)) = winner.fact {
            self.trainings.insert(winner.id().clone(), body.results.clone());
        }
    }

    pub(super) fn finish(&self, found: &mut Found) {
        for Claim { by, scored, cites } in &self.claims {
            for cited in cites.iter().filter(|cited| !self.trainings.contains_key(cited)) {
                found.add("I20", by, format!("it cites {cited}, which is no completed training"));
            }
            if !cites.contains(&scored.training_event) {
                found.add(
                    "I20",
                    by,
                    format!("it does not cite the training {} that it is about", scored.training_event),
                );
            }
            let Some(results) = self.trainings.get(&scored.training_event) else { continue };
            for (task, quoted) in &scored.results.tasks {
                let measured = results.tasks.get(task).map(|score| score.value);
                if measured != Some(quoted.value) {
                    found.add("I20", by, format!("it quotes {} for {task}, measured was {measured:?}", quoted.value));
                }
            }
        }
    }
}
