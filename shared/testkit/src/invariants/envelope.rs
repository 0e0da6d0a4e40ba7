//! One record by itself and in its chain: I2, I4, I14, I15, I16, I18.

use move37_core::{Corruption, Key, Recorded};
use move37_events::{Fact, FactSet, Topic, row};

use super::Found;

/// Largest body in bytes, as the logs take it.
const MAX_BODY: usize = 1_000_000;

/// Whether a record may count at all: in its partition (I4), by its topic's writer (I15).
pub(super) fn placed(topic: Topic, partition: u32, record: &Recorded, found: &mut Found) -> bool {
    let id = &record.envelope.id;
    let expected = topic.partition(&id.key);
    if partition != expected {
        found.add("I4", id, format!("it lies in partition {partition} of {topic}, its key belongs to {expected}"));
        return false;
    }
    if row(topic).writer.is_none_or(|writer| writer.source() != id.source) {
        found.add("I15", id, format!("{} may not write {topic}", id.source));
        return false;
    }
    if record.body.len() > MAX_BODY {
        found.add("I18", id, format!("its body has {} bytes, more than {MAX_BODY}", record.body.len()));
    }
    true
}

/// A record that contradicts its chain.
pub(super) fn corrupt(record: &Recorded, corruption: Corruption, found: &mut Found) {
    let law = match corruption {
        Corruption::Gap { .. } | Corruption::PlaceZero => "I2",
        Corruption::UnknownPast { .. } => "I16",
    };
    found.add(law, &record.envelope.id, corruption.to_string());
}

/// The fact, if it can be read and its envelope agrees with it (I14, I4).
pub(super) fn read(topic: Topic, record: &Recorded, found: &mut Found) -> Option<Fact> {
    let envelope = &record.envelope;
    let fact = match Fact::read(topic, record) {
        Ok(fact) => fact,
        Err(error) => {
            found.add("I14", &envelope.id, format!("it cannot be read: {error}"));
            return None;
        }
    };
    let (subject, campaign) = about(&fact, &envelope.id.key);
    if subject != envelope.subject {
        found.add("I14", &envelope.id, format!("its subject is {:?}, its body is about {subject:?}", envelope.subject));
    }
    if campaign != envelope.campaign {
        let of = envelope.campaign.as_ref().map(ToString::to_string);
        found.add("I4", &envelope.id, format!("its campaign is {of:?}, its key is {}", envelope.id.key));
    }
    Some(fact)
}

fn about(fact: &Fact, key: &Key) -> (Option<String>, Option<move37_core::CampaignId>) {
    fn of<F: FactSet>(fact: &F, key: &Key) -> (Option<String>, Option<move37_core::CampaignId>) {
        (fact.subject(), fact.campaign(key))
    }
    match fact {
        Fact::Campaign(fact) => of(fact, key),
        Fact::Memory(fact) => of(fact, key),
        Fact::Researcher(fact) => of(fact, key),
        Fact::Engineer(fact) => of(fact, key),
        Fact::Trainer(fact) => of(fact, key),
        Fact::Run(fact) => of(fact, key),
        Fact::Analyst(fact) => of(fact, key),
    }
}
