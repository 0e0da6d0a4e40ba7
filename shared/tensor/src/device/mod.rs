//! Executing a graph by candle's own operations, on any device that candle knows.
//!
//! The graph is the same one, gradients included, so candle's automatic differentiation is not used here either. One rule per
//! operation ([`rules`]); what candle lacks is computed on the CPU by [`crate::exec`]'s kernels ([`host`]). Slower on a CPU than
//! [`crate::exec`], which is why that one trains there; it is what a CUDA device runs until our kernels have CUDA versions, and
//! what they are measured against.

mod choice;
mod elementwise;
mod host;
mod program;
mod rules;

pub use choice::{Compute, Unavailable};
pub use program::DeviceProgram;
