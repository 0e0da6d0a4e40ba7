//! What the gate asks for and what it answers.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::cost::{ComplexityClass, Growth, LineCost};
use crate::finding::{Finding, FindingKind};
use crate::language::{Dims, Limits, Note};

/// Sizes, policy and budget.
#[derive(Clone, Debug)]
pub struct GateConfig {
    /// Sizes of training; the batch is not used.
    pub dims: Dims,
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
    /// Graph hashes (hex) that exist already.
    pub known: BTreeSet<String>,
    /// Bounds of the interpreter.
    pub limits: Limits,
}

impl GateConfig {
    /// The default policy: at most n log n, nothing unproved, no budget.
    pub fn new(dims: Dims) -> Self {
        Self {
            dims,
            class: None,
            max_complexity: ComplexityClass::Linearithmic,
            max_parameters: None,
            max_flops: None,
            max_bytes: None,
            admit_unproved: false,
            known: BTreeSet::new(),
            limits: Limits::default(),
        }
    }
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
    /// No output depends on a later input.
    pub causality: Proof,
    /// No output depends on another row of the batch.
    pub batch_independence: Proof,
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
