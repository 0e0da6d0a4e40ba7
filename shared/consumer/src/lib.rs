//! A typed stream of facts for whoever wants to study a discovery: over Kafka or over the file of a laptop, from the
//! beginning, from now, or from a stored point.
//!
//! [`Consumer`] says what is wanted, [`Facts`] is the running stream of [`Event`]s. The law that the first record wins
//! is applied already: duplicates and the records of zombies are not delivered, and what is no fact at all comes as a
//! [`Flaw`] instead of vanishing. A [`Point`] remembers by chains (key, source, sequence, hash) what was delivered, not
//! by offsets: a mirrored or rebuilt cluster numbers its records anew, but a chain stays what it is, and its hash tells
//! whether it is the same history.
//!
//! ```no_run
//! # async fn best(log: std::sync::Arc<dyn move37_eventlog::EventLog>) -> Result<(), move37_consumer::Error> {
//! use move37_consumer::{Consumer, Start};
//! use move37_events::{Fact, Topic, facts::AnalystFact};
//!
//! let mut facts = Consumer::new(log).topics([Topic::Analyst]).from(Start::Beginning).open().await?;
//! loop {
//!     if let Fact::Analyst(AnalystFact::FitnessScored(score)) = &facts.next_fact().await?.fact {
//!         println!("experiment {}: {:?}", score.experiment, score.fitness);
//!     }
//! }
//! # }
//! ```
//!
//! What it does not do: no order across chains (an effect may come before its cause), no groups that share the work,
//! and no shortcut: every chain is read from its start, since only then it is known which record holds a place. "From
//! now" limits what is delivered, not what is read.

mod consumer;
mod facts;
mod point;
mod record;

pub use consumer::{Consumer, Start};
pub use facts::{Error, Facts};
pub use point::Point;
pub use record::{Event, FactRecord, Flaw};

#[cfg(test)]
mod tests;
