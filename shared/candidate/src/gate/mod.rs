//! The gate: everything that can be said about a candidate without running it.
//!
//! [`check`] traces the text at several lengths and reports size, growth, identity, causality and batch independence,
//! with every finding. What has to be executed (finite values, gradients, independence of total length, perturbation)
//! is added by the executor through [`GateReport::add`].

mod check;
mod choices;
mod dependencies;
mod novelty;
mod points;
mod report;
mod size;
mod state;
mod varied;

pub use check::check;
pub use report::{Bytes, FlopsAt, GateConfig, GateReport, Known, Nearest, Proof, RecurrentState, StateAt, StateGrowth};
pub use varied::{Varied, varied};
