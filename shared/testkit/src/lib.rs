//! Tools for tests and for `replay --verify`.
//!
//! [`Invariants`] judge a log as it streams by; each has an id and one definition, used by simulation, crash tests and
//! production alike. [`Scribe`] writes well-chained records by hand, [`sample`] has small, complete values.

mod invariants;
pub mod sample;
mod scribe;

pub use invariants::{Invariants, Violation};
pub use scribe::Scribe;
