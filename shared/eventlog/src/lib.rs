//! The event log as a port: what the services need of Kafka, and what the file on a laptop gives as well.
//!
//! An [`EventLog`] appends facts durably, tells where its partitions end, and gives [`Reader`]s that run from any
//! offset into the live stream, and [`Ownership`] of a service's own partitions. It judges nothing: [`Judge`] does, by
//! the law that the first record wins, and [`History`] reads what is there now and stops. [`conformance`] says what
//! every adapter must do.
//!
//! What it does not do: no update, no delete, no expiry, no transaction over several records.

pub mod conformance;
mod error;
mod history;
mod judge;
mod port;
mod stored;

pub use error::Error;
pub use history::History;
pub use judge::{Judge, Judged, Refusal, Refused};
pub use port::{Change, EventLog, Ownership, Reader, Release};
pub use stored::{MAX_BODY, Position, Stored};
