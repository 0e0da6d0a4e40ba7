//! A whole language model around a candidate, as one graph.
//!
//! Embedding, then blocks of [norm, the candidate, residual, norm, SwiGLU, residual], a last norm and an untied head.
//! [`inline`] puts the candidate's graph into each block; [`language_model`] builds the network; [`loss`] adds what is
//! minimised and what is counted.

mod flops;
mod inline;
mod layers;
mod loss;
mod network;

pub use flops::flops;
pub use loss::{Measure, measured};
pub use network::{Dims, Network, Readout, language_model};
