//! Two reads of a log agree (I21): what was read once is read again, record by record, whatever came after it.

use std::collections::BTreeMap;

use move37_core::Hash;
use move37_events::Topic;

use crate::Violation;

/// The first read: how many records every partition had, and a digest of all of them.
#[derive(Clone, Debug, Default)]
pub struct FirstRead(BTreeMap<(Topic, u32), Digest>);

#[derive(Clone, Debug)]
struct Digest {
    records: u64,
    hash: Hash,
}

impl Default for Digest {
    fn default() -> Self {
        Digest { records: 0, hash: Hash::GENESIS }
    }
}

impl Digest {
    fn take(&mut self, record: Hash) {
        self.records += 1;
        self.hash = Hash::of_fields([self.hash.to_string().as_bytes(), record.to_string().as_bytes()]);
    }
}

impl FirstRead {
    /// Take in the digest of a partition's next record, well formed or not.
    pub fn take(&mut self, topic: Topic, partition: u32, record: Hash) {
        self.0.entry((topic, partition)).or_default().take(record);
    }

    /// Begin the second read.
    pub fn again(self) -> SecondRead {
        SecondRead { first: self.0, second: BTreeMap::new(), later: BTreeMap::new() }
    }
}

/// The second read.
#[derive(Clone, Debug)]
pub struct SecondRead {
    first: BTreeMap<(Topic, u32), Digest>,
    second: BTreeMap<(Topic, u32), Digest>,
    /// Records that the first read did not reach.
    later: BTreeMap<(Topic, u32), u64>,
}

impl SecondRead {
    /// Take in the digest of a partition's next record; false where the first read did not reach it.
    pub fn take(&mut self, topic: Topic, partition: u32, record: Hash) -> bool {
        let known = self.first.get(&(topic, partition)).map_or(0, |digest| digest.records);
        let second = self.second.entry((topic, partition)).or_default();
        let is_known = second.records < known;
        match is_known {
            true => second.take(record),
            false => *self.later.entry((topic, partition)).or_default() += 1,
        }
        is_known
    }

    /// How many records a partition has.
    pub(crate) fn records(&self, topic: Topic, partition: u32) -> u64 {
        let again = self.second.get(&(topic, partition)).map_or(0, |digest| digest.records);
        again + self.later.get(&(topic, partition)).copied().unwrap_or(0)
    }

    /// Every partition that was read differently.
    pub fn finish(&self) -> Vec<Violation> {
        let unread = Digest::default();
        let mut found = Vec::new();
        for ((topic, partition), first) in &self.first {
            let second = self.second.get(&(*topic, *partition)).unwrap_or(&unread);
            let sentence = match (second.records == first.records, second.hash == first.hash) {
                (true, true) => continue,
                (true, false) => "its records were others when they were read again".to_owned(),
                (false, _) => format!("it had {} records, and {} when read again", first.records, second.records),
            };
            found.push(Violation { id: "I21", at: format!("{topic}/{partition}"), sentence });
        }
        found
    }
}
