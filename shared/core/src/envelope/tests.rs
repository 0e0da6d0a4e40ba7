use proptest::prelude::*;

use super::*;

fn full() -> Recorded {
    let envelope = Envelope {
        id: "key/source/7".parse().expect("an id"),
        fact: "move37.thing.happened.v3".parse().expect("a type"),
        time: Timestamp::from_millis(1_700_000_000_123),
        subject: Some("4".to_owned()),
        previous: Hash::of(b"before"),
        cause: Some("key/other/2".parse().expect("an id")),
        campaign: Some("key".parse().expect("a name")),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
    };
    Recorded { envelope, body: br#"{"a":1}"#.to_vec() }
}

fn parse(headers: &Headers) -> Result<Recorded, Error> {
    Recorded::parse("key", headers, full().body)
}

fn with(name: &str, value: &str) -> Headers {
    let mut headers = full().envelope.headers();
    headers.iter_mut().filter(|(n, _)| n == name).for_each(|(_, v)| *v = value.to_owned());
    headers
}

const NEEDED: [&str; 8] =
    ["content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_sequence", "ce_previoushash"];

#[test]
fn headers_follow_the_binary_mode_of_the_kafka_binding() {
    let expected = [
        ("content-type", "application/json"),
        ("ce_specversion", "1.0"),
        ("ce_id", "key/source/7"),
        ("ce_source", "source"),
        ("ce_type", "move37.thing.happened.v3"),
        ("ce_time", "2023-11-14T22:13:20.123Z"),
        ("ce_sequence", "7"),
        ("ce_previoushash", &Hash::of(b"before").to_string()),
        ("ce_subject", "4"),
        ("ce_causationid", "key/other/2"),
        ("ce_correlationid", "key"),
        ("ce_traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    assert_eq!(full().envelope.headers(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn order_and_foreign_headers_do_not_matter() {
    let mut headers = full().envelope.headers();
    headers.reverse();
    headers.push(("traceparent".to_owned(), "transport".to_owned()));
    assert_eq!(parse(&headers), Ok(full()));
}

#[test]
fn every_needed_header_is_missed() {
    for name in NEEDED {
        let mut headers = full().envelope.headers();
        headers.retain(|(n, _)| n != name);
        assert_eq!(parse(&headers), Err(Error::Missing(name)));
    }
}

#[test]
fn every_optional_header_may_be_absent() {
    let mut bare = full();
    bare.envelope.subject = None;
    bare.envelope.cause = None;
    bare.envelope.campaign = None;
    bare.envelope.traceparent = None;
    let headers = bare.envelope.headers();
    assert_eq!(headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), NEEDED);
    assert_eq!(parse(&headers), Ok(bare));
}

#[test]
fn no_header_may_appear_twice() {
    for (name, value) in full().envelope.headers() {
        let mut headers = full().envelope.headers();
        headers.push((name.clone(), value));
        assert_eq!(parse(&headers), Err(Error::Repeated(name)));
    }
}

#[test]
fn attributes_that_contradict_one_another_are_refused() {
    for headers in [with("ce_id", "key2/source/7"), with("ce_source", "source2"), with("ce_sequence", "8")] {
        assert!(matches!(parse(&headers), Err(Error::Inconsistent(_))));
    }
    let other_key = Recorded::parse("key2", &full().envelope.headers(), Vec::new());
    assert!(matches!(other_key, Err(Error::Inconsistent(_))));
}

#[test]
fn unreadable_values_are_refused() {
    for (header, value) in [
        ("content-type", "application/cloudevents+json"),
        ("ce_specversion", "0.3"),
        ("ce_id", "key/source"),
        ("ce_source", ""),
        ("ce_type", "move37.thing.happened"),
        ("ce_type", "move37.thing.happened.v0"),
        ("ce_type", "other.thing.happened.v1"),
        ("ce_time", "yesterday"),
        ("ce_sequence", "seven"),
        ("ce_previoushash", "00"),
        ("ce_causationid", "nobody"),
        ("ce_correlationid", "a b"),
    ] {
        let refused = parse(&with(header, value));
        assert!(matches!(refused, Err(Error::Invalid { name, .. }) if name == header), "{header}: {refused:?}");
    }
    let key = Recorded::parse("a b", &full().envelope.headers(), Vec::new());
    assert!(matches!(key, Err(Error::Invalid { name: "key", .. })));
}

#[test]
fn a_value_has_one_text_only() {
    // A second text of the same value would be a change that the chain hash does not see.
    for (header, value) in [
        ("ce_time", "2023-11-14T22:13:20.1230Z"),
        ("ce_time", "2023-11-14T22:13:20.1230001Z"),
        ("ce_time", "2023-11-14T23:13:20.123+01:00"),
        ("ce_sequence", "07"),
        ("ce_sequence", "+7"),
        ("ce_type", "move37.thing.happened.v03"),
    ] {
        let refused = parse(&with(header, value));
        assert!(matches!(refused, Err(Error::Invalid { name, .. }) if name == header), "{value}: {refused:?}");
    }
}

#[test]
fn the_chain_hash_is_pinned() {
    // Changing what the hash covers, or how, breaks every chain ever written.
    assert_eq!(full().hash().to_string(), "8a379d624cf8afe49feebb34ea7443306bafee321f010344ed60c29e1de8b61f");
}

#[test]
fn the_hash_covers_every_attribute_and_every_byte() {
    let change = |change: fn(&mut Recorded)| {
        let mut record = full();
        change(&mut record);
        record
    };
    let other_id =
        |text: &str| Recorded { envelope: Envelope { id: text.parse().expect("an id"), ..full().envelope }, ..full() };
    let mut all = vec![
        full(),
        other_id("key2/source/7"),
        other_id("key/source2/7"),
        other_id("key/source/8"),
        change(|record| record.envelope.fact.name.push('x')),
        change(|record| record.envelope.fact.version = 4),
        change(|record| record.envelope.time = Timestamp::from_millis(record.envelope.time.millis() + 1)),
        change(|record| record.envelope.subject = Some("5".to_owned())),
        change(|record| record.envelope.subject = None),
        change(|record| record.envelope.previous = Hash::of(b"other")),
        change(|record| record.envelope.cause = Some("key/other/3".parse().expect("an id"))),
        change(|record| record.envelope.cause = None),
        change(|record| record.envelope.campaign = Some("other".parse().expect("a name"))),
        change(|record| record.envelope.campaign = None),
        change(|record| record.envelope.traceparent = Some("00".to_owned())),
        change(|record| record.envelope.traceparent = None),
        change(|record| record.body.push(b' ')),
        change(|record| record.body.clear()),
    ];
    for byte in 0..full().body.len() {
        let mut record = full();
        record.body[byte] ^= 1;
        all.push(record);
    }
    let hashes: std::collections::HashSet<_> = all.iter().map(Recorded::hash).collect();
    assert_eq!(hashes.len(), all.len());
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9._-]{1,20}"
}

prop_compose! {
    fn records()(
        key in name(), source in name(), sequence in 1..=u64::MAX, noun in "[a-z_]{1,8}", version in 1..=u32::MAX,
        millis in 0..4_000_000_000_000_u64, previous: [u8; 8], subject: Option<String>,
        cause in prop::option::of((name(), name(), 1..=u64::MAX)), campaign in prop::option::of(name()),
        traceparent: Option<String>, body: Vec<u8>,
    ) -> Recorded {
        let id = |(key, source, sequence): (String, String, u64)| EventId {
            key: key.parse().expect("a name"), source: source.parse().expect("a name"), sequence,
        };
        let envelope = Envelope {
            id: id((key, source, sequence)),
            fact: FactType { name: format!("{noun}.done"), version },
            time: Timestamp::from_millis(millis),
            subject,
            previous: Hash::of(&previous),
            cause: cause.map(id),
            campaign: campaign.map(|name| name.parse().expect("a name")),
            traceparent,
        };
        Recorded { envelope, body }
    }
}

proptest! {
    #[test]
    fn any_record_reads_back_with_its_hash(record in records()) {
        let headers = record.envelope.headers();
        let again = Recorded::parse(record.envelope.id.key.as_str(), &headers, record.body.clone());
        prop_assert_eq!(again.as_ref(), Ok(&record));
        prop_assert_eq!(again.expect("it is equal").hash(), record.hash());
    }
}
