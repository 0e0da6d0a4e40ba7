//! The envelope of a fact: CloudEvents 1.0 in Kafka's binary mode, and the hash that chains facts.
//!
//! Attribute names and header layout follow the CloudEvents 1.0 Kafka protocol binding: attributes travel as `ce_*`
//! headers, the body's media type as `content-type`, the body as the record's value.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{CampaignId, EventId, Hash, Key, Source, Timestamp};

/// Header names and values of a record.
pub type Headers = Vec<(String, String)>;

/// Why a record is no fact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A needed header is absent.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// A header appears twice.
    #[error("the header {0} appears more than once")]
    Repeated(String),
    /// A header's value does not parse.
    #[error("the header {name} reads {value:?}: {why}")]
    Invalid {
        /// Header.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong.
        why: String,
    },
    /// Two attributes that must agree do not.
    #[error("{0}")]
    Inconsistent(String),
}

/// Type and version of a fact: `move37.<noun>.<verb>.v<N>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FactType {
    /// Without prefix and version, for example `hypothesis.proposed`.
    pub name: String,
    /// From 1.
    pub version: u32,
}

impl fmt::Display for FactType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "move37.{}.v{}", self.name, self.version)
    }
}

impl FromStr for FactType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (name, version) = text.strip_prefix("move37.")?.rsplit_once(".v")?;
            let version = version.parse().ok().filter(|&v: &u32| v > 0 && v.to_string() == version)?;
            let fits = |b: u8| b.is_ascii_lowercase() || b == b'.' || b == b'_';
            let good = !name.is_empty() && name.bytes().all(fits);
            good.then(|| FactType { name: name.to_owned(), version })
        };
        parse().ok_or_else(|| format!("{text:?} is no fact type: it reads move37.<noun>.<verb>.v<N>"))
    }
}

impl TryFrom<String> for FactType {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<FactType> for String {
    fn from(fact: FactType) -> String {
        fact.to_string()
    }
}

/// Everything about a fact but its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Name of the fact: key, source, sequence.
    pub id: EventId,
    /// What it states.
    pub fact: FactType,
    /// When its input was received.
    pub time: Timestamp,
    /// The experiment or run it is about, where there is one.
    pub subject: Option<String>,
    /// Hash of the chain's fact before this one.
    pub previous: Hash,
    /// The fact that it follows from; none only for what people and workers begin.
    pub cause: Option<EventId>,
    /// The campaign, where there is one.
    pub campaign: Option<CampaignId>,
    /// W3C trace context of the decision.
    pub traceparent: Option<String>,
}

/// A fact as it lies in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its attributes.
    pub envelope: Envelope,
    /// Its body: JSON of the type's schema, byte for byte as stored.
    pub body: Vec<u8>,
}

const CONTENT_TYPE: &str = "application/json";

impl Recorded {
    /// The chain hash: every attribute in a fixed order, then the stored body bytes, before any upcasting.
    pub fn hash(&self) -> Hash {
        let headers = self.envelope.headers();
        let attributes = headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
        let key = self.envelope.id.key.as_str().as_bytes();
        Hash::of_fields([key].into_iter().chain(attributes).chain([&self.body[..]]))
    }

    /// Read a record's key, headers and value.
    ///
    /// # Errors
    /// A header is missing, doubled or unreadable, or the attributes contradict one another.
    pub fn parse(key: &str, headers: &Headers, body: Vec<u8>) -> Result<Recorded, Error> {
        Envelope::parse(key, headers).map(|envelope| Recorded { envelope, body })
    }
}

impl Envelope {
    /// The headers of the CloudEvents binary mode, in the order that the chain hash uses.
    pub fn headers(&self) -> Headers {
        let mut headers = vec![
            ("content-type", CONTENT_TYPE.to_owned()),
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", self.id.to_string()),
            ("ce_source", self.id.source.to_string()),
            ("ce_type", self.fact.to_string()),
            ("ce_time", self.time.to_string()),
            ("ce_sequence", self.id.sequence.to_string()),
            ("ce_previoushash", self.previous.to_string()),
        ];
        let mut optional = |name, value: Option<String>| headers.extend(value.map(|value| (name, value)));
        optional("ce_subject", self.subject.clone());
        optional("ce_causationid", self.cause.as_ref().map(EventId::to_string));
        optional("ce_correlationid", self.campaign.as_ref().map(CampaignId::to_string));
        optional("ce_traceparent", self.traceparent.clone());
        headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn parse(key: &str, headers: &Headers) -> Result<Envelope, Error> {
        let optional = |name: &'static str| -> Result<Option<&str>, Error> {
            let mut values = headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
            match (values.next(), values.next()) {
                (_, Some(_)) => Err(Error::Repeated(name.to_owned())),
                (value, None) => Ok(value),
            }
        };
        let needed = |name| optional(name)?.ok_or(Error::Missing(name));

        for (name, expected) in [("content-type", CONTENT_TYPE), ("ce_specversion", "1.0")] {
            let value = needed(name)?;
            if value != expected {
                let why = format!("expected {expected}");
                return Err(Error::Invalid { name, value: value.to_owned(), why });
            }
        }
        let id: EventId = parsed("ce_id", needed("ce_id")?)?;
        let source: Source = parsed("ce_source", needed("ce_source")?)?;
        let key: Key = parsed("key", key)?;
        let sequence: u64 = parsed("ce_sequence", needed("ce_sequence")?)?;
        if (&id.key, &id.source, id.sequence) != (&key, &source, sequence) {
            return Err(Error::Inconsistent(format!(
                "the id {id} is not key {key}, source {source}, place {sequence}"
            )));
        }
        Ok(Envelope {
            id,
            fact: parsed("ce_type", needed("ce_type")?)?,
            time: parsed("ce_time", needed("ce_time")?)?,
            subject: optional("ce_subject")?.map(str::to_owned),
            previous: parsed("ce_previoushash", needed("ce_previoushash")?)?,
            cause: optional("ce_causationid")?.map(|text| parsed("ce_causationid", text)).transpose()?,
            campaign: optional("ce_correlationid")?.map(|text| parsed("ce_correlationid", text)).transpose()?,
            traceparent: optional("ce_traceparent")?.map(str::to_owned),
        })
    }
}

/// Only the one text of a value is taken: two texts of one value would share a chain hash.
fn parsed<T: FromStr<Err: fmt::Display> + fmt::Display>(name: &'static str, value: &str) -> Result<T, Error> {
    let bad = |why: String| Error::Invalid { name, value: value.to_owned(), why };
    let parsed: T = value.parse().map_err(|why: T::Err| bad(why.to_string()))?;
    match parsed.to_string() == value {
        true => Ok(parsed),
        false => Err(bad(format!("its canonical text is {parsed}"))),
    }
}

#[cfg(test)]
mod tests;
