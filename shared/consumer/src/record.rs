//! What a stream delivers.

use std::fmt;
use std::sync::Arc;

use move37_core::{CampaignId, EventId, ExperimentId, Recorded, Timestamp};
use move37_eventlog::Position;
use move37_events::Fact;

/// The next of a stream.
#[derive(Clone, Debug)]
pub enum Event {
    /// A fact that holds its place.
    Fact(Arc<FactRecord>),
    /// A record that is no fact and should not be there.
    Flaw(Flaw),
    /// Everything that was in the log at the opening has been passed; comes once.
    Live,
}

/// A fact that holds its place in its chain.
#[derive(Clone, Debug)]
pub struct FactRecord {
    /// Where it lies in this log; another log with the same facts may number otherwise.
    pub position: Position,
    /// Its attributes, and its body as stored.
    pub record: Recorded,
    /// What it states.
    pub fact: Fact,
}

impl FactRecord {
    /// Its name.
    pub fn id(&self) -> &EventId {
        &self.record.envelope.id
    }

    /// When its input was received.
    pub fn time(&self) -> Timestamp {
        self.record.envelope.time
    }

    /// The fact that it follows from.
    pub fn cause(&self) -> Option<&EventId> {
        self.record.envelope.cause.as_ref()
    }

    /// The campaign that it belongs to; none for what concerns a worker alone.
    pub fn campaign(&self) -> Option<&CampaignId> {
        self.record.envelope.campaign.as_ref()
    }

    /// The experiment that it is about: its subject is the experiment, or a run, whose name begins with it.
    pub fn experiment(&self) -> Option<ExperimentId> {
        let subject = self.record.envelope.subject.as_deref()?;
        subject.split('-').next()?.parse().ok().map(ExperimentId)
    }
}

/// A record that is no fact and should not be there: malformed, misplaced, by a source that may not write its topic,
/// contradicting its chain, or unreadable for this build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where it lies.
    pub position: Position,
    /// The name that it bears, as far as it can be read.
    pub id: Option<EventId>,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.position;
        write!(f, "{}/{}@{}: ", at.topic, at.partition, at.offset)?;
        match &self.id {
            Some(id) => write!(f, "{id}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}
