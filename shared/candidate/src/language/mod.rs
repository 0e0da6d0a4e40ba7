//! PyTorch text to graph: a hermetic, bounded interpreter that traces one forward pass.
//!
//! [`trace`] parses the text, runs its definitions, finds the layer, constructs it, and calls its forward on a
//! symbolic `[B, T, D]` input. Nothing outside the interpreter can be reached, and every loop, container, tensor and
//! recursion is bounded. What is not understood is a [`Finding`] with line, column and a way out; a refused statement
//! is reported and its results are set aside, so that one run finds as many faults as it can.

mod arguments;
mod attribute;
mod builtins;
mod call;
mod class;
mod compare;
mod complex;
mod control;
mod displays;
mod expr;
mod find;
mod imports;
mod index;
mod index_set;
mod interp;
mod library;
mod locals;
mod r#match;
mod names;
mod number;
mod parse;
mod path;
mod reference;
mod root;
mod search;
mod state;
mod stmt;
mod subscript;
mod tensor;
mod text;
mod value;

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::ir::Graph;

pub use interp::Limits;
pub use path::{Choice, Decision, Path};
pub use reference::reference;

/// Sizes at which a layer is traced, and its further constructor arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Dims {
    /// B
    pub batch: usize,
    /// T
    pub time: usize,
    /// D
    pub d_model: usize,
    /// Heads, given to constructors that ask for them; 0 leaves them to the text's own defaults.
    pub num_heads: usize,
    /// Constructor arguments by name; they win over everything else.
    pub args: BTreeMap<String, ArgValue>,
}

/// A constructor argument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ArgValue {
    /// `None`
    None,
    /// `True` or `False`
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    Str(String),
    /// A tuple or list of these.
    Tuple(Vec<ArgValue>),
}

impl FromStr for ArgValue {
    type Err = std::convert::Infallible;

    /// As a Python literal where it is one, else as a string.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "None" => Self::None,
            "True" | "true" => Self::Bool(true),
            "False" | "false" => Self::Bool(false),
            text if text.starts_with(['[', '(']) && text.ends_with([']', ')']) => {
                let inner = text[1..text.len() - 1].split(',').map(str::trim).filter(|t| !t.is_empty());
                Self::Tuple(inner.map(|t| t.parse().unwrap_or(Self::None)).collect())
            }
            text => match (text.parse(), text.parse()) {
                (Ok(i), _) => Self::Int(i),
                (_, Ok(x)) => Self::Float(x),
                _ => Self::Str(text.trim_matches(['\'', '"']).to_owned()),
            },
        })
    }
}

/// How to trace.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The class to use; found by itself when `None`.
    pub class: Option<String>,
    /// Bounds.
    pub limits: Limits,
}

/// Something about the text that the reader of a report should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// 1-based line.
    pub line: u32,
    /// One sentence.
    pub text: String,
}

/// What the layer was constructed with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Construction {
    /// Keyword arguments, a configuration object aside.
    pub arguments: BTreeMap<String, ArgValue>,
    /// The configuration object.
    pub config: Option<Configuration>,
}

/// A configuration object that the layer takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// The constructor's parameter.
    pub parameter: String,
    /// Its class, of the text or of a library.
    pub class: String,
    /// The fields that were set; all others have the defaults of the class.
    pub fields: BTreeMap<String, ArgValue>,
}

/// A name of the layer's `state_dict`, or of a buffer that PyTorch leaves out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// PyTorch's name.
    pub name: String,
    /// What it names.
    pub of: StateOf,
    /// What sort of tensor.
    pub kind: StateKind,
}

/// What PyTorch makes of a named tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateKind {
    /// `nn.Parameter`, trained or frozen.
    Parameter,
    /// A buffer that `state_dict` has.
    Buffer,
    /// `register_buffer(.., persistent=False)`: not part of `state_dict`.
    Scratch,
}

/// What a name of the `state_dict` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateOf {
    /// The graph's parameter of this number; several names can share one.
    Param(usize),
    /// A complex tensor, which the graph computes anew.
    Computed,
}

/// A traced layer.
#[derive(Clone, Debug)]
pub struct Traced {
    /// One input `input [B, T, D]`, one output `[B, T, D]`, named parameters.
    pub graph: Graph,
    /// The class that was used.
    pub class: String,
    /// What it was constructed with.
    pub construction: Construction,
    /// What PyTorch's `state_dict` calls its tensors.
    pub state: Vec<State>,
    /// Dropout ignored, dtypes widened and the like.
    pub notes: Vec<Note>,
    /// State that a call leaves for the next one; the graph is that of the first call.
    pub hidden_state: Vec<Finding>,
    /// The choices that forward made.
    pub path: Path,
}

/// A trace as far as it went.
#[derive(Clone, Debug, Default)]
pub struct Attempt {
    /// The layer, where nothing was refused.
    pub traced: Option<Traced>,
    /// What was made until then (parameters, nodes), where the layer could be constructed.
    pub partial: Option<Graph>,
    /// The class that was tried.
    pub class: Option<String>,
    /// Everything that was refused.
    pub findings: Vec<Finding>,
}

/// Trace a text.
///
/// # Errors
/// Everything that was refused, at least one finding.
pub fn trace(source: &str, dims: &Dims, options: &Options) -> Result<Traced, Vec<Finding>> {
    let attempt = attempt(source, dims, options);
    match attempt.traced {
        Some(traced) => Ok(traced),
        None => Err(attempt.findings),
    }
}

/// Trace a text, keeping what was made of a refused one.
pub fn attempt(source: &str, dims: &Dims, options: &Options) -> Attempt {
    search::attempt(source, dims, options)
}

/// The nearest of the known names, if it is near enough to be meant.
pub(crate) fn suggest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).clamp(1, 3);
    known.map(|k| (distance(name, k), k)).filter(|&(d, _)| d > 0 && d <= limit).min().map(|(_, k)| k)
}

/// Edit distance with transpositions (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(a[i - 1] != b[j - 1]);
                let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + same);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}
