//! Checks of reading.

use std::sync::Arc;

use move37_events::Topic;
use tokio::time::timeout;

use super::{PATIENCE, Store, chain, take};
use crate::{Change, EventLog, History, Position};

const TOPIC: Topic = Topic::Runs;

async fn append_all(log: &Arc<dyn EventLog>, key: &str, n: usize) {
    for record in &chain(TOPIC, key, n) {
        log.append(TOPIC, record).await.expect("appending succeeds");
    }
}

fn at(key: &str, offset: u64) -> Position {
    let key = key.parse().expect("a test's key is a name");
    Position { topic: TOPIC, partition: TOPIC.partition(&key), offset }
}

fn everything() -> Vec<Position> {
    (0..TOPIC.partitions()).map(|partition| Position { topic: TOPIC, partition, offset: 0 }).collect()
}

/// Ends are the offsets that the next appends get.
pub async fn ends_tell_the_next_offsets<S: Store>() {
    let store = S::fresh().await;
    let log = store.open().await;
    append_all(&log, "a", 3).await;
    append_all(&log, "b", 1).await;
    let mut expected = vec![0; TOPIC.partitions() as usize];
    expected[at("a", 0).partition as usize] += 3;
    expected[at("b", 0).partition as usize] += 1;
    assert_eq!(log.ends(TOPIC).await.expect("ends succeed"), expected);
    assert_eq!(store.open().await.ends(TOPIC).await.expect("ends succeed"), expected);
}

/// A log without records has all its partitions, ending at 0.
pub async fn an_empty_log_ends_at_zero<S: Store>() {
    let store = S::fresh().await;
    let log = store.open().await;
    for topic in Topic::all() {
        let ends = log.ends(topic).await.expect("ends succeed");
        assert_eq!(ends, vec![0; topic.partitions() as usize], "{topic}");
    }
    let mut history = History::of_topics(&*log, Topic::all()).await.expect("reading succeeds");
    assert_eq!(history.next().await.expect("reading succeeds"), None);
}

/// A read begins exactly at the offset asked for, each partition at its own.
pub async fn a_reader_starts_at_any_offset<S: Store>() {
    let store = S::fresh().await;
    let log = store.open().await;
    let (a, b) = ("a", "b");
    assert_ne!(at(a, 0).partition, at(b, 0).partition, "the test needs two partitions");
    append_all(&log, a, 10).await;
    append_all(&log, b, 10).await;
    for offset in [0, 1, 7, 9] {
        let mut reader = log.read(vec![at(a, offset), at(b, 9 - offset)]).await.expect("reading succeeds");
        let got = take(&mut *reader, 11).await;
        let of = |key| -> Vec<u64> {
            let partition = at(key, 0).partition;
            got.iter().filter(|stored| stored.partition == partition).map(|stored| stored.offset).collect()
        };
        assert_eq!(of(a), (offset..10).collect::<Vec<_>>());
        assert_eq!(of(b), (9 - offset..10).collect::<Vec<_>>());
    }
}

/// While others append, a reader sees every record once and in order, from history into the live stream.
pub async fn a_reader_runs_from_history_into_the_live_stream<S: Store>() {
    const EACH: usize = 60;
    let store = S::fresh().await;
    let log = store.open().await;
    append_all(&log, "before", 20).await;
    let keys = ["a", "b", "c"];
    let mut tasks = Vec::new();
    for key in keys {
        let log = store.open().await;
        tasks.push(tokio::spawn(async move { append_all(&log, key, EACH).await }));
    }
    let mut reader = log.read(everything()).await.expect("reading succeeds");
    let got = take(&mut *reader, 20 + keys.len() * EACH).await;
    for task in tasks {
        task.await.expect("the appender ends");
    }
    let mut next = vec![0; TOPIC.partitions() as usize];
    for stored in &got {
        let expected = &mut next[stored.partition as usize];
        assert_eq!(stored.offset, *expected, "partition {}", stored.partition);
        *expected += 1;
    }
    assert_eq!(next, log.ends(TOPIC).await.expect("ends succeed"));
}

/// A reader at the tail wakes up for an append through its own handle and through another.
pub async fn a_waiting_reader_wakes_up<S: Store>() {
    let store = S::fresh().await;
    let (own, other) = (store.open().await, store.open().await);
    let mut reader = own.read(everything()).await.expect("reading succeeds");
    for (n, log) in [&own, &other, &own, &other].into_iter().enumerate() {
        let waiting = tokio::spawn(async move {
            let batch = timeout(PATIENCE, reader.next()).await.expect("the reader wakes up");
            (reader, batch.expect("reading succeeds"))
        });
        log.append(TOPIC, &chain(TOPIC, "a", n + 1)[n]).await.expect("appending succeeds");
        let (again, batch) = waiting.await.expect("the reader ends");
        assert_eq!(batch.iter().map(|stored| stored.offset).collect::<Vec<_>>(), [n as u64]);
        reader = again;
    }
}

/// Dropping the future of `next` at any point loses no record and repeats none.
pub async fn a_dropped_read_loses_nothing<S: Store>() {
    const N: usize = 40;
    let store = S::fresh().await;
    let (log, writer) = (store.open().await, store.open().await);
    let mut reader = log.read(everything()).await.expect("reading succeeds");
    let appending = tokio::spawn(async move { append_all(&writer, "a", N).await });
    let mut got = Vec::new();
    let mut yields = 0;
    while got.len() < N {
        // Poll the read a few times, then drop it, a little later every time.
        yields = (yields + 1) % 50;
        let give_up = async {
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            batch = reader.next() => got.extend(batch.expect("reading succeeds").into_iter().map(|stored| stored.offset)),
            () = give_up => {}
        }
    }
    appending.await.expect("the appender ends");
    assert!(got.iter().copied().eq(0..N as u64), "{got:?}");
}

/// A [`History`] brings what was there when it was opened, from the start or an offset, and ends.
pub async fn a_history_ends_where_the_log_ended<S: Store>() {
    let store = S::fresh().await;
    let log = store.open().await;
    append_all(&log, "a", 5).await;
    let mut history = History::of_topics(&*log, [TOPIC]).await.expect("reading succeeds");
    append_all(&log, "a", 3).await;
    let mut offsets = Vec::new();
    while let Some(batch) = timeout(PATIENCE, history.next()).await.expect("it ends").expect("reading succeeds") {
        offsets.extend(batch.iter().map(|stored| stored.offset));
    }
    assert_eq!(offsets, [0, 1, 2, 3, 4]);
    let mut rest = History::since(&*log, vec![at("a", 6), at("b", 0)]).await.expect("reading succeeds");
    let batch = timeout(PATIENCE, rest.next()).await.expect("it ends").expect("reading succeeds");
    assert_eq!(batch.expect("there is more").iter().map(|stored| stored.offset).collect::<Vec<_>>(), [6, 7]);
    assert_eq!(rest.next().await.expect("reading succeeds"), None);
    let mut none = History::since(&*log, vec![at("a", 8)]).await.expect("reading succeeds");
    assert_eq!(none.next().await.expect("reading succeeds"), None);
}

/// Alone, an owner gains all partitions of its topic, in one or more steps.
pub async fn the_only_owner_gains_every_partition<S: Store>() {
    let store = S::fresh().await;
    let log = store.open().await;
    let mut ownership = log.own(TOPIC).await.expect("owning succeeds");
    let mut gained = Vec::new();
    while gained.len() < TOPIC.partitions() as usize {
        match timeout(PATIENCE, ownership.next()).await.expect("partitions come").expect("owning succeeds") {
            Change::Gained(partitions) => gained.extend(partitions),
            Change::Lost(partitions, release) => {
                gained.retain(|partition| !partitions.contains(partition));
                release.done();
            }
        }
    }
    gained.sort_unstable();
    assert!(gained.iter().copied().eq(0..TOPIC.partitions()), "{gained:?}");
}
