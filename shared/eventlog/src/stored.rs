//! A record as a log holds it, and places in a log.

use move37_core::{EnvelopeError, Headers, Recorded};
use move37_events::Topic;

/// Largest body in bytes; with headers it stays below Kafka's customary 1 MiB per message.
pub const MAX_BODY: usize = 1_000_000;

/// A place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Topic.
    pub topic: Topic,
    /// Partition, from 0.
    pub partition: u32,
    /// Offset in the partition: from 0, without holes.
    pub offset: u64,
}

/// A record as a log holds it, not yet judged. What is no text in a foreign record arrives with replacement
/// characters, which no key and no attribute contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Topic.
    pub topic: Topic,
    /// Partition.
    pub partition: u32,
    /// Offset.
    pub offset: u64,
    /// Record key.
    pub key: String,
    /// Headers, in order.
    pub headers: Headers,
    /// Body, byte for byte.
    pub body: Vec<u8>,
}

impl Stored {
    /// Where it lies.
    pub fn position(&self) -> Position {
        Position { topic: self.topic, partition: self.partition, offset: self.offset }
    }

    /// Read key and headers.
    ///
    /// # Errors
    /// As [`Recorded::parse`].
    pub fn parse(self) -> Result<Recorded, EnvelopeError> {
        Recorded::parse(&self.key, &self.headers, self.body)
    }
}
