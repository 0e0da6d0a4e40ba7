//! Typed names: of campaigns, experiments, sources and facts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A name with characters outside the alphabet, empty, or too long.
    #[error("{0:?} is no name: use 1 to 100 of a-z, A-Z, 0-9, '-', '_' and '.'")]
    Name(String),
    /// Not `key/source/sequence`.
    #[error("{0:?} is no event id: it reads key/source/sequence")]
    Event(String),
}

fn check_name(text: &str) -> Result<(), ParseError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    match (1..=100).contains(&text.len()) && text.bytes().all(fits) {
        true => Ok(()),
        false => Err(ParseError::Name(text.to_owned())),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = ParseError;
            fn try_from(text: String) -> Result<Self, ParseError> {
                check_name(&text).map(|()| Self(text))
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl FromStr for $type {
            type Err = ParseError;
            fn from_str(text: &str) -> Result<Self, ParseError> {
                Self::try_from(text.to_owned())
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A campaign's name; also the record key of everything about it.
    CampaignId
}
name! {
    /// A record key: a campaign, or a worker with its boot id.
    Key
}
name! {
    /// The role that wrote a fact: `memory`, `trainer`, `worker`, ..
    Source
}

impl From<CampaignId> for Key {
    fn from(campaign: CampaignId) -> Key {
        Key(campaign.0)
    }
}

/// Ordinal of an experiment in its campaign, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExperimentId(pub u32);

impl fmt::Display for ExperimentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Name of a fact: its chain (key and source) and its place there. Deterministic, so a repeated decision makes the
/// same id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId {
    /// Record key.
    pub key: Key,
    /// Who wrote it.
    pub source: Source,
    /// Place in the chain, from 1.
    pub sequence: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.key, self.source, self.sequence)
    }
}

impl FromStr for EventId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bad = || ParseError::Event(text.to_owned());
        let mut parts = text.split('/');
        let (Some(key), Some(source), Some(sequence), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        let sequence = sequence.parse().ok().filter(|&n: &u64| n > 0 && n.to_string() == sequence).ok_or_else(bad)?;
        Ok(EventId { key: key.parse()?, source: source.parse()?, sequence })
    }
}

impl TryFrom<String> for EventId {
    type Error = ParseError;
    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests;
