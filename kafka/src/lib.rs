//! The event log on Apache Kafka.
//!
//! [`KafkaLog`] implements the port of `move37-eventlog`: an idempotent producer with `acks=all`, readers with
//! partitions assigned by hand, and ownership of a service's own topic by a consumer group that is used for nothing
//! else. [`Topics`] makes a cluster match the table and refuses what would lose facts.
//!
//! What it does not do: no transactions (correctness rests on the law that the first record of a place wins), no
//! committed positions, no automatic topics.

mod client;
mod error;
mod log;
mod ownership;
mod reader;
mod settings;
mod topics;

pub use log::KafkaLog;
pub use settings::{Membership, Settings};
pub use topics::{Examined, Finding, Topics};
