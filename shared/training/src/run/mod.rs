//! One training run: a [`JobSpec`] goes in, a [`RunOutcome`] comes out, an [`Observer`] sees it happen.
//!
//! [`trainer`] holds weights and optimiser state between steps; [`train()`] is the loop around it. Everything that a run does
//! follows from its job and the stored corpus: the same job gives the same bits on the same [`Platform`]. A run that was
//! stopped and goes on from its [`Checkpoint`] gives the same bits too.

mod candidate;
mod checkpoint;
mod choices;
mod diagnose;
mod job;
mod observer;
mod outcome;
mod platform;
mod predict;
#[cfg(test)]
mod resume;
mod schedule;
mod tally;
mod train;
mod trainer;

pub use move37_tensor::Compute;
pub use move37_tensor::device::Unavailable;

pub use checkpoint::Checkpoint;
pub use choices::{Chosen, Question};
pub use job::{JobSpec, Layer, Training};
pub use observer::{Cancel, Observer, Silent, State};
pub use outcome::{CurvePoint, RunOutcome};
pub use platform::Platform;
pub use predict::{Prediction, predict};
pub use schedule::Schedule;
pub use tally::Measured;
pub use train::{run, train};
pub use trainer::Trainer;
