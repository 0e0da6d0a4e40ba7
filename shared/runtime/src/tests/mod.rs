//! The shell around toy rules: alone as a state machine, and as a service over a log.
#![expect(clippy::unwrap_used, reason = "tests")]

mod cell;
mod command;
mod host;
mod letters;
mod log;
mod monitor;
mod newer;
mod perform;
mod service;
mod toy;
mod world;
