//! Weights in files: safetensors.
//!
//! [`mod@file`] reads and writes named tensors, and takes a graph's parameters out of them by name. [`state`] speaks of a whole
//! layer as PyTorch's `state_dict` does: shared tensors under each of their names, buffers that are kept or left out.

mod convert;
mod file;
mod misfit;
mod state;

pub use convert::{Contents, read};
pub use file::{from_bytes, load, load_all, of_graph, save, to_bytes};
pub use misfit::Misfit;
pub use state::{save_state, state_bytes, state_names, take_state};
