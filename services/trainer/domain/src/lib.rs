//! The pure rules of training: who trains what, and what came of it.
//!
//! [`Trainer`] is the service: an admitted candidate becomes runs ([`plan`]), runs are placed on workers, watched,
//! and summed up. One input's way: [`input`] → [`decide`] → [`evolve`] folds the fact into [`state`] → [`effects`]
//! says what is owed. [`worker`] is the other side: the authority over its own slots.

mod decide;
mod effects;
mod evolve;
mod input;
mod plan;
mod state;
mod summary;
mod watch;
pub mod worker;

pub use decide::Rejection;
pub use effects::Effect;
pub use input::{Input, Outcome};
pub use plan::run_seed;
pub use state::Trainer;
