//! What stops a campaign, or a service, loudly.

use move37_core::{Corruption, Key};
use move37_eventlog::Position;
use move37_events::{DecodeError, Role};

/// A service, or one of its campaigns, has stopped.
#[derive(Debug, thiserror::Error)]
#[error("{role} stopped{}", key.as_ref().map(|key| format!(" {key}")).unwrap_or_default())]
pub struct Failure {
    /// The service.
    pub role: Role,
    /// The campaign (or worker); none for the whole service.
    pub key: Option<Key>,
    /// Why.
    #[source]
    pub error: Error,
}

impl Failure {
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
    /// The rules or the runtime have a fault.
    #[error("its rules panicked: {0}")]
    Panicked(String),
}
