//! From stored records to facts: only what is well formed, in its partition, by its topic's writer, and first.

use move37_core::{Chains, EnvelopeError, Head, Headers, Key, Recorded, Source, Verdict};
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
    /// All its headers as they lie there, those that no attribute is made of included.
    pub headers: Headers,
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
    /// What lies there.
    pub stored: Box<Stored>,
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
    pub fn judge(&mut self, mut stored: Stored) -> Result<Judged, Refused> {
        let position = stored.position();
        // The body stays where it is until the record is known to be well formed: a refused one is handed back whole.
        let placed = Recorded::parse(&stored.key, &stored.headers, Vec::new())
            .map_err(Refusal::from)
            .and_then(|record| placed(position, record));
        match placed {
            Ok(mut record) => {
                record.body = std::mem::take(&mut stored.body);
                let verdict = self.chains.offer(&record);
                Ok(Judged { position, record, headers: stored.headers, verdict })
            }
            Err(why) => Err(Refused { position, why, stored: Box::new(stored) }),
        }
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

/// See that a record lies in its key's partition and claims its topic's writer.
fn placed(position: Position, record: Recorded) -> Result<Recorded, Refusal> {
    let id = &record.envelope.id;
    let expected = position.topic.partition(&id.key);
    if position.partition != expected {
        return Err(Refusal::Misplaced { expected });
    }
    if row(position.topic).writer.is_none_or(|writer| writer.source() != id.source) {
        return Err(Refusal::Usurped { source_name: id.source.clone() });
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use move37_events::Topic;

    use super::*;
    use crate::conformance::chain;

    fn stored(topic: Topic, record: Recorded) -> Stored {
        let key = &record.envelope.id.key;
        let (partition, key) = (topic.partition(key), key.to_string());
        Stored { topic, partition, offset: 7, key, headers: record.envelope.headers(), body: record.body }
    }

    #[test]
    fn what_is_refused_comes_back_as_it_lies_there() {
        let memorys = chain(Topic::Memory, "c", 1).remove(0);
        let good = stored(Topic::Memory, memorys.clone());
        let malformed = Stored { headers: vec![], ..good.clone() };
        let misplaced = Stored { partition: (good.partition + 1) % Topic::Memory.partitions(), ..good.clone() };
        let usurped = stored(Topic::Analyst, memorys);
        for (bad, why) in [(malformed, "missing"), (misplaced, "partition"), (usurped, "may not write")] {
            let refused = Judge::default().judge(bad.clone()).unwrap_err();
            assert_eq!(*refused.stored, bad);
            assert!(refused.to_string().contains(why), "{refused}");
        }
    }

    #[test]
    fn headers_that_mean_nothing_here_are_kept() {
        let mut odd = stored(Topic::Memory, chain(Topic::Memory, "c", 1).remove(0));
        odd.headers.push(("x-trace".to_owned(), "1".to_owned()));
        let judged = Judge::default().judge(odd.clone()).unwrap();
        assert_eq!((judged.verdict, judged.headers, judged.record.body), (Verdict::Won, odd.headers, odd.body));
    }
}
