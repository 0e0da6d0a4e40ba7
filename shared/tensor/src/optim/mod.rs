//! Moving parameters along their gradients: AdamW with clipping by global norm.

mod adamw;
mod state;

pub use adamw::AdamW;
pub use state::State;
