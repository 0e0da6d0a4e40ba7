//! A worker: it takes runs and trains each on a thread of its own.
//!
//! [`WorkerService`] is the shell around the worker's rules, [`Departure`] lets it leave in good order. A [`Backend`]
//! does the training: [`Candle`] for real, [`Idle`] to measure everything else. `report` tells how a run goes, `keeper`
//! puts its state into the store, `orders` passes on what the trainer wants of it.

mod backend;
mod candle;
mod departure;
mod devices;
mod idle;
mod keeper;
mod orders;
mod report;
mod service;

pub use backend::Backend;
pub use candle::{Candle, job_spec, task_spec};
pub use departure::Departure;
pub use devices::{Devices, in_words};
pub use idle::Idle;
pub use service::{Config, WorkerService};
