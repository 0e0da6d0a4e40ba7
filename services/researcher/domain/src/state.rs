//! What the researcher knows of its campaign, by its own facts.

use std::collections::{BTreeMap, BTreeSet};

use move37_core::{ExperimentId, Hash, canonical_hash};
use move37_events::Following;
use move37_events::genome::Genome;
use serde::{Deserialize, Serialize};

/// The researcher's state for one campaign.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Researcher {
    pub(crate) following: Following,
    /// Experiments that have their hypothesis or their withdrawal.
    pub(crate) answered: BTreeSet<ExperimentId>,
    /// Names given so far.
    pub(crate) names: BTreeSet<String>,
    /// Architectures proposed so far, by digest, with their first experiment.
    pub(crate) seen: BTreeMap<Hash, ExperimentId>,
}

impl Researcher {
    /// The experiment that proposed this architecture first.
    pub(crate) fn first_with(&self, genome: &Genome) -> Option<ExperimentId> {
        self.seen.get(&digest(genome)).copied()
    }
}

pub(crate) fn digest(genome: &Genome) -> Hash {
    canonical_hash(&genome.clone().canonical()).expect("a genome is made of structs, lists, numbers and enums")
}
