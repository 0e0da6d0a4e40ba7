//! The whole system, and what may happen to it.
//!
//! [`World`] runs the rules of all services over a log in memory, in an order drawn from a seed, with crashes, zombies
//! and duplicates; the laws are tested on it in `laws/`. [`system`] is a real one of several processes, [`proxy`] stands
//! between them and the broker, [`chaos`] makes things go wrong.

pub mod chaos;
pub mod proxy;
pub mod system;
mod world;

pub use world::{Faults, Ledger, World};
