//! Topics, roles, and the partition of a key.

use std::fmt;
use std::str::FromStr;

use move37_core::Key;

use crate::table::{TABLE, row};

/// A stream of facts with one owning role (L8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// What operators command.
    Campaigns,
    /// What memory decides: sampling, records, closure.
    Memory,
    /// Hypotheses.
    Researcher,
    /// Code diffs and gate verdicts.
    Engineer,
    /// Placement and results of trainings.
    Trainer,
    /// What workers report.
    Runs,
    /// Scores and insights.
    Analyst,
    /// Records that could not be read; no journal.
    DeadLetters,
}

/// Who may write a topic; also the source of its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the service of that name")]
pub enum Role {
    Operator,
    Memory,
    Researcher,
    Engineer,
    Trainer,
    Worker,
    Analyst,
}

impl Topic {
    /// Every topic, in the table's order.
    pub fn all() -> impl Iterator<Item = Topic> {
        TABLE.iter().map(|row| row.topic)
    }

    /// Full name, `move37.<..>`.
    pub fn name(self) -> &'static str {
        row(self).name
    }

    /// Number of partitions.
    pub fn partitions(self) -> u32 {
        row(self).partitions
    }

    /// The partition that holds a key.
    pub fn partition(self, key: &Key) -> u32 {
        partition_of(key.as_str(), self.partitions())
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Topic {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Topic::all().find(|t| t.name() == text).ok_or_else(|| format!("there is no topic {text:?}"))
    }
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 7] =
        [Role::Operator, Role::Memory, Role::Researcher, Role::Engineer, Role::Trainer, Role::Worker, Role::Analyst];

    /// The source name of its facts.
    pub fn name(self) -> &'static str {
        match self {
            Role::Operator => "operator",
            Role::Memory => "memory",
            Role::Researcher => "researcher",
            Role::Engineer => "engineer",
            Role::Trainer => "trainer",
            Role::Worker => "worker",
            Role::Analyst => "analyst",
        }
    }

    /// The same as a typed source.
    pub fn source(self) -> move37_core::Source {
        self.name().parse().expect("role names are names")
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Kafka's default partitioner: `(murmur2(key) & 0x7fffffff) % partitions`, computed here so that every client agrees.
pub fn partition_of(key: &str, partitions: u32) -> u32 {
    (murmur2(key.as_bytes()) & 0x7fff_ffff) % partitions.max(1)
}

/// MurmurHash2, 32 bits, with the seed and constants of Kafka's Java client.
pub fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    let mut h = SEED ^ u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        h = h.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (i, &byte) in rest.iter().enumerate() {
            h ^= u32::from(byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h = (h ^ (h >> 13)).wrapping_mul(M);
    h ^ (h >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the Java client's own unit test (org.apache.kafka.common.utils.UtilsTest).
    #[test]
    fn murmur2_agrees_with_the_java_client() {
        for (text, expected) in [
            ("21", -973_932_308i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()) as i32, expected, "{text}");
        }
    }

    #[test]
    fn campaign_topics_are_co_partitioned() {
        let campaign_keyed = Topic::all().filter(|t| !matches!(t, Topic::Runs | Topic::DeadLetters));
        let counts: Vec<_> = campaign_keyed.map(Topic::partitions).collect();
        assert!(counts.windows(2).all(|pair| pair[0] == pair[1]), "{counts:?}");
    }
}
