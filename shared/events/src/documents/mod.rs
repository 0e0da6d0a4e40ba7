//! The one table written down: topics, access rules and the AsyncAPI document under `kafka/`.
//!
//! Each is a function from [`TABLE`](crate::TABLE) to the text of a YAML file; a test holds the files to it.

mod acls;
mod asyncapi;
mod topics;
mod yaml;

pub use acls::{Access, Operation, Resource, accesses, acls};
pub use asyncapi::asyncapi;
pub use topics::{SETTINGS, topics};
