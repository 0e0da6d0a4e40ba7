//! The pure rules of the analyst: how good a candidate is, and what is learned from it.
//!
//! One input's way: [`input`] → [`decide`] → [`evolve`] folds the fact into [`state`]. [`terms`] says which tasks
//! count and what a value is worth against the baseline; [`compare`] and [`insight`] put numbers into words. The
//! analyst owes no [`effects`].

mod compare;
mod decide;
mod effects;
mod evolve;
pub mod input;
mod insight;
mod numbers;
mod state;
mod terms;

pub use decide::Rejection;
pub use effects::Effect;
pub use input::{Input, Outcome};
pub use state::Analyst;
pub use terms::{scale, term};
