//! What memory decides: what to try next, what has come of it, and when it is enough.

use move37_core::{ExperimentId, Hash};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::campaign::CampaignFollowed;
use super::common::{Brief, ResultSummary, Spend};
use super::set::fact_set;
use crate::genome::Genome;

fact_set! {
    /// Facts of memory.
    MemoryFact on Memory by Memory {
        CampaignFollowed = "campaign.followed" v 1;
        ParentSampled = "parent.sampled" v 1 about experiment;
        ExperimentRecorded = "experiment.recorded" v 1 about experiment;
        CampaignClosed = "campaign.closed" v 1;
    }
}

/// An experiment was opened: what it starts from and what it may spend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ParentSampled {
    /// The new experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Its lane, from 1.
    pub lane: u32,
    /// What it starts from.
    pub basis: Basis,
    /// Training FLOPs reserved for it; none where the budget knows no limit.
    pub allowance: Option<f64>,
    /// What is left after this reservation.
    pub left: Left,
}

/// What an experiment starts from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Basis {
    /// A program given at the start is measured.
    Seed {
        /// Its place in the campaign's list.
        index: u32,
        /// True for the first: all scores are relative to it.
        baseline: bool,
    },
    /// A known program is developed further.
    Evolve {
        /// The parent.
        parent: Box<Standing>,
        /// Others to learn from.
        references: Vec<Standing>,
        /// What the campaign has learned so far.
        lessons: Lessons,
        /// Policy that chose, with its parameters.
        policy: String,
        /// Ranks and scores that it saw, best first.
        scores_seen: Vec<(u32, f64)>,
        /// Rank drawn for the parent, from 1.
        rank: u32,
    },
}

/// A scored candidate, as memory knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Name.
    pub name: String,
    /// Digest of its text.
    #[schemars(with = "String")]
    pub program: Hash,
    /// Grammar form, where there is one.
    pub genome: Option<Genome>,
    /// Fitness in [0, 1].
    pub fitness: f64,
    /// Results.
    pub results: ResultSummary,
    /// The insight in one sentence.
    pub insight: String,
}

/// What a campaign has learned, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lessons {
    /// The task on which the pool's best is weakest against the baseline.
    pub weak_task: Option<String>,
    /// How each kind of change has fared.
    pub moves: Vec<MoveRecord>,
    /// Latest experiments that ended without a score, newest last.
    pub failures: Vec<Failure>,
}

/// How one kind of change has fared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MoveRecord {
    /// Move.
    pub name: String,
    /// Times tried.
    pub tried: u32,
    /// Times the child beat its parent.
    pub improved: u32,
    /// Times the experiment ended without a score.
    pub failed: u32,
    /// Mean of child minus parent fitness over scored tries.
    pub mean_gain: f64,
}

/// An experiment that ended without a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Name, where it got one.
    pub name: String,
    /// Why it ended.
    pub why: String,
}

/// An experiment ended, and the ledger was settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExperimentRecorded {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Its lane.
    pub lane: u32,
    /// Its hypothesis, where there was one.
    pub brief: Option<Brief>,
    /// How it ended.
    pub ending: Ending,
    /// Settled cost, lost attempts included.
    pub spend: Spend,
    /// What is left after settlement.
    pub left: Left,
}

/// How an experiment ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ending {
    /// With an insight and a place among the scored.
    Ranked {
        /// Its standing.
        standing: Box<Standing>,
        /// Whether it may be a parent: false for programs steeper than the campaign admits.
        parent: bool,
    },
    /// With an insight but no fitness (a term is pending or missing).
    Unranked {
        /// Why.
        why: String,
    },
    /// The researcher withdrew it.
    Withdrawn {
        /// Why.
        why: String,
    },
    /// The engineer gave it up.
    Abandoned {
        /// Why.
        why: String,
    },
    /// Training failed.
    TrainingFailed {
        /// Why.
        why: String,
    },
}

/// What is left of the budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Left {
    /// Experiments that may still be opened, those in flight counted as used.
    pub experiments: u32,
    /// Endings without an insight that are still tolerated.
    pub failures: u32,
    /// FLOPs, reservations deducted; none for no limit.
    pub flops: Option<f64>,
}

/// The search is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CampaignClosed {
    /// Why.
    pub reason: CloseReason,
    /// Experiments with an insight, seed programs not counted.
    pub experiments: u32,
    /// The best by fitness, seed programs included.
    pub best: Option<Standing>,
    /// Total spend.
    pub spend: Spend,
}

/// Why a campaign ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// All experiments done.
    Finished,
    /// Too many experiments ended without an insight.
    Failures,
    /// The FLOPs are spent.
    Budget,
    /// The baseline itself could not be measured.
    Baseline,
    /// An operator stopped it.
    Stopped,
}
