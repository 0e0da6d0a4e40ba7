//! One training run: a [`JobSpec`] goes in, a [`RunOutcome`] comes out, an [`Observer`] sees it happen.
//!
//! [`trainer`] holds weights and optimiser state between steps; [`train()`] is the loop around it. Everything that a run does
//! follows from its job and the stored corpus: the same job gives the same bits on the same [`Platform`].

mod candidate;
mod diagnose;
mod job;
mod observer;
mod outcome;
mod platform;
mod schedule;
mod train;
mod trainer;

pub use job::{JobSpec, Training};
pub use observer::{Cancel, Observer, Silent};
pub use outcome::{CurvePoint, RunOutcome};
pub use platform::Platform;
pub use train::{run, train};
pub use trainer::{Trainer, Validation};
