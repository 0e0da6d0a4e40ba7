//! The pure rules of a worker: the authority over its own slots.
//!
//! A worker's chain is keyed by its name and boot: a restarted worker is a new one. It joins, accepts or declines what
//! is dispatched to it, tells how its runs go, gives up what the trainer has lost or stopped, and leaves. Same way of
//! an input as everywhere: [`input`] → [`decide`] → [`evolve`] into [`state`] → [`effects`].

mod decide;
mod effects;
mod evolve;
mod input;
mod state;

pub use decide::Rejection;
pub use effects::Effect;
pub use input::{Input, Outcome};
pub use state::Worker;
