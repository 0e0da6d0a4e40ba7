//! What is wrong with a candidate, where, and what to write instead.

mod catalogue;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ir::Span;

pub use catalogue::page;

/// What a finding is about. The names are stable: they are part of the JSON that people and models read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The text is not Python.
    Syntax,
    /// An import outside the allow-list.
    Import,
    /// A construct, function or argument that is not implemented.
    Unsupported,
    /// An unknown name or attribute.
    Name,
    /// A value of the wrong type, or an exception that the program raises.
    Type,
    /// Shapes that do not fit.
    Shape,
    /// A bound was exceeded: ticks, nodes, recursion, sizes.
    Limit,
    /// An output depends on a later input.
    FutureLeak,
    /// An output depends on another row of the batch.
    BatchLeak,
    /// The forward pass changes state that the next call sees.
    HiddenState,
    /// The output is not a function of the input and the parameters.
    Nondeterministic,
    /// A parameter that no output depends on.
    DeadParameter,
    /// The complexity class exceeds the policy.
    Complexity,
    /// Parameters, FLOPs or bytes beyond the budget.
    OverBudget,
    /// A value that is not finite.
    NonFinite,
    /// A live parameter without a gradient.
    NoGradient,
    /// Outputs of a prefix depend on the total length.
    LengthDependent,
    /// Something that analysis cannot decide.
    Unproved,
    /// The same graph is known already.
    Duplicate,
    /// A known graph is nearer than the policy allows.
    NearDuplicate,
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = serde_json::to_value(self).expect("a unit variant");
        f.write_str(name.as_str().expect("a unit variant is a string"))
    }
}

/// Places that show a fault: whoever repeats the run at this shape sees it there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// Batch and length of the run: `[B, T]`.
    pub shape: [u32; 2],
    /// The output element: `[b, t, d]`.
    pub output: [u32; 3],
    /// The row and time step of the input that it must not depend on: `[b, t]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<[u32; 2]>,
    /// Another shape at which the same element differs although it must not: `[B, T]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<[u32; 2]>,
}

/// Most characters of a message.
const LONGEST: usize = 600;

/// One finding. `line` and `column` are 1-based; 0 where no place in the text is to blame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// 1-based line.
    pub line: u32,
    /// 1-based column.
    pub column: u32,
    /// One sentence: what is wrong.
    pub message: String,
    /// What to write instead; empty where nothing better can be said.
    pub hint: String,
    /// Where it shows, for faults that show in numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
}

impl Finding {
    /// A finding at a place, without a hint.
    pub fn new(kind: FindingKind, span: Span, message: impl Into<String>) -> Self {
        Self {
            kind,
            line: span.line,
            column: span.column,
            message: bounded(message.into()),
            hint: String::new(),
            witness: None,
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same with a witness.
    #[must_use]
    pub fn witness(mut self, witness: Witness) -> Self {
        self.witness = Some(witness);
        self
    }
}

/// A message of at most [`LONGEST`] characters: names and values of the text that it quotes may be of any length.
fn bounded(message: String) -> String {
    match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}..", &message[..end]),
        None => message,
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.line, self.column, self.kind, self.message)?;
        match self.hint.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", self.hint),
        }
    }
}
