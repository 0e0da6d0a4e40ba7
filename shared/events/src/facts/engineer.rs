//! Code diffs and the gate's verdicts.

use move37_core::{ExperimentId, Hash};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::campaign::{CampaignFollowed, Complexity};
use super::common::{Brief, Sizes};
use super::set::fact_set;
use crate::genome::Genome;

fact_set! {
    /// Facts of the engineer.
    EngineerFact on Engineer by Engineer {
        CampaignFollowed = "campaign.followed" v 1;
        CodeDiffProposed = "code_diff.proposed" v 1 about experiment;
        CandidateAdmitted = "candidate.admitted" v 1 about experiment;
        CandidateRefused = "candidate.refused" v 1 about experiment;
        ExperimentAbandoned = "experiment.abandoned" v 1 about experiment;
    }
}

/// A hypothesis was written as a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CodeDiffProposed {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Attempt at this hypothesis, from 1.
    pub attempt: u32,
    /// The hypothesis in short.
    pub brief: Brief,
    /// Its grammar form, where there is one.
    pub genome: Option<Genome>,
    /// Digest of the parent's text; none for a seed program.
    #[schemars(with = "Option<String>")]
    pub parent: Option<Hash>,
    /// Unified diff against the parent (against nothing for a seed program).
    pub diff: String,
    /// The whole text.
    pub source: String,
    /// Digest of the text.
    #[schemars(with = "String")]
    pub program: Hash,
    /// True for the program that all scores are relative to.
    pub baseline: bool,
}

/// A program passed the gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CandidateAdmitted {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Attempt that passed.
    pub attempt: u32,
    /// The hypothesis in short.
    pub brief: Brief,
    /// Its grammar form, where there is one.
    pub genome: Option<Genome>,
    /// The whole text.
    pub source: String,
    /// Digest of the text.
    #[schemars(with = "String")]
    pub program: Hash,
    /// True for the program that all scores are relative to.
    pub baseline: bool,
    /// Whether it may be a parent: false for programs steeper or larger than the campaign admits.
    pub parent: bool,
    /// The sizes at which it is to be trained.
    pub sizes: Sizes,
    /// What the gate proved.
    pub gate: GateReport,
}

/// A program did not pass the gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CandidateRefused {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Attempt that was refused.
    pub attempt: u32,
    /// What the gate found.
    pub gate: GateReport,
    /// The earlier experiment with the same graph, where that is why.
    #[schemars(with = "Option<u32>")]
    pub duplicate_of: Option<ExperimentId>,
}

/// The engineer gave the experiment up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExperimentAbandoned {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// The hypothesis in short, where there was one.
    pub brief: Option<Brief>,
    /// Why, with the findings.
    pub why: String,
}

/// What the gate found out about a program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateReport {
    /// Whether nothing speaks against training it.
    pub admitted: bool,
    /// The class that mixes the sequence.
    pub class: Option<String>,
    /// Trained parameters of one layer.
    pub parameters: Option<u64>,
    /// Forward FLOPs of one sequence at T, 2T and 4T (multiply-add = 2).
    pub flops: Vec<Cost>,
    /// Measured growth with T.
    pub complexity: Option<Complexity>,
    /// FLOPs of one sequence as a function of T.
    #[serde(default)]
    pub growth: Option<Growth>,
    /// Bytes of one sequence at T.
    #[serde(default)]
    pub memory: Option<Memory>,
    /// What a decoder carries from step to step.
    #[serde(default)]
    pub state: Option<RecurrentState>,
    /// Causality.
    pub causality: Proof,
    /// Independence of the sequences of a batch.
    pub batch_independence: Proof,
    /// Canonical digest of the graph.
    #[schemars(with = "Option<String>")]
    pub graph_hash: Option<Hash>,
    /// A short description of the graph by which later readers tell how near others are (512 hexadecimal digits).
    #[serde(default)]
    pub sketch: Option<String>,
    /// The nearest of the graphs that were known then.
    #[serde(default)]
    pub nearest: Option<Nearest>,
    /// Everything that speaks against it, or is worth knowing.
    pub findings: Vec<Finding>,
}

/// Cost at one length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// Sequence length.
    pub length: u32,
    /// Forward FLOPs of one sequence.
    pub flops: f64,
}

/// A cost as a function of the length: `constant + linear T + linearithmic T log2 T + quadratic T^2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Growth {
    /// What does not depend on T.
    pub constant: f64,
    /// Coefficient of T.
    pub linear: f64,
    /// Coefficient of T log2 T.
    pub linearithmic: f64,
    /// Coefficient of T^2.
    pub quadratic: f64,
}

/// Predicted memory of one sequence at T.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// Bytes of all intermediate results.
    pub activations: u64,
    /// Most bytes alive at once in a forward pass.
    pub forward_peak: u64,
    /// Most bytes alive at once in a forward and backward pass.
    pub training_peak: Option<u64>,
    /// Bytes of all intermediate results as a function of T.
    pub growth: Option<Growth>,
}

/// What a decoder carries from one step to the next, for one sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecurrentState {
    /// Bytes after T steps.
    pub bytes: u64,
    /// Bytes added by every step: 0 for a state of constant size.
    pub bytes_per_step: f64,
}

/// A known graph and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Nearest {
    /// Its canonical digest.
    #[schemars(with = "String")]
    pub graph_hash: Hash,
    /// From 0 (the same operations in the same arrangement) to 1 (nothing in common).
    pub distance: f64,
}

/// How sure a property is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Holds for all parameter values.
    Proved,
    /// The analysis cannot decide.
    #[default]
    Unproved,
    /// A witness contradicts it.
    Refuted,
}

/// One thing that the gate found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Kind, for example `future_leak`.
    pub kind: String,
    /// Line of the program; 0 where none applies.
    pub line: u32,
    /// Column; 0 where none applies.
    #[serde(default)]
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
    /// Where it shows, for faults that show in numbers.
    #[serde(default)]
    pub witness: Option<Witness>,
}

/// Places that show a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Witness {
    /// Batch and length of the run: `[B, T]`.
    pub shape: [u32; 2],
    /// The output element: `[b, t, d]`.
    pub output: [u32; 3],
    /// The row and time step of the input that it must not depend on: `[b, t]`.
    pub input: Option<[u32; 2]>,
    /// Another shape at which the same element differs although it must not: `[B, T]`.
    pub other: Option<[u32; 2]>,
}
