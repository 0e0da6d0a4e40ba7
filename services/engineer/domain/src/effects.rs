//! What the engineer owes: a proof of every proposed program.

use move37_core::{EffectId, ExperimentId, Owed};
use move37_events::facts::Model;

use crate::state::{Engineer, Experiment};

/// Growth of cost is measured from this length at least: below it, filling up a chunk looks like growth.
const SHORTEST: u32 = 64;

/// Work that the engineer's shell does.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Trace a program and prove what can be proved of it.
    Gate {
        /// Experiment.
        experiment: ExperimentId,
        /// Attempt.
        attempt: u32,
        /// Its text.
        source: String,
        /// The model that it is to serve in.
        model: Model,
        /// Longest sequence of the campaign's tasks, in tokens, but not less than a whole chunk.
        length: u32,
    },
}

impl Owed for Effect {
    fn id(&self) -> EffectId {
        match self {
            Effect::Gate { experiment, attempt, .. } => format!("gate/{experiment}/{attempt}"),
        }
    }
}

impl Engineer {
    pub(crate) fn owed(&self) -> Vec<Effect> {
        let Some(campaign) = self.following.campaign().filter(|_| self.following.is_running()) else {
            return Vec::new();
        };
        let length = campaign.tasks.iter().map(|task| task.sequence).max().unwrap_or(1).max(SHORTEST);
        let owed = self.experiments.values().filter_map(|experiment| match experiment {
            Experiment::Proposed(proposed) => Some(Effect::Gate {
                experiment: proposed.experiment,
                attempt: proposed.attempt,
                source: proposed.source.clone(),
                model: campaign.model.clone(),
                length,
            }),
            Experiment::Refused { .. } | Experiment::Over => None,
        });
        owed.collect()
    }
}
