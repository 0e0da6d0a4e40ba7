//! The shell around a service's pure rules: recover, decide, append, apply, perform, drain.
//!
//! A [`Service`] says which topics it reads, which campaign a fact belongs to, and how an effect is performed; its
//! rules are a `Decider` of `move37-core`. A [`Host`] runs it over an event log: it owns partitions of the service's
//! topic, folds what is there, and gives every key (campaign) an actor. Within the actor, `cell` decides what to do
//! next as a pure state machine, `perform` runs the effects that the state owes, and `actor` (the only file that knows
//! actix) carries messages. What no reader can take in is set aside (`parking`), and `progress` follows what is dealt
//! with. A [`Monitor`] tells how the service is. [`command`] appends what operators command.
//!
//! What it does not do: know any domain, read a clock by itself (a [`Clock`] is given), or write a foreign topic.

mod actor;
mod cell;
mod clock;
pub mod command;
mod failure;
mod host;
mod monitor;
mod parking;
mod perform;
mod progress;
mod service;
mod shard;
#[cfg(test)]
mod tests;

pub use clock::{Clock, SystemClock};
pub use failure::{Error, Failure};
pub use host::{Boundary, Failpoint, Host, Running};
pub use monitor::{Counts, Dropped, Latency, Monitor};
pub use service::{Cancel, Canceller, Outbox, Service, Start, role_of};
