//! The configuration: one TOML file, overlaid by the environment, typed, and nothing in it that nobody knows.
//!
//! `load` reads the layers, `common` holds the tables that all services have, `words` turns what is wrong into one
//! sentence with its place and the next step.

mod common;
mod load;
#[cfg(test)]
mod tests;
mod words;

pub use common::{Common, Drain, Format, Http, Log, NoTables};
pub use load::Config;
pub use words::Error;
