//! Computing one node, or all steps of a plan.

mod elementwise;
mod indexing;
mod movement;
mod node;
mod reduction;
mod steps;

pub(crate) use steps::{Machine, execute};
