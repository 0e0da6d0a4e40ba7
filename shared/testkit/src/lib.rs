//! Tools for tests and for `replay --verify`.
//!
//! [`Invariants`] judge a log as it streams by; each has an id and one definition, used by simulation, crash tests and
//! production alike. [`FirstRead`] and [`SecondRead`] hold two reads of a log against each other. [`Scribe`] writes
//! well-chained records by hand, [`sample`] has small, complete values.

mod invariants;
mod parked;
mod reread;
pub mod sample;
mod scribe;

pub use invariants::{Counts, Invariants, Violation};
pub use parked::Parked;
pub use reread::{FirstRead, SecondRead};
pub use scribe::Scribe;
