//! What the analyst knows of a campaign: the fold of its own facts.

use std::collections::BTreeMap;

use move37_core::ExperimentId;
use move37_events::Following;
use move37_events::facts::{DroppedTask, Scored, TaskScore, Term};
use serde::{Deserialize, Serialize};

/// The analyst's state of one campaign.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Analyst {
    pub(crate) following: Following,
    pub(crate) baseline: Option<Baseline>,
    pub(crate) known: BTreeMap<ExperimentId, Known>,
    /// Seeds of the verification that was scored last.
    pub(crate) verified: BTreeMap<ExperimentId, u32>,
    /// What the baseline's verification measured, of the tasks that count.
    pub(crate) reference: BTreeMap<String, TaskScore>,
}

/// What all scores are relative to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    pub(crate) experiment: ExperimentId,
    /// The tasks that count.
    pub(crate) tasks: BTreeMap<String, TaskScore>,
    pub(crate) dropped: Vec<DroppedTask>,
    pub(crate) note: Option<String>,
    pub(crate) scored: Scored,
}

/// A scored experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) scored: Scored,
    pub(crate) terms: Vec<Term>,
    pub(crate) fitness: Option<f64>,
    pub(crate) bound: Option<f64>,
    pub(crate) unranked: Option<String>,
    /// Whether its insight is recorded.
    pub(crate) explained: bool,
}
