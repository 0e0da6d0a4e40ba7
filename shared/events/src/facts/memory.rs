//! What memory decides: what to try next, what has come of it, and when it is enough.

use std::collections::BTreeMap;

use move37_core::{ExperimentId, Hash};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::campaign::CampaignFollowed;
use super::common::{Brief, Interval, ResultSummary, Seeds, Spend, Stage, TaskScore};
use super::set::fact_set;
use crate::genome::Genome;

fact_set! {
    /// Facts of memory.
    MemoryFact on Memory by Memory {
        CampaignFollowed = "campaign.followed" v 1;
        ParentSampled = "parent.sampled" v 1 about experiment;
        ExperimentRecorded = "experiment.recorded" v 1 about experiment;
        CandidatePromoted = "candidate.promoted" v 1 about experiment;
        VerificationRecorded = "verification.recorded" v 1 about experiment;
        RecordConfirmed = "record.confirmed" v 1 about experiment;
        RecordRefuted = "record.refuted" v 1 about experiment;
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
        /// What another policy than the paper's saw and drew.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        choice: Option<Choice>,
    },
}

/// What a policy saw and drew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Choice {
    /// Who could have become the parent.
    pub eligible: Vec<Eligible>,
    /// Place among them of who did, from 0.
    pub drawn: u32,
    /// Where they are from: the island.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// A candidate that could have become the parent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Eligible {
    /// Its rank in the pool, from 1.
    pub rank: u32,
    /// What the policy compares: the fitness, or the upper confidence bound; none for one that was no parent yet and comes first.
    pub score: Option<f64>,
    /// How often it was a parent.
    pub visits: u32,
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
    /// What the fitness is at least, one-sided with the confidence that a promotion takes; none while no spread is known.
    pub bound: Option<f64>,
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

/// A candidate is trained with fresh seeds: to be the next record, or to have others compared with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CandidatePromoted {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Stage that it is promoted to.
    pub stage: Stage,
    /// What for.
    pub purpose: Purpose,
    /// Seed numbers to train.
    pub seeds: Seeds,
    /// Training FLOPs reserved for them; none where the budget knows no limit.
    pub allowance: Option<f64>,
    /// What is left after this reservation.
    pub left: Left,
}

/// What a candidate is trained with fresh seeds for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Purpose {
    /// Others are compared with it: the baseline, or the standing record.
    Reference,
    /// It is compared with the standing record.
    Challenge {
        /// The standing record.
        #[schemars(with = "u32")]
        against: ExperimentId,
        /// Place among the campaign's comparisons, from 1.
        test: u32,
        /// Probability of a false record that this comparison may have.
        alpha: f64,
        /// Look, from 1.
        look: u32,
        /// Seeds that are compared at this look.
        compared: u32,
    },
}

/// A promotion's trainings ended, and the ledger was settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VerificationRecorded {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// How it ended.
    pub outcome: Verified,
    /// Settled cost, lost attempts included.
    pub spend: Spend,
    /// What is left after settlement.
    pub left: Left,
}

/// What came of a promotion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verified {
    /// All seeds so far were measured on test data.
    Measured {
        /// Value of each task that counts.
        tasks: BTreeMap<String, TaskScore>,
        /// Fitness.
        fitness: f64,
        /// Fitness by seed number.
        values: Vec<f64>,
        /// Interval of the fitness.
        interval: Option<Interval>,
    },
    /// It could not be measured.
    Failed {
        /// Why.
        why: String,
    },
}

/// A candidate beats the standing record with fresh seeds on test data: it is the standing record from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordConfirmed {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Name.
    pub name: String,
    /// Digest of its text.
    #[schemars(with = "String")]
    pub program: Hash,
    /// The record that it beats.
    #[schemars(with = "u32")]
    pub against: ExperimentId,
    /// Value of each task on test data, over the confirmation's seeds alone.
    pub tasks: BTreeMap<String, TaskScore>,
    /// Fitness on test data.
    pub fitness: f64,
    /// Its interval.
    pub interval: Option<Interval>,
    /// Interval of the difference to the record that it beats, paired by seed.
    pub gain: Option<Interval>,
    /// Seeds that were compared.
    pub seeds: u32,
    /// Looks that it took.
    pub looks: u32,
    /// Place among the campaign's comparisons, from 1.
    pub test: u32,
    /// Probability of a false record that this comparison could have.
    pub alpha: f64,
}

/// A candidate could not be shown to beat the standing record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordRefuted {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Name.
    pub name: String,
    /// The record that stands.
    #[schemars(with = "u32")]
    pub against: ExperimentId,
    /// Why.
    pub why: String,
    /// Interval of the difference to the standing record, paired by seed, as far as it was measured.
    pub gain: Option<Interval>,
    /// Seeds that were compared.
    pub seeds: u32,
    /// Looks that it took.
    pub looks: u32,
    /// Place among the campaign's comparisons, from 1.
    pub test: u32,
    /// Probability of a false record that this comparison could have.
    pub alpha: f64,
}

/// The search is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CampaignClosed {
    /// Why.
    pub reason: CloseReason,
    /// Experiments with an insight, seed programs not counted.
    pub experiments: u32,
    /// The best by fitness, seed programs included: on validation data, and unconfirmed unless it is the record.
    pub best: Option<Standing>,
    /// The last record that fresh seeds confirmed.
    pub record: Option<RecordConfirmed>,
    /// Why there is none.
    pub unconfirmed: Option<String>,
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
