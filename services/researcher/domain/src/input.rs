//! What the researcher is asked about: operator facts, its own facts, and what memory samples.

/// The researcher owes nothing, so nothing comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {}

/// An input of the researcher.
pub type Input = move37_events::Input<Outcome>;
