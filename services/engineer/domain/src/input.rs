//! What the engineer is asked about.

use move37_core::ExperimentId;
use move37_events::facts::GateReport;

/// What comes back from an owed effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The gate has looked at a program. Policy of the campaign is not its business: see `admission`.
    Gated {
        /// Experiment.
        experiment: ExperimentId,
        /// Attempt.
        attempt: u32,
        /// What it found; a gate that gave up says so in a finding and does not admit.
        report: GateReport,
    },
}

/// An input of the engineer.
pub type Input = move37_events::Input<Outcome>;
