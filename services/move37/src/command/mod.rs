//! One file per command: its arguments, and what it does with them.

pub mod baselines;
pub mod bench;
pub mod campaign;
pub mod candidate;
pub mod check;
pub mod config;
pub mod dead_letters;
pub mod doctor;
pub mod explain;
pub mod forward;
pub mod language;
mod layer;
pub mod replay;
pub mod run;
pub mod tail;
mod task;
pub mod topics;
pub mod train;
