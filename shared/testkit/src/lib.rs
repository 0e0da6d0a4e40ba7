//! Tools for tests and for `replay --verify`.
//!
//! [`sample`] has small, complete values.

pub mod sample;
