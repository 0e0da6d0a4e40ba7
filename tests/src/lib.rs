//! The whole system without a world: [`World`] runs the rules of all services over a log in memory, in an order drawn
//! from a seed, with crashes, zombies and duplicates. The laws are tested on it in `laws/`.

mod world;

pub use world::{Faults, Ledger, World};
