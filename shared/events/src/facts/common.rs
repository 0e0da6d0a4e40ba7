//! Words that several facts share.

use std::collections::BTreeMap;
use std::fmt;

use move37_core::ExperimentId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Stage of an experiment's training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Small and cheap.
    Explore,
    /// Larger, with more seeds.
    Verify,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Explore => "explore",
            Stage::Verify => "verify",
        })
    }
}

/// Name of a run within its campaign: `<experiment>-<stage>-<task>-<seed>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RunId(pub String);

impl RunId {
    /// The run of one candidate, task and seed number.
    pub fn new(experiment: ExperimentId, stage: Stage, task: &str, seed: u32) -> RunId {
        RunId(format!("{experiment}-{stage}-{task}-{seed}"))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an idea came from, in the paper's three kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// From this campaign's own results.
    Experience,
    /// From the literature.
    Cognition,
    /// From neither.
    Original,
}

/// What a hypothesis expects to see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expectation {
    /// Task.
    pub task: String,
    /// Relative change of the task's value that is expected; positive is better.
    pub change: f64,
}

/// A hypothesis in short: carried by every later fact of its experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Brief {
    /// Name of the architecture.
    pub name: String,
    /// Why this should help.
    pub motivation: String,
    /// How it works.
    pub mechanism: String,
    /// What should be seen.
    pub expected: Vec<Expectation>,
    /// Source of the idea.
    pub provenance: Provenance,
    /// Experiment it was derived from; none for a seed program.
    #[schemars(with = "Option<u32>")]
    pub parent: Option<ExperimentId>,
    /// The changes against the parent, as move names that lessons count.
    pub moves: Vec<String>,
    /// Components of the whole architecture.
    pub components: Vec<String>,
}

/// Seed numbers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seeds {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
}

impl Seeds {
    /// The first `count` seed numbers; one at least.
    pub fn first(count: u32) -> Seeds {
        Seeds { first: 0, last: count.max(1) - 1 }
    }

    /// How many they are.
    pub fn count(self) -> u32 {
        self.end().saturating_sub(self.first)
    }

    /// The number after the last: how many there are with all before them.
    pub fn end(self) -> u32 {
        self.last + 1
    }
}

/// Where a mean lies, with this confidence: Student's t below ten seeds, a bootstrap from there on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Confidence, two-sided, in (0, 1).
    pub confidence: f64,
}

/// The measured value of one task, averaged over its seeds: on validation data in the stage explore, on test data in
/// the stage verify.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskScore {
    /// Mean over seeds: loss in nats per token, or accuracy in [0, 1].
    pub value: f64,
    /// Standard error over seeds; none with one seed.
    pub standard_error: Option<f64>,
    /// Number of seeds.
    pub seeds: u32,
    /// The values by seed number, from 0: what comparisons are paired by.
    pub values: Vec<f64>,
    /// Interval of the mean; none with one seed.
    pub interval: Option<Interval>,
}

/// The sizes at which a candidate is trained, next to the baseline's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sizes {
    /// Inner size of the SwiGLU.
    pub swiglu: u32,
    /// Trained parameters of one block without embeddings: mixing layer, two norms, SwiGLU.
    pub parameters: u64,
    /// Forward FLOPs of one block for one sequence at the shortest length that the gate measured.
    pub flops: f64,
    /// By how much what is to be equal exceeds the baseline's, relative; 0 for the baseline.
    pub excess: f64,
    /// Whether that is little enough for a fair comparison. What is not is measured, but no parent and no record.
    pub comparable: bool,
}

/// What was spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spend {
    /// Training FLOPs (multiply-add = 2), lost attempts included.
    pub flops: f64,
    /// Seconds of worker time; no rule reads them.
    pub seconds: f64,
}

impl std::ops::AddAssign for Spend {
    fn add_assign(&mut self, other: Spend) {
        self.flops += other.flops;
        self.seconds += other.seconds;
    }
}

/// A candidate's results in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResultSummary {
    /// Value of each task.
    pub tasks: BTreeMap<String, TaskScore>,
    /// Trained parameters of one mixing layer.
    pub parameters: u64,
    /// Forward FLOPs of one mixing layer at the campaign's length.
    pub flops: f64,
}
