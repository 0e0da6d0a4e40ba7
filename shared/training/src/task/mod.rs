//! What a model is trained and measured on.
//!
//! A [`TaskSpec`] says which task; [`Task::prepare`] opens its data; a task deals [`Batch`]es. A training batch depends on
//! the run's seed and the step alone, so that a run may stop and go on anywhere; the validation batches are the same for
//! every run.

mod batch;
mod bytes;
mod mqar;
mod spec;

pub use batch::Batch;
pub use spec::{Metric, Task, TaskSpec};
