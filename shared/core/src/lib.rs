//! The laws of Move37, as code without a world: no clock, no dice, no I/O.
//!
//! One fact's way through this crate: [`Recorded`] bytes come from a log → [`Chains`] says whether they hold their
//! place (the first record wins) → [`Fold`] applies them to a [`Decider`]'s state and keeps what is owed → `decide`
//! makes the next fact, which [`Head::next`] gives its place in the chain. [`Draw`] is the only source of chance.

mod canonical;
mod chain;
mod decider;
mod draw;
mod envelope;
mod fold;
mod hash;
mod ids;
pub mod testing;
mod timestamp;

pub use canonical::{canonical_hash, canonical_json};
pub use chain::{Chains, Corruption, Head, Loss, Verdict};
pub use decider::{Ctx, Decider, EffectId, Owed, Rejection};
pub use draw::Draw;
pub use envelope::{Envelope, Error as EnvelopeError, FactType, Headers, Recorded};
pub use fold::{Checkpoint, Fold};
pub use hash::Hash;
pub use ids::{CampaignId, EventId, ExperimentId, Key, ParseError as IdError, Source};
pub use timestamp::Timestamp;
