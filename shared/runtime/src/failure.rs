//! What stops a campaign, or a service, loudly.

use move37_core::{Corruption, Key};
use move37_eventlog::Position;
use move37_events::{DecodeError, Role};

/// A service, one of its partitions, or one of its campaigns, has stopped.
#[derive(Debug, thiserror::Error)]
#[error("{role} stopped{}", part(key.as_ref(), *partition))]
pub struct Failure {
    /// The service.
    pub role: Role,
    /// The campaign (or worker), where one has stopped.
    pub key: Option<Key>,
    /// The partition, where all of one has stopped.
    pub partition: Option<u32>,
    /// Why.
    #[source]
    pub error: Error,
}

impl Failure {
    /// Whether the whole service has stopped, not a campaign or a partition of it.
    pub fn is_of_all(&self) -> bool {
        self.key.is_none() && self.partition.is_none()
    }

    /// The failure and everything behind it, as one sentence.
    pub fn sentence(&self) -> String {
        let mut sentence = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            sentence = format!("{sentence}: {error}");
            source = error.source();
        }
        sentence
    }
}

fn part(key: Option<&Key>, partition: Option<u32>) -> String {
    match (key, partition) {
        (Some(key), _) => format!(" {key}"),
        (None, Some(partition)) => format!(" partition {partition}"),
        (None, None) => String::new(),
    }
}

/// Why a campaign or a service stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] move37_eventlog::Error),
    /// Its own chain contradicts itself.
    #[error("its own chain is corrupt at {}/{}@{}", position.topic, position.partition, position.offset)]
    Corrupt {
        /// The record.
        position: Position,
        /// How.
        #[source]
        corruption: Corruption,
    },
    /// A fact of its place that this build cannot read.
    #[error("the fact at {}/{}@{} cannot be read", position.topic, position.partition, position.offset)]
    Unreadable {
        /// The record.
        position: Position,
        /// Why.
        #[source]
        source: DecodeError,
    },
    /// A fact of a newer release.
    #[error(
        "a newer release has written {}/{}@{}, and nothing is decided without it: run that release here",
        position.topic,
        position.partition,
        position.offset
    )]
    Newer {
        /// The record.
        position: Position,
        /// Its version, and the newest that this build reads.
        #[source]
        source: DecodeError,
    },
    /// The rules or the runtime have a fault.
    #[error("its rules panicked: {0}")]
    Panicked(String),
}
