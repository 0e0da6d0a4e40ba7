//! The contract between the services: which topics there are, who writes them, and what each fact says.
//!
//! [`TABLE`] is the one table: topics, writers, keys, partitions, facts and versions. The enums of [`facts`] give the
//! bodies; [`FactSet`] turns them into stored bytes and back, old versions included. [`Following`] is the part of
//! every service's rules that obeys the operator. [`DeadLetter`] keeps what no reader can take in. [`decisions`] says what of a fact counts as a decision. [`documents`]
//! writes the table down for brokers and for people.

mod dead_letter;
pub mod decisions;
pub mod documents;
mod error;
mod fact;
pub mod facts;
mod following;
pub mod genome;
mod table;
mod topic;

pub use dead_letter::{DeadLetter, ParkedBody, RawRecord, Reason, RecordHeader, RecordPlace};
pub use error::DecodeError;
pub use fact::{Fact, FactSet, Input};
pub use following::{Following, OutOfOrder, Status};
pub use table::{FactRow, TABLE, TopicRow, inputs_of, row};
pub use topic::{Role, Topic, murmur2, partition_of};
