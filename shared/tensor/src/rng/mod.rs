//! Random numbers that depend on a seed and a purpose and on nothing else.
//!
//! [`philox`] is the counter-based generator Philox-4x32-10; [`Stream`] reads one sequence of it. Two purposes, or two
//! seeds, give unrelated streams, so what is drawn for one never shifts what is drawn for another.

mod philox;
mod stream;

pub use philox::philox;
pub use stream::Stream;
