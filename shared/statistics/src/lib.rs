//! The statistics that Move37's belief rests on: pure functions of values, so that rules may use them.
//!
//! - [`interval()`] and [`paired`]: how far a mean, or a difference by paired seeds, can be trusted.
//! - [`lower_bound`]: how much better a candidate is at least, where a single seed must do.
//! - [`Noise`]: how much a task's value moves by its seeds alone.
//! - [`sequential`]: the test "better than the reference", at growing numbers of seeds.
//! - [`Spending`]: how a campaign shares its nominal error over its tests.
//! - [`early`]: whether a run's curve is worth going on with, and what stopping would have cost.
//! - [`proportion`]: exact bounds of a share that was counted.
//! - [`calibrate`]: what the test does to given runs, by simulation.
//!
//! Everywhere higher values are better; negate losses. What is drawn by chance (bootstrap resamples) is drawn from the
//! values themselves, so the same values give the same answer anywhere, in whatever order they come.

mod bound;
pub mod calibrate;
mod chance;
pub mod early;
mod interval;
mod noise;
pub mod proportion;
mod rank;
pub mod sequential;
mod spending;

pub use bound::lower_bound;
pub use chance::Chance;
pub use interval::{Interval, deviation, interval, mean, paired};
pub use noise::Noise;
pub use rank::rank_test;
pub use spending::Spending;
