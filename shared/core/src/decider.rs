//! Pure rules: what a service decides, what its state is, and what it still owes.

use std::error::Error;

use crate::Timestamp;

/// The rules of one service for one campaign.
///
/// The state is the fold of its own facts and nothing else (L1); `decide` turns one input into at most one fact (L2)
/// without clock, dice, log or I/O (L5); `effects` says what is still to do (L4).
pub trait Decider: Default {
    /// What can happen: a foreign fact, one of its own facts, or the outcome of an effect.
    type Input;
    /// Its own facts.
    type Event;
    /// Work that the state owes.
    type Effect: Owed;
    /// Why an input made no fact.
    type Rejection: Rejection;

    /// The one fact, if any, that follows from an input. `Ok(None)`: nothing follows, or the input is past.
    ///
    /// # Errors
    /// The rules refuse the input, or cannot know it yet ([`Rejection::is_early`]).
    fn decide(&self, input: &Self::Input, ctx: &Ctx) -> Result<Option<Self::Event>, Self::Rejection>;

    /// Take a fact in. Total: a fact that was decided is always accepted.
    fn evolve(&mut self, event: &Self::Event);

    /// What is still owed. Ids are stable from the fact that opens an effect to the one that closes it.
    fn effects(&self) -> Vec<Self::Effect>;
}

/// What a decision may know beside state and input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ctx {
    /// When the shell received the input; stamped once, and kept when a lost race makes it decide again.
    pub now: Timestamp,
}

/// A refusal by the rules.
pub trait Rejection: Error {
    /// True when the input is about something that the state does not know yet: the shell holds it and asks again
    /// after the next own fact. False: it is dropped.
    fn is_early(&self) -> bool;
}

/// Stable name of an owed effect within one (service, campaign).
pub type EffectId = String;

/// An effect that the state owes.
pub trait Owed {
    /// Its stable name.
    fn id(&self) -> EffectId;
}
