//! The pure rules of memory: what to try next, what came of it, and when it is enough.
//!
//! One input's way: [`input`] says what can happen → [`decide`] turns it into at most one fact, with [`sampling`] for
//! parents and references, [`lessons`] for what the campaign has learned, [`ledger`] for what may be spent and [`verify`]
//! for what may be believed →
//! [`evolve`] folds the fact into [`state`]. Memory owes no [`effects`]: all its work is deciding.

mod decide;
mod effects;
mod evolve;
pub mod input;
mod ledger;
mod lessons;
mod sampling;
mod state;
mod verify;

pub use decide::Rejection;
pub use effects::Effect;
pub use input::{Input, Outcome};
pub use state::Memory;
