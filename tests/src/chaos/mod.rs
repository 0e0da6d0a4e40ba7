//! A running system under faults that are drawn from a seed.
//!
//! [`plan`] draws what goes wrong next, [`cluster`] is the system and what a person can do to it, [`storm`] makes things
//! go wrong and right again, [`disk`] fills a broker's disk, [`verdict`] judges what is left when the faults have
//! stopped.

mod cluster;
mod disk;
mod plan;
mod storm;
mod verdict;

pub use cluster::{Cluster, Shape};
pub use plan::{Act, Plan};
pub use storm::{Storm, Tally};
pub use verdict::{Verdict, judge};
