//! The pure rules of the engineer: a hypothesis as a program, and whether that program may be trained.
//!
//! One input's way: [`input`] says what can happen → [`decide`] turns it into at most one fact, with [`render`] for
//! the program's text, [`diff`] for its difference from the parent's and [`admission`] for the verdict on what the
//! gate found → [`evolve`] folds the fact into [`state`] → [`effects`] says which programs are still to be proved.

mod admission;
mod decide;
pub mod diff;
mod effects;
mod equalise;
mod evolve;
pub mod input;
pub mod render;
mod state;

pub use decide::Rejection;
pub use effects::Effect;
pub use input::{Input, Outcome};
pub use state::Engineer;
