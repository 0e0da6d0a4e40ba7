//! What the analysis says.

use crate::ir::Span;

/// Both verdicts on a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taint {
    /// No output depends on a later time step, of any row.
    pub causality: Verdict,
    /// No output depends on another row of the batch.
    pub batch_independence: Verdict,
}

/// What could be shown of one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds for all parameter values and inputs at this shape.
    Proved,
    /// Data decides; neither shown nor refuted.
    Unproved {
        /// One sentence: what stood in the way.
        why: String,
        /// The line of it.
        line: u32,
    },
    /// An output depends on what it must not see.
    Refuted(Witness),
}

/// A forbidden dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Row of the output element.
    pub output_row: usize,
    /// Its time step.
    pub output_time: usize,
    /// Its position within the time step.
    pub output_channel: usize,
    /// Row of the input that it depends on.
    pub depends_on_row: usize,
    /// The latest time step of that row that it depends on.
    pub depends_on_time: usize,
    /// The operation at which the leak enters, on a walk back from the output: a shift or reversal that as a whole
    /// brings later steps to an earlier place; failing that, the operation nearest the input that mixes elements with and
    /// without the forbidden dependency while the element at its own place has none, or the mask under which it mixes.
    pub span: Span,
}
