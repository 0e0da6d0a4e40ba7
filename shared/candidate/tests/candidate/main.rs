//! The candidate language and its gate, by example.
#![expect(clippy::unwrap_used, reason = "tests")]

mod gate;
mod language;
mod reference;
mod seeds;
