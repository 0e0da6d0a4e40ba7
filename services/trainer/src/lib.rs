//! The trainer service, and the worker that trains for it.
//!
//! [`TrainerService`] places runs on workers and watches over them, with a [`directory`] of who has free slots.
//! [`worker::WorkerService`] takes runs and trains them on threads of its own.

mod directory;
mod service;
pub mod worker;

pub use service::{LEASE, TrainerService};
