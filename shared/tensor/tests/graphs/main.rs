//! Whole graphs, forward and backward, through the public interface.
#![expect(clippy::unwrap_used, reason = "tests")]

mod differences;
mod forward;
mod gate;

mod gradients;
mod layers;
mod learning;
mod mutants;
mod probing;
#[path = "../../../candidate/tests/candidate/programs.rs"]
mod programs;
mod sets;

mod support;
