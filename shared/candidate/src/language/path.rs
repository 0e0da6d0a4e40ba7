//! The way that a trace took through the program: which sides of which choices.
//!
//! A trace holds for other sizes only where it would take the same way. So every choice that forward makes by values
//! known while tracing is written down: tests and comparisons, slices that run over the end, the number of rounds of
//! loops. Each is known by its place and counted once per outcome, however often it is met.

use std::collections::BTreeSet;

use super::interp::Interp;
use super::value::Phase;
use crate::ir::Span;

/// What is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Choice {
    /// A condition or comparison: 0 or 1.
    Test,
    /// A slice: bit 0 if its start, bit 1 if its stop lies outside, bit 2 if nothing is left.
    Slice,
    /// The rounds of a loop: 0, 1, or 2 for more.
    Rounds,
    /// A constant that numbers are masked, chosen or multiplied by: how its zeros lie.
    Mask,
}

/// One choice and one of its outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Decision {
    /// Where in the text.
    pub span: Span,
    /// Offset within the library's text, where it is made there.
    pub inner: u32,
    /// What is chosen.
    pub choice: Choice,
    /// What came out.
    pub outcome: u32,
}

/// All choices of one forward pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Choices and their outcomes.
    pub decisions: BTreeSet<Decision>,
    /// Steps, above 1, of the ranges that it ran through: sizes of chunks.
    pub strides: BTreeSet<usize>,
}

/// More are not kept; a text that makes more is not distinguished any further.
const MOST: usize = 20_000;

impl Interp<'_> {
    /// Write a choice down.
    pub fn decided(&mut self, choice: Choice, outcome: u32) {
        if self.phase == Phase::Forward && self.path.decisions.len() < MOST {
            let inner = if self.library_depth > 0 { self.library_offset } else { 0 };
            self.path.decisions.insert(Decision { span: self.span, inner, choice, outcome });
        }
    }

    /// Write down how often a loop over a range runs.
    pub fn ranged(&mut self, rounds: usize, step: i64) {
        self.decided(Choice::Rounds, rounds.min(2) as u32);
        if let (Phase::Forward, Ok(step)) = (self.phase, usize::try_from(step))
            && step > 1
        {
            self.path.strides.insert(step);
        }
    }
}
