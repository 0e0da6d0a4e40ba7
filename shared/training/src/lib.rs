//! Training that can be believed: texts by content, tasks, the model around a candidate, and one run.
//!
//! A [`run::JobSpec`] says everything about a run. [`task::Task`] deals its batches out of a stored [`data::Corpus`] or a
//! generator; [`model`] puts the candidate's graph into a language model, also a graph; [`run::run`] differentiates that on
//! the graph, executes it and reports. Every draw comes from a counter-based stream named by seed and purpose, so the same
//! job gives the same bits on the same platform. [`profile`] has sizes that suit a laptop.

pub mod data;
mod error;
#[cfg(test)]
mod fixtures;
pub mod model;
pub mod profile;
pub mod run;
pub mod task;

pub use error::{Error, FetchError};
