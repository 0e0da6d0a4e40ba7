//! The rules, one per test: the trainer's in `trainer`, a worker's in `worker`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod trainer;
mod worker;
