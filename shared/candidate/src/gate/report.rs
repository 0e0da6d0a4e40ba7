//! What the gate asks for and what it answers.

use serde::{Deserialize, Serialize};

use crate::cost::{ComplexityClass, Growth, LineCost};
use crate::finding::{Finding, FindingKind};
use crate::ir::Sketch;
use crate::language::{Dims, Limits, Note};

/// Sizes, policy and budget.
#[derive(Clone, Debug)]
pub struct GateConfig {
    /// Sizes of training; the batch is not used (cost is that of one sequence).
    pub dims: Dims,
    /// Rows of a training batch.
    pub batch: usize,
    /// The class to use; found by itself when `None`.
    pub class: Option<String>,
    /// Steepest growth with T.
    pub max_complexity: ComplexityClass,
    /// Most trained parameters.
    pub max_parameters: Option<u64>,
    /// Most FLOPs of one sequence forward.
    pub max_flops: Option<u64>,
    /// Most activation bytes of one sequence.
    pub max_bytes: Option<u64>,
    /// Whether what cannot be proved is admitted.
    pub admit_unproved: bool,
    /// Graphs that exist already.
    pub known: Vec<Known>,
    /// Least distance from them; nearer ones are noted only when `None`.
    pub min_distance: Option<f64>,
    /// Bounds of the interpreter.
    pub limits: Limits,
}

impl GateConfig {
    /// The default policy: at most n log n, nothing unproved, no budget.
    pub fn new(dims: Dims) -> Self {
        Self {
            dims,
            batch: 8,
            class: None,
            max_complexity: ComplexityClass::Linearithmic,
            max_parameters: None,
            max_flops: None,
            max_bytes: None,
            admit_unproved: false,
            known: Vec::new(),
            min_distance: None,
            limits: Limits::default(),
        }
    }
}

/// A graph that exists already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its canonical hash, in hex.
    pub hash: String,
    /// Its sketch, where it was kept.
    pub sketch: Option<Sketch>,
}

/// How sure a property is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// It holds for all parameter values and inputs, at the shapes analysed.
    Proved,
    /// The analysis cannot decide, or did not get there.
    #[default]
    Unproved,
    /// A witness contradicts it.
    Refuted,
}

/// FLOPs at one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlopsAt {
    /// T
    pub length: usize,
    /// Forward FLOPs of one sequence.
    pub flops: u64,
}

/// Memory of one sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// All intermediate results, as a backward pass needs them.
    pub activations: u64,
    /// Most that is alive at once in a forward pass alone.
    pub peak: u64,
    /// Most that is alive at once in a forward and backward pass as executed, gradients of parameters included; where
    /// the program was differentiated.
    #[serde(default)]
    pub training: Option<u64>,
}

/// How the state grows with the number of steps taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateGrowth {
    /// Not at all, as in a recurrent layer.
    Constant,
    /// With every step, as a cache of keys and values does.
    Linear,
}

/// The state after so many steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateAt {
    /// Steps taken.
    pub steps: usize,
    /// Bytes of one sequence.
    pub bytes: u64,
}

/// What a decoder must carry from one step to the next, for one sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecurrentState {
    /// Bytes after T steps (extrapolated along the growth).
    pub bytes: u64,
    /// Growth with the number of steps.
    pub growth: StateGrowth,
    /// Bytes added by every step.
    pub bytes_per_step: f64,
    /// What was measured.
    pub measured: Vec<StateAt>,
}

/// The known graph that is nearest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nearest {
    /// Its canonical hash, in hex.
    pub hash: String,
    /// How far it is, from 0 (the same) to 1 (see [`Sketch`]).
    pub distance: f64,
}

/// The gate's answer. A refused program has it as far as it could be traced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// Whether nothing speaks against training it.
    pub admitted: bool,
    /// The layer's class.
    pub class: Option<String>,
    /// Trained parameters.
    pub parameters: Option<u64>,
    /// FLOPs at T, 2T and 4T.
    pub flops: Vec<FlopsAt>,
    /// Growth of FLOPs with T.
    pub complexity: Option<Growth>,
    /// Memory at T.
    pub bytes: Option<Bytes>,
    /// Growth of activation bytes with T.
    pub memory: Option<Growth>,
    /// The canonical hash of the graph at T, in hex.
    pub graph_hash: Option<String>,
    /// What is kept of the graph to tell how near others are.
    #[serde(default)]
    pub sketch: Option<Sketch>,
    /// The nearest of the known graphs.
    #[serde(default)]
    pub nearest: Option<Nearest>,
    /// What a decoder carries from step to step.
    #[serde(default)]
    pub state: Option<RecurrentState>,
    /// No output depends on a later input.
    pub causality: Proof,
    /// No output depends on another row of the batch.
    pub batch_independence: Proof,
    /// Shapes `[B, T]` at which dependencies were analysed.
    #[serde(default)]
    pub analysed: Vec<[usize; 2]>,
    /// Parameters that no output depends on.
    pub dead_parameters: Vec<String>,
    /// What was ignored or widened.
    pub notes: Vec<Note>,
    /// Cost at T by source line, dearest first.
    pub lines: Vec<LineCost>,
    /// Everything that speaks against it.
    pub findings: Vec<Finding>,
}

impl GateReport {
    /// Add findings (each once) and decide anew.
    pub fn add(&mut self, findings: impl IntoIterator<Item = Finding>, config: &GateConfig) {
        for finding in findings {
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
        }
        self.findings.sort_by_key(|f| (f.line, f.column, f.kind));
        self.decide(config);
    }

    fn decide(&mut self, config: &GateConfig) {
        let blocks = |f: &Finding| f.kind != FindingKind::Unproved || !config.admit_unproved;
        let proved = |p: Proof| p == Proof::Proved || (config.admit_unproved && p == Proof::Unproved);
        let complete = self.parameters.is_some() && self.graph_hash.is_some();
        self.admitted =
            complete && !self.findings.iter().any(blocks) && proved(self.causality) && proved(self.batch_independence);
    }
}
