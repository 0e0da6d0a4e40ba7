//! What a worker knows: the fold of its own facts.

use std::collections::BTreeMap;

use move37_core::{CampaignId, Key};
use move37_events::facts::{Checkpoint, Job, RunId, Spend};
use serde::{Deserialize, Serialize};

/// A worker's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    pub(crate) presence: Presence,
    /// Key of its chain, once joined.
    pub(crate) worker: Option<Key>,
    /// Runs that it takes at a time.
    pub(crate) slots: u32,
    /// Runs under way, by campaign and run.
    pub(crate) runs: BTreeMap<String, Assigned>,
    /// The last dispatch of each run that was answered.
    pub(crate) answered: BTreeMap<String, u32>,
}

/// Whether a worker is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Presence {
    #[default]
    Outside,
    Joined,
    /// It takes nothing more and lets go of what it has, for this reason.
    Withdrawn(String),
    Left,
}

/// A run under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Assigned {
    pub(crate) campaign: CampaignId,
    pub(crate) run: RunId,
    pub(crate) attempt: u32,
    pub(crate) job: Job,
    /// Where it goes on from.
    pub(crate) resume: Option<Checkpoint>,
    /// Cost so far, as recorded.
    pub(crate) spend: Spend,
    /// The last state that was saved by this attempt.
    pub(crate) checkpoint: Option<Checkpoint>,
}

/// The name of a run among all campaigns.
pub(crate) fn name(campaign: &CampaignId, run: &RunId) -> String {
    format!("{campaign}/{run}")
}

impl Worker {
    /// Slots free when `change` runs more (or fewer) are under way.
    pub(crate) fn free(&self, change: i64) -> u32 {
        if self.presence != Presence::Joined {
            return 0;
        }
        let busy = i64::try_from(self.runs.len()).unwrap_or(i64::MAX).saturating_add(change);
        u32::try_from(i64::from(self.slots).saturating_sub(busy)).unwrap_or(0)
    }

    /// The run under way with this attempt.
    pub(crate) fn under_way(&self, campaign: &CampaignId, run: &RunId, attempt: u32) -> Option<&Assigned> {
        self.runs.get(&name(campaign, run)).filter(|assigned| assigned.attempt == attempt)
    }
}
