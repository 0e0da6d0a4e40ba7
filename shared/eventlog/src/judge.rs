//! From stored records to facts: only what is well formed, in its partition, by its topic's writer, and first.

use move37_core::{Chains, EnvelopeError, Head, Key, Recorded, Source, Verdict};
use move37_events::row;

use crate::{Position, Stored};

/// Judges the records of a log in the order of their partitions. Every chain must be read from its start.
#[derive(Debug, Default)]
pub struct Judge {
    chains: Chains,
}

/// A well-formed record with its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Where it lies.
    pub position: Position,
    /// The record.
    pub record: Recorded,
    /// Whether it is the fact of its place.
    pub verdict: Verdict,
}

/// A record that is no candidate for any place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("dropped the record {}/{}@{}: {why}", position.topic, position.partition, position.offset)]
pub struct Refused {
    /// Where it lies.
    pub position: Position,
    /// Why it is dropped.
    pub why: Refusal,
}

/// Why a record is no candidate for any place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its key or headers cannot be read.
    #[error(transparent)]
    Unreadable(#[from] EnvelopeError),
    /// It lies in another partition than its key's.
    #[error("its key belongs to partition {expected}")]
    Misplaced {
        /// The key's partition.
        expected: u32,
    },
    /// Its source may not write this topic (L8).
    #[error("{source_name} may not write this topic")]
    Usurped {
        /// The source that it claims.
        source_name: Source,
    },
}

impl Judge {
    /// Judge the next record.
    ///
    /// # Errors
    /// It is malformed, in the wrong partition, or by a source that may not write the topic.
    pub fn judge(&mut self, stored: Stored) -> Result<Judged, Refused> {
        let position = stored.position();
        let refused = |why| Refused { position, why };
        let record = stored.parse().map_err(|error| refused(error.into()))?;
        let id = &record.envelope.id;
        let expected = position.topic.partition(&id.key);
        if position.partition != expected {
            return Err(refused(Refusal::Misplaced { expected }));
        }
        if row(position.topic).writer.is_none_or(|writer| writer.source() != id.source) {
            return Err(refused(Refusal::Usurped { source_name: id.source.clone() }));
        }
        let verdict = self.chains.offer(&record);
        Ok(Judged { position, record, verdict })
    }

    /// Head of a chain.
    pub fn head(&self, key: &Key, source: &Source) -> Head {
        self.chains.head(key, source)
    }

    /// All chains and their heads.
    pub fn heads(&self) -> impl Iterator<Item = (&Key, &Source, Head)> {
        self.chains.heads()
    }
}
