//! How a running service is, for health checks and metrics: read at any time, from any thread, at no cost to it.
//!
//! The parts of a service write on a `board`; a [`Monitor`] reads it, also after the service has ended.

mod board;
mod latency;

use std::collections::BTreeMap;
use std::sync::Arc;

use move37_events::{Reason, Role, Topic};

pub(crate) use board::{AtHand, Board, Phase, Reading};
pub use latency::Latency;

/// How a running service is. Clones see the same service.
#[derive(Clone, Debug)]
pub struct Monitor(Arc<Board>);

/// What a service has done since it started, and what it has at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Inputs that its rules decided: own facts, foreign facts, outcomes. Early ones count once they are no longer.
    pub decided: u64,
    /// Facts that it appended and the log acknowledged, races that were lost later included.
    pub appended: u64,
    /// Facts that it appended and that lost their place to another writer's.
    pub races_lost: u64,
    /// Records that were not delivered, by reason; every reason is there.
    pub dropped: BTreeMap<Dropped, u64>,
    /// Dead letters that it wrote; fewer than were dropped where another service, or an earlier start, wrote them.
    pub parked: u64,
    /// Effects that are owed and under way now.
    pub owed: u64,
    /// Early inputs that wait now.
    pub held: u64,
}

/// Why a record was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dropped {
    /// The same record again. Ordinary.
    Duplicate,
    /// Another record came first. Ordinary.
    Raced,
    /// Its key or headers cannot be read.
    Malformed,
    /// It lies in another partition than its key's.
    Misplaced,
    /// Its source may not write its topic.
    Usurped,
    /// It contradicts its chain.
    Corrupt,
    /// Its body cannot be read, or its type is unknown.
    Undecodable,
    /// A newer release wrote it.
    Newer,
}

impl Dropped {
    /// Every reason.
    pub const ALL: [Dropped; 8] = [
        Dropped::Duplicate,
        Dropped::Raced,
        Dropped::Malformed,
        Dropped::Misplaced,
        Dropped::Usurped,
        Dropped::Corrupt,
        Dropped::Undecodable,
        Dropped::Newer,
    ];

    /// The reason as a label of a metric.
    pub fn name(self) -> &'static str {
        match self {
            Dropped::Duplicate => "duplicate",
            Dropped::Raced => "raced",
            Dropped::Malformed => "malformed",
            Dropped::Misplaced => "misplaced",
            Dropped::Usurped => "usurped",
            Dropped::Corrupt => "corrupt",
            Dropped::Undecodable => "undecodable",
            Dropped::Newer => "newer",
        }
    }
}

impl From<Reason> for Dropped {
    fn from(reason: Reason) -> Dropped {
        match reason {
            Reason::Malformed => Dropped::Malformed,
            Reason::Misplaced => Dropped::Misplaced,
            Reason::Usurped => Dropped::Usurped,
            Reason::Corrupt => Dropped::Corrupt,
            Reason::Undecodable => Dropped::Undecodable,
            Reason::Newer => Dropped::Newer,
        }
    }
}

impl Monitor {
    pub(crate) fn new(board: Arc<Board>) -> Monitor {
        Monitor(board)
    }

    /// The service's role.
    pub fn role(&self) -> Role {
        self.0.role()
    }

    /// Whether it is at work: it has read what was in the log when it got its partitions, and effects that are owed
    /// run. Not so before its first partitions, while it reads the history of further ones, after a failure that ended
    /// all of it, and after its end. A service whose partitions have all gone to others stays live.
    pub fn is_live(&self) -> bool {
        self.0.is_live()
    }

    /// The partitions of its own topic that it works on, in order.
    pub fn partitions(&self) -> Vec<u32> {
        self.0.partitions()
    }

    /// How many keys (campaigns) have an actor, stopped ones included.
    pub fn keys(&self) -> u64 {
        self.0.keys()
    }

    /// What has stopped, the latest last: each a sentence that names the campaign, partition or service and why.
    pub fn failures(&self) -> Vec<String> {
        self.0.failures()
    }

    /// What people should look at though nothing has stopped, the latest last: facts that cannot be read and what waits
    /// for them.
    pub fn warnings(&self) -> Vec<String> {
        self.0.warnings()
    }

    /// What was done and what is at hand.
    pub fn counts(&self) -> Counts {
        self.0.counts()
    }

    /// From the receipt of a foreign fact, or of an effect's outcome, until a fact that came of it was read back; for
    /// each such fact. An early input's time includes its wait for what comes before it.
    pub fn latency(&self) -> Latency {
        self.0.latency()
    }

    /// Records between what was delivered and the end of each partition that is read, its own topic's included. Ends
    /// are noted when the reading starts and asked for again every few seconds, so a record counts here only after that.
    pub fn lag(&self) -> Vec<(Topic, u32, u64)> {
        self.0.lag()
    }
}
