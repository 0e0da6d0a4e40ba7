//! The executed part of the gate: a program is run once, forward and backward, at a small size.
//!
//! What the static gate proves is not trusted here but tried: finite values and gradients ([`numbers`]), a gradient for
//! every live parameter, and outputs that do not change when the future, another batch item or the total length does
//! ([`independence`]). Parameters are jittered first, so that what hides behind a zero-initialised gate shows.

mod cut;
mod independence;
mod numbers;
mod run;

pub use run::{Probe, ProbeFinding, ProbeKind, probe};
