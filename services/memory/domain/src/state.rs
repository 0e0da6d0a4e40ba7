//! What memory knows of a campaign: the fold of its own facts.

use std::collections::BTreeMap;

use move37_core::{ExperimentId, Hash};
use move37_events::Following;
use move37_events::facts::{CloseReason, Failure, Interval, RecordConfirmed, Seeds, Spend, Standing, TaskScore};
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
    /// How often each candidate was a parent.
    pub(crate) visits: BTreeMap<ExperimentId, u32>,
    /// The best of all by fitness.
    pub(crate) best: Option<Standing>,
    /// How each kind of change has fared.
    pub(crate) moves: BTreeMap<String, Tally>,
    /// Latest endings without a score, newest last.
    pub(crate) failures: Vec<Failure>,
    /// What all ended experiments have cost.
    pub(crate) spent: Spend,
    /// The dearest ended experiment, FLOPs per seed.
    pub(crate) dearest: f64,
    /// Promotions and records.
    pub(crate) belief: Convictions,
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
    /// Seeds per task.
    pub(crate) seeds: u32,
}

/// What was verified with fresh seeds, and what is under way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Convictions {
    /// The promotion whose trainings are under way.
    pub(crate) open: Option<Promotion>,
    /// The comparison under way.
    pub(crate) challenge: Option<Challenge>,
    /// Comparisons begun.
    pub(crate) tests: u32,
    /// Seeds asked for in all.
    pub(crate) asked: BTreeMap<ExperimentId, u32>,
    /// What was measured on test data.
    pub(crate) measured: BTreeMap<ExperimentId, Measured>,
    /// Why no more can be measured.
    pub(crate) failed: BTreeMap<ExperimentId, String>,
    /// The standing record; none while it is the baseline.
    pub(crate) record: Option<RecordConfirmed>,
}

/// A promotion whose trainings are under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Promotion {
    pub(crate) experiment: ExperimentId,
    pub(crate) seeds: Seeds,
    /// FLOPs reserved.
    pub(crate) allowance: f64,
}

/// A comparison under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Challenge {
    pub(crate) experiment: ExperimentId,
    pub(crate) name: String,
    pub(crate) program: Hash,
    pub(crate) against: ExperimentId,
    pub(crate) test: u32,
    pub(crate) alpha: f64,
    /// Looks begun.
    pub(crate) looks: u32,
}

/// What fresh seeds measured on test data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) tasks: BTreeMap<String, TaskScore>,
    pub(crate) fitness: f64,
    /// Fitness by seed number.
    pub(crate) values: Vec<f64>,
    pub(crate) interval: Option<Interval>,
}

impl Convictions {
    /// Seeds asked for in all.
    pub(crate) fn asked_of(&self, experiment: ExperimentId) -> u32 {
        self.asked.get(&experiment).copied().unwrap_or(0)
    }

    /// Whether a promotion or a comparison is under way: it counts as much as a busy lane.
    pub(crate) fn busy(&self) -> bool {
        self.open.is_some() || self.challenge.is_some()
    }
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

    /// The last record that fresh seeds confirmed.
    pub fn standing_record(&self) -> Option<&RecordConfirmed> {
        self.belief.record.as_ref()
    }
}
