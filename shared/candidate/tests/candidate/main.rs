//! The candidate language and its gate, by example.
#![expect(clippy::unwrap_used, reason = "tests")]

mod around;
mod autograd;
mod carried;
mod cost;
mod elsewhere;
mod gate;
mod language;
mod layers;
mod programs;
mod reference;
mod seeds;
mod sizes;
mod state;
