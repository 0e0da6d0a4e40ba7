//! The pure rules of a worker: the authority over its own slots.
//!
//! A worker's chain is keyed by its name and boot ([`identity`]): a restarted worker is a new one. It joins, accepts or
//! declines what is dispatched to it, tells how its runs go and what was saved of them, gives up what the trainer has
//! lost, and leaves: it withdraws, and once it has let go of its runs it is gone. A later boot of its name makes it
//! leave at once. Pauses and stops reach a training through the shell, which answers how it ended. Same way of an input
//! as everywhere: [`input`] → [`decide`] → [`evolve`] into [`state`] → [`effects`].

mod decide;
mod effects;
mod evolve;
mod identity;
mod input;
mod state;

pub use decide::Rejection;
pub use effects::Effect;
pub use identity::name_and_boot;
pub use input::{Input, Outcome};
pub use state::Worker;
