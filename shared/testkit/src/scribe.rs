//! Records by hand: facts in, well-chained records out.

use std::collections::BTreeMap;

use move37_core::{EventId, Head, Key, Recorded, Source, Timestamp};
use move37_events::{Fact, FactSet, Topic};

/// Writes facts to their topics, each chain in order.
#[derive(Clone, Debug, Default)]
pub struct Scribe {
    heads: BTreeMap<(Key, Source), Head>,
    records: Vec<(Topic, Recorded)>,
}

impl Scribe {
    /// Write a fact, with its cause, and return its name.
    pub fn write(&mut self, key: &Key, cause: Option<&EventId>, fact: impl Into<Fact>) -> EventId {
        match fact.into() {
            Fact::Campaign(fact) => self.write_to(key, cause, &fact),
            Fact::Memory(fact) => self.write_to(key, cause, &fact),
            Fact::Researcher(fact) => self.write_to(key, cause, &fact),
            Fact::Engineer(fact) => self.write_to(key, cause, &fact),
            Fact::Trainer(fact) => self.write_to(key, cause, &fact),
            Fact::Run(fact) => self.write_to(key, cause, &fact),
            Fact::Analyst(fact) => self.write_to(key, cause, &fact),
        }
    }

    fn write_to<F: FactSet>(&mut self, key: &Key, cause: Option<&EventId>, fact: &F) -> EventId {
        let source = F::ROLE.source();
        let head = self.heads.entry((key.clone(), source.clone())).or_default();
        let mut envelope = head.next(key, &source, fact.fact_type(), Timestamp::default());
        envelope.subject = fact.subject();
        envelope.campaign = fact.campaign(key);
        envelope.cause = cause.cloned();
        let record = Recorded { envelope, body: fact.body() };
        *head = Head::after(&record);
        let id = record.envelope.id.clone();
        self.records.push((F::TOPIC, record));
        id
    }

    /// What was written, in order.
    pub fn records(&self) -> &[(Topic, Recorded)] {
        &self.records
    }
}
