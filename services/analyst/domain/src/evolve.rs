//! Taking the analyst's own facts in.

use std::collections::BTreeMap;

use move37_events::facts::{AnalystFact, Stage, TaskScore};

use crate::state::{Analyst, Baseline, Known};

impl Analyst {
    pub(crate) fn fold(&mut self, event: &AnalystFact) {
        match event {
            AnalystFact::CampaignFollowed(body) => self.following.evolve(body),
            AnalystFact::BaselineRecorded(body) => {
                self.baseline = Some(Baseline {
                    experiment: body.experiment,
                    tasks: body.tasks.clone(),
                    dropped: body.dropped.clone(),
                    note: body.note.clone(),
                    scored: body.scored.clone(),
                });
            }
            AnalystFact::FitnessScored(body) if body.stage == Stage::Verify => {
                self.verified.insert(body.experiment, seeds(&body.scored.results.tasks));
                if self.baseline.as_ref().is_some_and(|baseline| baseline.experiment == body.experiment) {
                    self.reference = body.scored.results.tasks.clone();
                }
            }
            AnalystFact::FitnessScored(body) => {
                let known = Known {
                    scored: body.scored.clone(),
                    terms: body.terms.clone(),
                    fitness: body.fitness,
                    bound: body.bound,
                    unranked: body.unranked.clone(),
                    explained: false,
                };
                self.known.insert(body.experiment, known);
            }
            AnalystFact::InsightRecorded(body) => {
                if let Some(known) = self.known.get_mut(&body.experiment) {
                    known.explained = true;
                }
            }
        }
    }
}

/// The seeds that tasks have.
pub(crate) fn seeds(tasks: &BTreeMap<String, TaskScore>) -> u32 {
    tasks.values().map(|score| score.seeds).max().unwrap_or(0)
}
