//! First record wins (L3): which records of a partition are facts, judged alike by every reader.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::{Envelope, EventId, FactType, Hash, Key, Recorded, Source, Timestamp};

/// The end of a chain: its last fact's place and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Place of the last fact; 0 for an empty chain.
    pub sequence: u64,
    /// Hash of the last fact; [`Hash::GENESIS`] for an empty chain.
    pub hash: Hash,
}

impl Default for Head {
    fn default() -> Self {
        Head { sequence: 0, hash: Hash::GENESIS }
    }
}

impl Head {
    /// The envelope of the fact that comes next in the chain of (key, source). Subject, cause, campaign and trace are
    /// for the caller to set.
    pub fn next(&self, key: &Key, source: &Source, fact: FactType, time: Timestamp) -> Envelope {
        Envelope {
            id: EventId { key: key.clone(), source: source.clone(), sequence: self.sequence + 1 },
            fact,
            time,
            subject: None,
            previous: self.hash,
            cause: None,
            campaign: None,
            traceparent: None,
        }
    }

    /// The head once `record` has won its place.
    pub fn after(record: &Recorded) -> Head {
        Head { sequence: record.envelope.id.sequence, hash: record.hash() }
    }
}

/// What a reader makes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the fact of its place.
    Won,
    /// Dropped: the place was taken. Ordinary.
    Lost(Loss),
    /// Dropped: it names a past that never was. Its owner must stop the campaign; others report it.
    Corrupt(Corruption),
}

/// How a record lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The same record again.
    Duplicate,
    /// Another writer's record came first (or this one continues a loser).
    Raced,
}

/// How a record contradicts its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corruption {
    /// Facts between the head and this record are missing.
    #[error("its place is {sequence}, but the chain ends at {head}: facts in between are missing")]
    Gap {
        /// Place that the record claims.
        sequence: u64,
        /// Place of the last fact.
        head: u64,
    },
    /// Its previous hash names no record ever seen at the place before.
    #[error("its previous hash names no record seen at place {before}")]
    UnknownPast {
        /// The place before.
        before: u64,
    },
    /// Place 0 does not exist.
    #[error("places count from 1")]
    PlaceZero,
}

/// The chains of one partition (or of several, since chains do not meet), and every record seen in them.
#[derive(Clone, Debug, Default)]
pub struct Chains {
    chains: BTreeMap<(Key, Source), Chain>,
}

#[derive(Clone, Debug, Default)]
struct Chain {
    head: Head,
    /// The winner of each place, from place 1.
    winners: Vec<Hash>,
    /// Losers by place: rare, kept because a zombie may have continued one.
    losers: HashMap<u64, Vec<Hash>>,
}

impl Chains {
    /// Judge the next record of the partition, and take its place in if it wins.
    pub fn offer(&mut self, record: &Recorded) -> Verdict {
        let EventId { key, source, sequence } = &record.envelope.id;
        let chain = self.chains.entry((key.clone(), source.clone())).or_default();
        chain.offer(*sequence, record.envelope.previous, record.hash())
    }

    /// Head of a chain; the empty head for an unknown one.
    pub fn head(&self, key: &Key, source: &Source) -> Head {
        self.chains.get(&(key.clone(), source.clone())).map(|chain| chain.head).unwrap_or_default()
    }

    /// All chains and their heads, in order.
    pub fn heads(&self) -> impl Iterator<Item = (&Key, &Source, Head)> {
        self.chains.iter().map(|((key, source), chain)| (key, source, chain.head))
    }
}

impl Chain {
    fn offer(&mut self, sequence: u64, previous: Hash, hash: Hash) -> Verdict {
        let Some(before) = sequence.checked_sub(1) else {
            return Verdict::Corrupt(Corruption::PlaceZero);
        };
        if before > self.head.sequence {
            let known_loser = self.losers.get(&before).is_some_and(|seen| seen.contains(&previous));
            if !known_loser {
                return Verdict::Corrupt(Corruption::Gap { sequence, head: self.head.sequence });
            }
        } else if before == self.head.sequence && previous == self.head.hash {
            self.head = Head { sequence, hash };
            self.winners.push(hash);
            return Verdict::Won;
        } else if !self.seen(before, previous) {
            return Verdict::Corrupt(Corruption::UnknownPast { before });
        }
        if self.winner(sequence) == Some(hash) {
            return Verdict::Lost(Loss::Duplicate);
        }
        self.losers.entry(sequence).or_default().push(hash);
        Verdict::Lost(Loss::Raced)
    }

    fn winner(&self, place: u64) -> Option<Hash> {
        match place {
            0 => Some(Hash::GENESIS),
            _ => usize::try_from(place - 1).ok().and_then(|i| self.winners.get(i)).copied(),
        }
    }

    fn seen(&self, place: u64, hash: Hash) -> bool {
        self.winner(place) == Some(hash) || self.losers.get(&place).is_some_and(|seen| seen.contains(&hash))
    }
}

#[cfg(test)]
mod tests;
