//! Records to append.

use move37_core::{FactType, Head, Key, Recorded, Timestamp};
use move37_events::{Topic, row};

/// A chain of `n` records of a topic's writer under one key, with distinct bodies.
pub fn chain(topic: Topic, key: &str, n: usize) -> Vec<Recorded> {
    let mut head = Head::default();
    let mut records = Vec::new();
    for i in 0..n {
        let next = record(topic, key, head, format!("{{\"n\":{i}}}").as_bytes());
        head = Head::after(&next);
        records.push(next);
    }
    records
}

/// The record after `head` with this body.
pub fn record(topic: Topic, key: &str, head: Head, body: &[u8]) -> Recorded {
    let key: Key = key.parse().expect("a test's key is a name");
    let source = row(topic).writer.expect("a test's topic has a writer").source();
    let fact = FactType { name: "thing.happened".to_owned(), version: 1 };
    let mut envelope = head.next(&key, &source, fact, Timestamp::from_millis(1_700_000_000_123));
    envelope.campaign = key.as_str().parse().ok();
    Recorded { envelope, body: body.to_vec() }
}
