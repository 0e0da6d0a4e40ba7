//! Records in memory: every topic in its own order.

use std::collections::BTreeMap;

use move37_core::{Chains, Recorded, Verdict};
use move37_events::Topic;

/// The records of all topics.
#[derive(Clone, Debug, Default)]
pub struct Ledger(BTreeMap<Topic, Vec<Recorded>>);

impl Ledger {
    /// Append a record.
    pub fn append(&mut self, topic: Topic, record: Recorded) {
        self.0.entry(topic).or_default().push(record);
    }

    /// The records of a topic, in order.
    pub fn topic(&self, topic: Topic) -> &[Recorded] {
        self.0.get(&topic).map_or(&[], Vec::as_slice)
    }

    /// All records, topic by topic.
    pub fn records(&self) -> impl Iterator<Item = (Topic, &Recorded)> {
        self.0.iter().flat_map(|(topic, records)| records.iter().map(|record| (*topic, record)))
    }

    /// The facts: the records that hold their places.
    pub fn winners(&self) -> Vec<(Topic, Recorded)> {
        let mut chains = Chains::default();
        let winners = self.records().filter(|(_, record)| chains.offer(record) == Verdict::Won);
        winners.map(|(topic, record)| (topic, record.clone())).collect()
    }
}
