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

/// Digest of a campaign's decisions. Facts about single runs are left out, the workers' and the trainer's: in which
/// order runs are placed and end depends on machines, and what counts of them, the training's end has captured.
#[derive(Default)]
pub struct Decisions(BTreeMap<Source, Vec<Hash>>);

impl Decisions {
    /// Take in the next fact of its chain.
    ///
    /// # Errors
    /// The body is no JSON.
    pub fn add(&mut self, record: &Recorded) -> Result<(), serde_json::Error> {
        let envelope = &record.envelope;
        let source = &envelope.id.source;
        let placement = *source == Role::Trainer.source() && envelope.fact.name.starts_with("run.");
        if placement || *source == Role::Worker.source() {
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use move37_core::{FactType, Head, Key, Timestamp};
    use serde_json::json;

    use super::*;

    fn fact(source: &str, time: u64, body: &Value) -> Recorded {
        named("training.completed", source, time, body)
    }

    fn named(name: &str, source: &str, time: u64, body: &Value) -> Recorded {
        let key: Key = "c".parse().unwrap();
        let fact = FactType { name: name.to_owned(), version: 1 };
        let envelope = Head::default().next(&key, &source.parse().unwrap(), fact, Timestamp::from_millis(time));
        Recorded { envelope, body: body.to_string().into_bytes() }
    }

    fn hash(facts: &[Recorded]) -> Hash {
        let mut decisions = Decisions::default();
        facts.iter().for_each(|fact| decisions.add(fact).unwrap());
        decisions.hash()
    }

    #[test]
    fn times_and_machines_are_no_decisions() {
        let one = fact("trainer", 1, &json!({"run": "1", "spend": {"flops": 2.0, "seconds": 3.0}, "worker": "a"}));
        let two = fact("trainer", 9, &json!({"run": "1", "spend": {"flops": 2.0, "seconds": 4.0}, "worker": "b"}));
        assert_eq!(hash(&[one]), hash(&[two]));
    }

    #[test]
    fn numbers_and_order_are_decisions() {
        let (a, b) = (fact("trainer", 1, &json!({"run": "1"})), fact("trainer", 1, &json!({"run": "2"})));
        assert_ne!(hash(std::slice::from_ref(&a)), hash(std::slice::from_ref(&b)));
        assert_ne!(hash(&[a.clone(), b.clone()]), hash(&[b, a]));
    }

    #[test]
    fn facts_about_single_runs_are_left_out() {
        assert_eq!(hash(&[fact("worker", 1, &json!({"step": 1}))]), hash(&[]));
        assert_eq!(hash(&[named("run.dispatched", "trainer", 1, &json!({"run": "1"}))]), hash(&[]));
        assert_ne!(hash(&[named("training.failed", "trainer", 1, &json!({"why": "1"}))]), hash(&[]));
    }
}
