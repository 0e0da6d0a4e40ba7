//! The contract between the services: which topics there are, who writes them, and what each fact says.
//!
//! [`TABLE`] is the one table: topics, writers, keys, partitions, facts and versions. The enums of [`facts`] give the
//! bodies; [`FactSet`] turns them into stored bytes and back, old versions included. [`Following`] is the part of
//! every service's rules that obeys the operator. [`decisions`] says what of a fact counts as a decision. [`documents`]
//! writes the table down for brokers and for people.

pub mod decisions;
pub mod documents;
mod error;
mod fact;
pub mod facts;
mod following;
pub mod genome;
mod table;
mod topic;

pub use error::DecodeError;
pub use fact::{Fact, FactSet, Input};
pub use following::{Following, OutOfOrder, Status};
pub use table::{FactRow, TABLE, TopicRow, row};
pub use topic::{Role, Topic, murmur2, partition_of};
