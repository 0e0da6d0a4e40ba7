//! The stored contract (L6): golden files of every fact and version, and the schemas under `kafka/schemas`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod chains;
mod samples;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use move37_core::{FactType, Head, Recorded, Timestamp};
use move37_events::{DeadLetter, Fact, FactRow, FactSet, TABLE, Topic};
use serde_json::Value;

/// Set to write golden files and schemas instead of comparing them.
const WRITE: &str = "MOVE37_WRITE_CONTRACT";

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn golden(fact: &FactType) -> PathBuf {
    // All topics share one `campaign.followed`.
    folder("golden").join(format!("{}.v{}.json", fact.name, fact.version))
}

/// A sample of every fact of every topic.
fn facts() -> Vec<(Topic, FactType, Vec<u8>)> {
    fn of<F: FactSet>(facts: Vec<F>) -> impl Iterator<Item = (Topic, FactType, Vec<u8>)> {
        facts.into_iter().map(|fact| (F::TOPIC, fact.fact_type(), fact.body()))
    }
    of(samples::campaigns())
        .chain(of(samples::memory()))
        .chain(of(samples::researcher()))
        .chain(of(samples::engineer()))
        .chain(of(samples::trainer()))
        .chain(of(samples::runs()))
        .chain(of(samples::analyst()))
        .collect()
}

/// The same, with what is no fact but stored all the same.
fn bodies() -> Vec<(Topic, FactType, Vec<u8>)> {
    let letter = serde_json::to_vec(&samples::dead_letter()).unwrap();
    facts().into_iter().chain([(Topic::DeadLetters, DeadLetter::fact_type(), letter)]).collect()
}

/// Read a body and write it again.
fn rewritten(topic: Topic, fact: &FactType, stored: &[u8]) -> Result<Vec<u8>, move37_events::DecodeError> {
    match topic {
        Topic::DeadLetters => DeadLetter::read(fact, stored).map(|letter| serde_json::to_vec(&letter).unwrap()),
        _ => read(topic, fact, stored).map(|fact| body(&fact)),
    }
}

fn read(topic: Topic, fact: &FactType, body: &[u8]) -> Result<Fact, move37_events::DecodeError> {
    let writer = move37_events::row(topic).writer.unwrap().source();
    let envelope = Head::default().next(&"c".parse().unwrap(), &writer, fact.clone(), Timestamp::default());
    Fact::read(topic, &Recorded { envelope, body: body.to_vec() })
}

fn body(fact: &Fact) -> Vec<u8> {
    match fact {
        Fact::Campaign(fact) => fact.body(),
        Fact::Memory(fact) => fact.body(),
        Fact::Researcher(fact) => fact.body(),
        Fact::Engineer(fact) => fact.body(),
        Fact::Trainer(fact) => fact.body(),
        Fact::Run(fact) => fact.body(),
        Fact::Analyst(fact) => fact.body(),
    }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// Where the judged records for readers in other languages lie.
fn chain() -> PathBuf {
    folder("golden/chain/records.json")
}

fn golden_chain() -> String {
    serde_json::to_string_pretty(&chains::golden()).unwrap() + "\n"
}

/// Write golden files and schemas first, when asked to.
fn prepare() {
    static WRITTEN: Once = Once::new();
    WRITTEN.call_once(|| {
        if std::env::var_os(WRITE).is_none() {
            return;
        }
        for (_, fact, body) in bodies() {
            fs::write(golden(&fact), serde_json::to_string_pretty(&json(&body)).unwrap() + "\n").unwrap();
        }
        for fact in TABLE.iter().flat_map(|row| row.facts) {
            let (path, schema) = schema(fact);
            fs::write(path, schema).unwrap();
        }
        for (path, text) in documents() {
            fs::write(path, text).unwrap();
        }
        fs::write(chain(), golden_chain()).unwrap();
    });
}

/// Where a fact's schema lies, and what it is.
fn schema(fact: &FactRow) -> (PathBuf, String) {
    let path = folder("../../kafka/schemas").join(format!("{}.v{}.json", fact.name, fact.version));
    (path, serde_json::to_string_pretty(&(fact.schema)()).unwrap() + "\n")
}

/// What is written down of the table, and where.
fn documents() -> [(PathBuf, String); 3] {
    [
        (folder("../../kafka/topics.yaml"), move37_events::documents::topics()),
        (folder("../../kafka/acls.yaml"), move37_events::documents::acls()),
        (folder("../../kafka/asyncapi.yaml"), move37_events::documents::asyncapi()),
    ]
}

#[test]
fn the_documents_say_what_the_table_says() {
    prepare();
    for (path, text) in documents() {
        let stored = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            stored == text,
            "{} is out of date: {WRITE}=1 cargo test -p move37-events --test contract",
            path.display()
        );
    }
}

#[test]
fn hashes_and_verdicts_of_a_chain_are_as_its_golden_file_says() {
    prepare();
    assert!(
        fs::read_to_string(chain()).unwrap_or_default() == golden_chain(),
        "readers in other languages would judge otherwise than this build: was the chain hash meant to change? \
         Before v0.1: {WRITE}=1 cargo test -p move37-events --test contract"
    );
}

#[test]
fn every_fact_of_the_table_has_a_sample() {
    let sampled: BTreeSet<_> = bodies().into_iter().map(|(topic, fact, _)| (topic, fact.name, fact.version)).collect();
    let rows =
        TABLE.iter().flat_map(|row| row.facts.iter().map(|fact| (row.topic, fact.name.to_owned(), fact.version)));
    assert_eq!(sampled, rows.collect());
}

#[test]
fn every_version_has_a_golden_file_that_this_build_reads() {
    prepare();
    for row in TABLE {
        for fact in row.facts {
            for version in 1..=fact.version {
                let fact = FactType { name: fact.name.to_owned(), version };
                let path = golden(&fact);
                let stored = fs::read(&path);
                let stored = stored.unwrap_or_else(|error| panic!("{}: {error}; see {WRITE}", path.display()));
                let again = rewritten(row.topic, &fact, &stored);
                let again = again.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                if version == newest(row.topic, &fact.name) {
                    assert_eq!(json(&again), json(&stored), "{} changes when written again", path.display());
                }
            }
        }
    }
}

fn newest(topic: Topic, name: &str) -> u32 {
    move37_events::row(topic).facts.iter().find(|fact| fact.name == name).unwrap().version
}

#[test]
fn a_sample_is_written_as_its_golden_file_says() {
    prepare();
    for (_, fact, body) in bodies() {
        let stored = fs::read(golden(&fact)).unwrap();
        assert_eq!(
            json(&body),
            json(&stored),
            "the stored shape of {fact} has changed. Before v0.1: {WRITE}=1 cargo test -p move37-events --test contract. \
             Afterwards: add a version and an upcaster"
        );
    }
}

#[test]
fn a_newer_version_is_refused_loudly() {
    for row in TABLE {
        for fact in row.facts {
            let newer = FactType { name: fact.name.to_owned(), version: fact.version + 1 };
            let error = rewritten(row.topic, &newer, b"{}").unwrap_err();
            assert!(
                matches!(error, move37_events::DecodeError::Newer { newest, .. } if newest == fact.version),
                "{error}"
            );
        }
    }
}

#[test]
fn a_body_that_does_not_fit_is_refused() {
    for (topic, fact, _) in bodies() {
        let error = rewritten(topic, &fact, b"{}").unwrap_err();
        assert!(matches!(error, move37_events::DecodeError::Body { .. }), "{error}");
    }
}

#[test]
fn a_fact_of_another_topic_is_unknown() {
    let (_, fact, body) = facts().into_iter().find(|(topic, ..)| *topic == Topic::Runs).unwrap();
    let error = read(Topic::Memory, &fact, &body).unwrap_err();
    assert!(matches!(error, move37_events::DecodeError::Unknown { .. }), "{error}");
}

#[test]
fn the_schemas_under_kafka_are_those_of_the_facts() {
    prepare();
    let mut expected = BTreeSet::new();
    for fact in TABLE.iter().flat_map(|row| row.facts) {
        let (path, schema) = schema(fact);
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == schema,
            "{} is out of date: run {WRITE}=1 cargo test -p move37-events --test contract, and commit kafka/schemas",
            path.display()
        );
        expected.insert(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    let found = fs::read_dir(folder("../../kafka/schemas"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let strangers: Vec<_> = found.filter(|name| !expected.contains(name) && !is_older(name)).collect();
    assert!(strangers.is_empty(), "no fact has these schemas: {strangers:?}");
}

/// Whether a schema's name is that of an older version of some fact.
fn is_older(name: &str) -> bool {
    TABLE
        .iter()
        .flat_map(|row| row.facts)
        .any(|fact| (1..fact.version).any(|version| name == format!("{}.v{version}.json", fact.name)))
}
