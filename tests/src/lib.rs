//! The whole system, and what may happen to it.
//!
//! [`World`] runs the rules of all services over a log in memory, in an order drawn from a seed, with crashes, zombies
//! and duplicates; the laws are tested on it in `laws/`. [`proxy`] stands between real processes and a real broker.

pub mod proxy;
mod world;

pub use world::{Faults, Ledger, World};
