//! Scores and insights.

use std::collections::BTreeMap;

use move37_core::{EventId, ExperimentId, Hash};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::campaign::{CampaignFollowed, Formula};
use super::common::{Brief, Interval, ResultSummary, Spend, Stage, TaskScore};
use super::set::fact_set;
use crate::genome::Genome;

fact_set! {
    /// Facts of the analyst.
    AnalystFact on Analyst by Analyst {
        CampaignFollowed = "campaign.followed" v 1;
        BaselineRecorded = "baseline.recorded" v 1 about experiment;
        FitnessScored = "fitness.scored" v 1 about experiment;
        InsightRecorded = "insight.recorded" v 1 about experiment;
    }
}

/// The baseline was measured: from here on the set of terms is fixed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineRecorded {
    /// Experiment of the baseline.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Value of each task that counts.
    pub tasks: BTreeMap<String, TaskScore>,
    /// Tasks that cannot tell candidates apart.
    pub dropped: Vec<DroppedTask>,
    /// What to know about the choice: that no task would have been left, so all were kept.
    pub note: Option<String>,
    /// What was measured.
    pub scored: Scored,
}

/// A task that does not count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DroppedTask {
    /// Task.
    pub task: String,
    /// Why, in one sentence.
    pub why: String,
}

/// A candidate was scored against the baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FitnessScored {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Stage.
    pub stage: Stage,
    /// Terms, one per task that counts.
    pub terms: Vec<Term>,
    /// The scale of the terms.
    pub formula: Formula,
    /// Mean of the terms in [0, 1]; none while a term is missing.
    pub fitness: Option<f64>,
    /// Mean of the terms of each seed's values, by seed number: what comparisons are paired by.
    pub values: Vec<f64>,
    /// Interval of the fitness, as wide as that of the difference to the baseline, paired by seed; none with one seed.
    pub interval: Option<Interval>,
    /// What the fitness is at least, one-sided with the confidence that a promotion takes; none while no spread is known.
    pub bound: Option<f64>,
    /// Why there is no fitness.
    pub unranked: Option<String>,
    /// What was scored, for the insight and for later comparisons.
    pub scored: Scored,
}

/// One term of the fitness: `sigmoid(6 * clamp(better by / scale, -1, 1))`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Term {
    /// Task.
    pub task: String,
    /// The candidate's value; none while pending.
    pub value: Option<f64>,
    /// The baseline's value.
    pub baseline: f64,
    /// How much better is much.
    pub scale: f64,
    /// The term in [0, 1]; none while pending.
    pub score: Option<f64>,
}

/// What a score is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scored {
    /// The training that was scored.
    #[schemars(with = "String")]
    pub training_event: EventId,
    /// The hypothesis in short.
    pub brief: Brief,
    /// Grammar form, where there is one.
    pub genome: Option<Genome>,
    /// Digest of the text.
    #[schemars(with = "String")]
    pub program: Hash,
    /// Whether it may be a parent.
    pub parent: bool,
    /// Results of the tasks that count.
    pub results: ResultSummary,
    /// Cost.
    pub spend: Spend,
}

/// What was learned from an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InsightRecorded {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Fitness, where ranked.
    pub fitness: Option<f64>,
    /// What the fitness is at least, one-sided with the confidence that a promotion takes; none while no spread is known.
    pub bound: Option<f64>,
    /// Why there is none.
    pub unranked: Option<String>,
    /// The insight.
    pub insight: Insight,
    /// Facts that it rests on.
    #[schemars(with = "Vec<String>")]
    pub evidence: Vec<EventId>,
    /// What was scored.
    pub scored: Scored,
}

/// An insight in ASI-Arch's five parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Insight {
    /// What the design is and costs.
    pub design_evaluation: String,
    /// What was measured.
    pub experimental_results_analysis: String,
    /// Whether the expectation came true.
    pub expectation_vs_reality_comparison: String,
    /// Which mechanism may explain it, with evidence.
    pub theoretical_explanation_with_evidence: String,
    /// What to do next; its first sentence stands for the whole.
    pub synthesis_and_insights: String,
}
