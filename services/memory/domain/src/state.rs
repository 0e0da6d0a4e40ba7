//! What memory knows of a campaign: the fold of its own facts.

use std::collections::BTreeMap;

use move37_core::ExperimentId;
use move37_events::Following;
use move37_events::facts::{CloseReason, Failure, Spend, Standing};
use serde::{Deserialize, Serialize};

/// Memory's state of one campaign.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    pub(crate) following: Following,
    /// Experiments opened so far: the last ordinal.
    pub(crate) opened: u32,
    /// Experiments in flight.
    pub(crate) open: BTreeMap<ExperimentId, Open>,
    /// Seed programs opened so far.
    pub(crate) seeds: u32,
    /// What became of the baseline.
    pub(crate) baseline: Baseline,
    /// Evolved experiments that reached an insight.
    pub(crate) done: u32,
    /// Experiments that ended without an insight.
    pub(crate) failed: u32,
    /// Candidates that may be parents, best first.
    pub(crate) pool: Vec<Standing>,
    /// The best of all by fitness.
    pub(crate) best: Option<Standing>,
    /// How each kind of change has fared.
    pub(crate) moves: BTreeMap<String, Tally>,
    /// Latest endings without a score, newest last.
    pub(crate) failures: Vec<Failure>,
    /// What all ended experiments have cost.
    pub(crate) spent: Spend,
    /// The dearest ended experiment, FLOPs.
    pub(crate) dearest: f64,
    /// Why the campaign is over.
    pub(crate) closed: Option<CloseReason>,
}

/// An experiment in flight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) lane: u32,
    pub(crate) kind: Kind,
    /// FLOPs reserved.
    pub(crate) allowance: f64,
}

/// What an experiment in flight is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// It measures a seed program.
    Seed { baseline: bool },
    /// It develops a parent of this fitness.
    Evolve { parent_fitness: f64 },
}

/// What became of the baseline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum Baseline {
    /// Not measured yet.
    #[default]
    Pending,
    /// Measured.
    Known(Box<Standing>),
    /// It cannot be measured.
    Failed,
}

/// How one kind of change has fared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) tried: u32,
    pub(crate) improved: u32,
    pub(crate) failed: u32,
    /// Sum of child minus parent fitness over scored tries.
    pub(crate) gain: f64,
}

impl Memory {
    /// Why the campaign is over, once it is.
    pub fn closed(&self) -> Option<CloseReason> {
        self.closed
    }

    /// Candidates that may be parents, best first.
    pub fn pool(&self) -> &[Standing] {
        &self.pool
    }

    /// Experiments in flight, with their lanes.
    pub fn in_flight(&self) -> impl Iterator<Item = (ExperimentId, u32)> {
        self.open.iter().map(|(experiment, open)| (*experiment, open.lane))
    }
}
