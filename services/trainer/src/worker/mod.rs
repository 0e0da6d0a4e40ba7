//! A worker: it takes runs and trains each on a thread of its own.
//!
//! [`WorkerService`] is the shell around the worker's rules, [`Departure`] lets it leave in good order. A [`Backend`]
//! does the training: [`Candle`] for real, [`Idle`] to measure everything else.

mod backend;
mod candle;
mod idle;
mod report;
mod service;

pub use backend::Backend;
pub use candle::Candle;
pub use idle::Idle;
pub use service::{Config, Departure, WorkerService};
