//! Checks of appending.

use std::collections::BTreeSet;

use move37_core::Head;
use move37_events::Topic;

use super::{Store, chain, record, take};
use crate::{Error, History, MAX_BODY, Position};

const TOPIC: Topic = Topic::Memory;

fn start(key: &str) -> Position {
    let key = key.parse().expect("a test's key is a name");
    Position { topic: TOPIC, partition: TOPIC.partition(&key), offset: 0 }
}

/// Offsets count from 0 in each partition, in the order of the appends.
pub async fn offsets_are_dense_from_zero<S: Store>() {
    let store = S::fresh().await;
    let log = store.open().await;
    for (n, record) in chain(TOPIC, "a", 5).iter().enumerate() {
        let position = log.append(TOPIC, record).await.expect("appending succeeds");
        assert_eq!(position, Position { offset: n as u64, ..start("a") });
    }
}

/// The partition is `murmur2(key) & 0x7fffffff` modulo the partitions, as every Kafka client has it.
pub async fn the_partition_is_the_keys_murmur2<S: Store>() {
    let store = S::fresh().await;
    let log = store.open().await;
    // The Java client's own test vectors: murmur2("abc") = 479470107, murmur2("21") = -973932308.
    for (key, hash) in [("abc", 479_470_107_u32), ("21", (-973_932_308_i32 as u32) & 0x7fff_ffff)] {
        let position = log.append(TOPIC, &chain(TOPIC, key, 1)[0]).await.expect("appending succeeds");
        assert_eq!(position.partition, hash % TOPIC.partitions(), "key {key}");
    }
}

/// Key, every header in order, and the body come back as they were.
pub async fn a_record_comes_back_byte_for_byte<S: Store>() {
    let store = S::fresh().await;
    let log = store.open().await;
    let mut full = record(TOPIC, "Key_1.x-y", Head::default(), b"");
    full.envelope.subject = Some("expérience 37 \u{1f9ea} \"quoted\" \\ \u{7f}".to_owned());
    full.envelope.cause = Some("other/operator/9".parse().expect("an id"));
    full.envelope.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
    for body in [&b"{}"[..], b"", b"\x00\xff\xfe'\";--", "{\"x\":\"\u{1f600}\"}".as_bytes()] {
        let record = move37_core::Recorded { body: body.to_vec(), ..full.clone() };
        let position = log.append(TOPIC, &record).await.expect("appending succeeds");
        let mut reader = log.read(vec![position]).await.expect("reading succeeds");
        let stored = take(&mut *reader, 1).await.remove(0);
        assert_eq!((stored.key.as_str(), &stored.headers), ("Key_1.x-y", &record.envelope.headers()));
        assert_eq!(stored.position(), position);
        assert_eq!(stored.parse().expect("it is well formed"), record);
    }
}

/// An acknowledged record is there for a handle opened later.
pub async fn what_was_acknowledged_is_there_after_reopening<S: Store>() {
    let store = S::fresh().await;
    let records = chain(TOPIC, "a", 3);
    let first = store.open().await;
    for record in &records {
        first.append(TOPIC, record).await.expect("appending succeeds");
    }
    drop(first);
    let second = store.open().await;
    let mut reader = second.read(vec![start("a")]).await.expect("reading succeeds");
    let got: Vec<_> =
        take(&mut *reader, 3).await.into_iter().map(|stored| stored.parse().expect("well formed")).collect();
    assert_eq!(got, records);
    let next = record(TOPIC, "a", Head::after(&records[2]), b"{}");
    assert_eq!(second.append(TOPIC, &next).await.expect("appending succeeds").offset, 3);
}

/// Concurrent appenders on several handles get distinct, dense offsets, and each appender's order is kept.
pub async fn appenders_of_several_handles_lose_nothing<S: Store>() {
    const APPENDERS: usize = 4;
    const EACH: usize = 25;
    let store = S::fresh().await;
    let mut tasks = Vec::new();
    for appender in 0..APPENDERS {
        let log = store.open().await;
        tasks.push(tokio::spawn(async move {
            let mut offsets = Vec::new();
            let mut head = Head::default();
            for i in 0..EACH {
                let next = record(TOPIC, "shared", head, format!("[{appender},{i}]").as_bytes());
                head = Head::after(&next);
                offsets.push(log.append(TOPIC, &next).await.expect("appending succeeds").offset);
            }
            offsets
        }));
    }
    let mut all = BTreeSet::new();
    for task in tasks {
        let offsets = task.await.expect("the appender ends");
        assert!(offsets.is_sorted(), "{offsets:?}");
        all.extend(offsets);
    }
    assert!(all.iter().copied().eq(0..(APPENDERS * EACH) as u64), "{all:?}");

    let log = store.open().await;
    let mut reader = log.read(vec![start("shared")]).await.expect("reading succeeds");
    let got = take(&mut *reader, APPENDERS * EACH).await;
    let mut bodies: Vec<_> = got.into_iter().map(|stored| String::from_utf8(stored.body).expect("text")).collect();
    for appender in 0..APPENDERS {
        let own: Vec<_> = bodies.extract_if(.., |body| body.starts_with(&format!("[{appender},"))).collect();
        let expected: Vec<_> = (0..EACH).map(|i| format!("[{appender},{i}]")).collect();
        assert_eq!(own, expected);
    }
}

/// The same record appended twice lies there twice: only readers judge.
pub async fn a_log_does_not_judge<S: Store>() {
    let store = S::fresh().await;
    let log = store.open().await;
    let record = &chain(TOPIC, "a", 1)[0];
    log.append(TOPIC, record).await.expect("appending succeeds");
    log.append(TOPIC, record).await.expect("appending succeeds");
    let mut reader = log.read(vec![start("a")]).await.expect("reading succeeds");
    let got = take(&mut *reader, 2).await;
    assert_eq!(got[0].headers, got[1].headers);
    assert_eq!(got.iter().map(|stored| stored.offset).collect::<Vec<_>>(), [0, 1]);
}

/// [`MAX_BODY`] bytes are kept; one more is refused without harm.
pub async fn the_largest_body_is_kept_and_a_larger_one_refused<S: Store>() {
    let store = S::fresh().await;
    let log = store.open().await;
    let large = record(TOPIC, "a", Head::default(), &vec![b'x'; MAX_BODY]);
    let larger = record(TOPIC, "a", Head::default(), &vec![b'x'; MAX_BODY + 1]);
    let refused = log.append(TOPIC, &larger).await;
    assert!(matches!(refused, Err(Error::TooLarge { size, .. }) if size == MAX_BODY + 1), "{refused:?}");
    assert_eq!(log.append(TOPIC, &large).await.expect("appending succeeds").offset, 0);
    let mut reader = log.read(vec![start("a")]).await.expect("reading succeeds");
    assert_eq!(take(&mut *reader, 1).await[0].body.len(), MAX_BODY);
}

/// One key on two topics: two partitions that know nothing of each other.
pub async fn topics_do_not_mix<S: Store>() {
    let store = S::fresh().await;
    let log = store.open().await;
    for topic in [Topic::Memory, Topic::Analyst, Topic::Memory] {
        log.append(topic, &chain(topic, "a", 1)[0]).await.expect("appending succeeds");
    }
    let mut history = History::of_topics(&*log, [Topic::Memory]).await.expect("reading succeeds");
    let got = history.next().await.expect("reading succeeds").expect("there are records");
    assert_eq!(
        got.iter().map(|stored| (stored.topic, stored.offset)).collect::<Vec<_>>(),
        [(Topic::Memory, 0), (Topic::Memory, 1)]
    );
    assert_eq!(log.ends(Topic::Analyst).await.expect("ends succeed").iter().sum::<u64>(), 1);
}
