//! The pure rules of the researcher: what to try, and why.
//!
//! One input's way: [`input`] says what can happen → [`decide`] turns a sampled parent into a hypothesis or withdraws,
//! with [`published`] for the programs given at the start and [`grammar`] for everything after → [`evolve`] folds the
//! fact into [`state`]. The researcher owes no [`effects`]: the grammar needs no network.

mod decide;
mod effects;
mod evolve;
pub mod grammar;
pub mod input;
mod published;
mod state;

pub use decide::Rejection;
pub use effects::Effect;
pub use input::{Input, Outcome};
pub use state::Researcher;
