//! What is kept of a record that no reader can take in: enough to find it, to understand it, and to mend what wrote it.
//!
//! Dead letters are no facts: they form no chain, nothing is decided from them, and every role writes them. A letter's
//! name is made from the record's place and the reader's role, so writing it twice makes the same letter; readers take
//! the first of each origin.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use move37_core::{CampaignId, FactType, Hash, Head, Headers, Key, Recorded, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DecodeError, FactRow, Role, Topic};

/// Largest body that a letter holds; of larger ones it tells hash and size.
const MAX_BODY: usize = 256 * 1024;

/// Most bytes of header names and values that a letter holds.
const MAX_HEADERS: usize = 64 * 1024;

/// Most characters of a key, and of the detail.
const MAX_TEXT: usize = 1_000;

const NAME: &str = "record.parked";
const VERSION: u32 = 1;

/// A record that was set aside: `move37.record.parked.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetter {
    /// Where the record lies.
    pub origin: RecordPlace,
    /// Why it was set aside.
    pub reason: Reason,
    /// The same in one sentence.
    pub detail: String,
    /// Its record key: the first 1000 characters, with replacement characters for what is no text.
    pub key: String,
    /// Its headers, in order, with replacement characters for what is no text.
    pub headers: Vec<RecordHeader>,
    /// How many further headers there were no room for.
    pub headers_left_out: u32,
    /// Its body.
    pub body: ParkedBody,
    /// The role that could not read it.
    pub reader: String,
}

/// A place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct RecordPlace {
    /// Topic, `move37.<..>`, without the prefix of its cluster.
    pub topic: String,
    /// Partition.
    pub partition: u32,
    /// Offset.
    pub offset: u64,
}

/// Why a record was set aside. Losing a race for a place is no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its key or headers cannot be read.
    Malformed,
    /// It lies in another partition than its key's.
    Misplaced,
    /// Its source may not write its topic.
    Usurped,
    /// It contradicts its chain.
    Corrupt,
    /// Its body does not fit its type, or its type is unknown.
    Undecodable,
    /// A newer release wrote it.
    Newer,
}

/// A header of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordHeader {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

/// A body, or what is told of a large one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum ParkedBody {
    /// All bytes, in base64.
    Base64(String),
    /// It is too large for a letter; its origin holds it.
    Digest {
        /// BLAKE3 of the bytes.
        #[schemars(with = "String")]
        hash: Hash,
        /// Size in bytes.
        size: u64,
    },
}

/// A record as it lies in the log, by its parts.
#[derive(Clone, Copy, Debug)]
pub struct RawRecord<'a> {
    /// Topic.
    pub topic: Topic,
    /// Partition.
    pub partition: u32,
    /// Offset.
    pub offset: u64,
    /// Record key.
    pub key: &'a str,
    /// Headers, in order.
    pub headers: &'a Headers,
    /// Body.
    pub body: &'a [u8],
}

impl DeadLetter {
    pub(crate) const ROWS: &'static [FactRow] =
        &[FactRow { name: NAME, version: VERSION, schema: || schemars::schema_for!(DeadLetter) }];

    /// The letter about a record, by a role that could not take it in.
    pub fn about(record: RawRecord<'_>, reason: Reason, detail: &str, reader: Role) -> DeadLetter {
        let mut room = MAX_HEADERS;
        let fitting = record.headers.iter().take_while(|(name, value)| {
            let left = room.checked_sub(name.len() + value.len());
            room = left.unwrap_or(0);
            left.is_some()
        });
        let header = |(name, value): &(String, String)| RecordHeader { name: name.clone(), value: value.clone() };
        let headers: Vec<_> = fitting.map(header).collect();
        let left_out = record.headers.len() - headers.len();
        let place =
            RecordPlace { topic: record.topic.name().to_owned(), partition: record.partition, offset: record.offset };
        DeadLetter {
            origin: place,
            reason,
            detail: shortened(detail),
            key: shortened(record.key),
            headers,
            headers_left_out: u32::try_from(left_out).unwrap_or(u32::MAX),
            body: ParkedBody::of(record.body),
            reader: reader.name().to_owned(),
        }
    }

    /// Its type and newest version.
    pub fn fact_type() -> FactType {
        FactType { name: NAME.to_owned(), version: VERSION }
    }

    /// The letter as a record for the topic of dead letters. Its key is the partition that the origin lies in, its place
    /// the origin's, counted from 1; it names no past.
    ///
    /// # Errors
    /// A letter that was made elsewhere names an origin or a reader that no log has.
    pub fn record(&self, campaign: Option<CampaignId>, now: Timestamp) -> Result<Recorded, move37_core::IdError> {
        let key: Key = format!("{}.{}", self.origin.topic, self.origin.partition).parse()?;
        let before = Head { sequence: self.origin.offset, hash: Hash::GENESIS };
        let mut envelope = before.next(&key, &self.reader.parse()?, DeadLetter::fact_type(), now);
        envelope.subject = Some(self.origin.to_string());
        envelope.campaign = campaign;
        let body = serde_json::to_vec(self).expect("a letter is texts and numbers");
        Ok(Recorded { envelope, body })
    }

    /// Read a stored letter of any version.
    ///
    /// # Errors
    /// It is no letter, a newer release's, or its body does not fit.
    pub fn read(fact: &FactType, body: &[u8]) -> Result<DeadLetter, DecodeError> {
        match (fact.name.as_str(), fact.version) {
            (NAME, VERSION) => {
                serde_json::from_slice(body).map_err(|source| DecodeError::Body { fact: fact.clone(), source })
            }
            (NAME, _) => Err(DecodeError::Newer { fact: fact.clone(), newest: VERSION }),
            _ => Err(DecodeError::Unknown { topic: Topic::DeadLetters, fact: fact.clone() }),
        }
    }
}

impl ParkedBody {
    fn of(body: &[u8]) -> ParkedBody {
        match body.len() <= MAX_BODY {
            true => ParkedBody::Base64(STANDARD.encode(body)),
            false => ParkedBody::Digest { hash: Hash::of(body), size: body.len() as u64 },
        }
    }

    /// The bytes, where the letter holds them and they are base64.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            ParkedBody::Base64(text) => STANDARD.decode(text).ok(),
            ParkedBody::Digest { .. } => None,
        }
    }
}

impl fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn letter(headers: &Headers, body: &[u8]) -> DeadLetter {
        let record = RawRecord { topic: Topic::Memory, partition: 3, offset: 17, key: "c", headers, body };
        DeadLetter::about(record, Reason::Undecodable, "it does not fit", Role::Researcher)
    }

    #[test]
    fn a_letter_reads_back_as_it_was_written() {
        let headers = vec![("ce_id".to_owned(), "c/memory/5".to_owned())];
        let written = letter(&headers, b"\x00no json");
        let record = written.record("c".parse().ok(), Timestamp::from_millis(1)).unwrap();
        assert_eq!(record.envelope.id.to_string(), "move37.memory.3/researcher/18");
        assert_eq!(record.envelope.subject.as_deref(), Some("move37.memory/3@17"));
        let stored = Recorded::parse(record.envelope.id.key.as_str(), &record.envelope.headers(), record.body.clone());
        assert_eq!(stored.unwrap(), record);
        let read = DeadLetter::read(&record.envelope.fact, &record.body).unwrap();
        assert_eq!(read, written);
        assert_eq!(read.body.bytes().unwrap(), b"\x00no json");
    }

    #[test]
    fn every_reader_writes_the_same_letter_about_one_record_under_one_key() {
        let of = |reader: &str| {
            let letter = DeadLetter { reader: reader.to_owned(), ..letter(&vec![], b"") };
            letter.record(None, Timestamp::from_millis(1)).unwrap().envelope.id
        };
        assert_eq!(of("memory"), of("memory"));
        assert_eq!(of("memory").key, of("analyst").key);
        assert_ne!(of("memory"), of("analyst"));
    }

    #[test]
    fn a_large_body_is_told_by_its_hash_and_size() {
        let body = vec![b'x'; MAX_BODY + 1];
        let digest = ParkedBody::Digest { hash: Hash::of(&body), size: body.len() as u64 };
        assert_eq!(letter(&vec![], &body).body, digest);
        assert_eq!(letter(&vec![], &body[1..]).body.bytes().unwrap(), &body[1..]);
    }

    /// Control characters are six bytes each in JSON.
    #[test]
    fn a_letter_about_the_worst_record_fits_into_a_record() {
        let hostile = "\u{1}".repeat(MAX_HEADERS / 2);
        let headers: Headers = (0..4).map(|_| (String::new(), hostile.clone())).collect();
        let record = RawRecord {
            topic: Topic::Memory,
            partition: 3,
            offset: 17,
            key: &hostile,
            headers: &headers,
            body: &[0; MAX_BODY],
        };
        let letter = DeadLetter::about(record, Reason::Malformed, &hostile, Role::Memory);
        assert_eq!((letter.headers.len(), letter.headers_left_out), (2, 2));
        let record = letter.record(None, Timestamp::from_millis(1)).unwrap();
        assert!(record.body.len() < 1_000_000, "{}", record.body.len());
    }

    #[test]
    fn only_letters_are_read() {
        let fact = |name: &str, version| FactType { name: name.to_owned(), version };
        let newer = DeadLetter::read(&fact(NAME, 2), b"{}").unwrap_err();
        assert!(matches!(newer, DecodeError::Newer { newest: 1, .. }), "{newer}");
        let unknown = DeadLetter::read(&fact("run.lost", 1), b"{}").unwrap_err();
        assert!(matches!(unknown, DecodeError::Unknown { .. }), "{unknown}");
        let misfit = DeadLetter::read(&DeadLetter::fact_type(), b"{}").unwrap_err();
        assert!(matches!(misfit, DecodeError::Body { .. }), "{misfit}");
    }
}
