//! What the engineer knows of its campaign, by its own facts.

use std::collections::BTreeMap;

use move37_core::{ExperimentId, Hash};
use move37_events::Following;
use move37_events::facts::{Brief, CodeDiffProposed};
use serde::{Deserialize, Serialize};

/// The engineer's state for one campaign.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Engineer {
    pub(crate) following: Following,
    pub(crate) experiments: BTreeMap<ExperimentId, Experiment>,
    /// Every program proposed so far, by the digest of its text.
    pub(crate) programs: BTreeMap<Hash, Program>,
    /// Canonical graphs admitted so far.
    pub(crate) graphs: BTreeMap<Hash, ExperimentId>,
    /// Size of the admitted baseline.
    pub(crate) baseline: Option<Size>,
}

/// Where an experiment stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Experiment {
    /// A program is proposed and not yet proved.
    Proposed(Box<CodeDiffProposed>),
    /// The program was refused; giving up is the next fact.
    Refused {
        /// The hypothesis in short.
        brief: Box<Brief>,
        /// Why, with the findings.
        why: String,
    },
    /// Admitted or abandoned: nothing more is to be done here.
    Over,
}

/// A program that was proposed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Program {
    /// First experiment that proposed it.
    pub(crate) experiment: ExperimentId,
    /// Its text.
    pub(crate) source: String,
    /// Its class that mixes the sequence; known once it is admitted.
    pub(crate) class: Option<String>,
}

/// What a layer costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Size {
    /// Trained parameters.
    pub(crate) parameters: u64,
    /// Forward FLOPs of one sequence at the shortest length measured.
    pub(crate) flops: f64,
    /// That length.
    pub(crate) length: u32,
}

impl Engineer {
    pub(crate) fn experiment(&self, id: ExperimentId) -> Option<&Experiment> {
        self.experiments.get(&id)
    }
}
