//! A seeded simulation: [`actor`] is the shell's order of things as plain data, [`log`] the records, [`script`] what
//! effects come to, [`schedule`] whose turn it is and what goes wrong.

mod actor;
mod log;
mod schedule;
mod script;

pub use log::Ledger;
pub use schedule::{Faults, World};
