//! What the analyst is asked about: operator facts, completed trainings, and its own facts.

/// The analyst owes nothing, so nothing comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {}

/// An input of the analyst.
pub type Input = move37_events::Input<Outcome>;
