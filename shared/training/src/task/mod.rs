//! What a model is trained and measured on.
//!
//! A [`TaskSpec`] says which task; [`Task::prepare`] opens its data; a task deals [`Batch`]es. A training batch depends on
//! the run's seed and the step alone, so that a run may stop and go on anywhere; the batches for validation and test are the
//! same for every run. [`mad`] has the six synthetic tasks of MAD; [`named`] lists the settings that have a name.

mod batch;
mod bytes;
mod examples;
pub mod mad;
mod mqar;
mod named;
mod spec;
mod tokens;

pub use batch::Batch;
pub use named::named;
pub use spec::{Metric, Task, TaskSpec};
