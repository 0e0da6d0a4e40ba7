//! What of a fact counts as a decision: everything but ids, times, durations, hosts, hashes and trace headers.
//!
//! Two campaigns with the same seed and one lane decide the same; their times, machines and chain hashes differ.

use std::collections::BTreeMap;

use move37_core::{Hash, Recorded, Source};
use serde_json::Value;

use crate::Role;

/// Names of body fields that are no decisions, wherever they occur.
const NO_DECISION: [&str; 9] =
    ["command", "evidence", "hash", "data_hash", "graph_hash", "platform", "seconds", "training_event", "worker"];

/// Digest of a campaign's decisions. Worker facts are left out: what counts of them, the trainer has captured.
#[derive(Default)]
pub struct Decisions(BTreeMap<Source, Vec<Hash>>);

impl Decisions {
    /// Take in the next fact of its chain.
    ///
    /// # Errors
    /// The body is no JSON.
    pub fn add(&mut self, record: &Recorded) -> Result<(), serde_json::Error> {
        let envelope = &record.envelope;
        if envelope.id.source == Role::Worker.source() {
            return Ok(());
        }
        let mut body: Value = serde_json::from_slice(&record.body)?;
        strip(&mut body);
        let (fact, subject) = (envelope.fact.to_string(), envelope.subject.clone().unwrap_or_default());
        let hash = Hash::of_fields([fact.as_bytes(), subject.as_bytes(), body.to_string().as_bytes()]);
        self.0.entry(envelope.id.source.clone()).or_default().push(hash);
        Ok(())
    }

    /// The digest over all sources, each in chain order.
    pub fn hash(&self) -> Hash {
        let lines = self
            .0
            .iter()
            .flat_map(|(source, facts)| [source.to_string()].into_iter().chain(facts.iter().map(Hash::to_string)));
        Hash::of(lines.collect::<Vec<_>>().join("\n").as_bytes())
    }
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|name, _| !NO_DECISION.contains(&name.as_str()));
            map.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
