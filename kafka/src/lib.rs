//! The event log on Apache Kafka.
//!
//! [`KafkaLog`] implements the port of `move37-eventlog`: an idempotent producer with `acks=all`, readers with
//! partitions assigned by hand, and ownership of a service's own topic by a consumer group that is used for nothing
//! else. [`Config`] is the table `[kafka]` that people write. [`Topics`] makes a cluster match the table and refuses what would lose facts.
//!
//! What it does not do: no transactions (correctness rests on the law that the first record of a place wins), no
//! committed positions, no automatic topics.

mod access;
mod admin;
mod client;
mod commit;
mod config;
mod error;
mod log;
mod obstacle;
mod ownership;
mod reader;
mod secret;
mod settings;
mod topics;

pub use access::{Access, Right, Rights, passwords};
pub use config::{Config, ConfigError, SecurityConfig};
pub use log::KafkaLog;
pub use secret::Secret;
pub use settings::{Identity, Login, Mechanism, Membership, Security, Settings, Tls};
pub use topics::{Examined, Finding, Topics};
