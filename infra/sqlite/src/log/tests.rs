//! A full disk, by a limit on the writer's connection.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::task::{Context, Waker};

use move37_core::Head;
use move37_eventlog::History;
use move37_eventlog::conformance::{chain, record};

use super::*;

const TOPIC: Topic = Topic::Memory;

/// A log whose file may not grow beyond `pages` of 4096 bytes, and the connection that says so.
fn limited(path: &Path, pages: i64) -> (SqliteLog, Shared) {
    let writing = Arc::new(Mutex::new(file::open(path, Mode::Append).unwrap()));
    allow(&writing, pages);
    let log = SqliteLog::on_file(path, connect(path, Mode::Append).unwrap(), Some(Arc::clone(&writing))).unwrap();
    (log, writing)
}

fn allow(connection: &Shared, pages: i64) {
    let allowed = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0).map(drop);
    connection.lock().unwrap().pragma_update_and_check(None, "max_page_count", pages, allowed).unwrap();
}

async fn bodies(log: &SqliteLog) -> Vec<Vec<u8>> {
    let mut history = History::of_topics(log, [TOPIC]).await.unwrap();
    let mut bodies = Vec::new();
    while let Some(batch) = history.next().await.unwrap() {
        bodies.extend(batch.into_iter().map(|stored| stored.body));
    }
    bodies
}

#[tokio::test]
async fn a_full_disk_is_an_error_that_passes_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.sqlite");
    let (log, writing) = limited(&path, 60);
    let mut head = Head::default();
    let mut acknowledged = Vec::new();
    let refused = loop {
        let next = record(TOPIC, "a", head, format!("{:020000}", acknowledged.len()).as_bytes());
        match log.append(TOPIC, &next).await {
            Ok(position) => assert_eq!(position.offset, acknowledged.len() as u64),
            Err(error) => break error,
        }
        head = Head::after(&next);
        acknowledged.push(next.body);
    };
    assert!(matches!(refused, Error::Full { .. }), "{refused:?}");
    assert!(refused.to_string().contains("free some space"), "{refused}");
    assert!(acknowledged.len() > 3);
    assert_eq!(bodies(&log).await, acknowledged, "it can still be read");

    allow(&writing, 1000);
    let next = record(TOPIC, "a", head, b"{}");
    assert_eq!(log.append(TOPIC, &next).await.unwrap().offset, acknowledged.len() as u64, "it goes on");
    acknowledged.push(next.body);
    drop((log, writing));
    assert_eq!(bodies(&SqliteLog::open(&path).unwrap()).await, acknowledged, "it is whole when opened again");
}

/// Queue these while the writer is held up, then let it go.
async fn append_at_once(log: &SqliteLog, writing: &Shared, records: &[&Recorded]) -> Vec<Result<Position, Error>> {
    let mut appends: Vec<_> = records.iter().map(|record| log.append(TOPIC, record)).collect();
    let hold = writing.lock().unwrap();
    for append in &mut appends {
        let queued = append.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(queued.is_pending());
    }
    drop(hold);
    let mut results = Vec::new();
    for append in appends {
        results.push(append.await);
    }
    results
}

#[tokio::test]
async fn what_does_not_fit_does_not_take_others_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let (log, writing) = limited(&directory.path().join("log.sqlite"), 60);
    let small = chain(TOPIC, "small", 3);
    let large = record(TOPIC, "large", Head::default(), &vec![b'x'; 900_000]);
    let results = append_at_once(&log, &writing, &[&small[0], &large, &small[1], &small[2]]).await;
    assert!(matches!(results[1], Err(Error::Full { .. })), "{:?}", results[1]);
    let offsets: Vec<_> = [0, 2, 3].map(|i| results[i].as_ref().unwrap().offset).to_vec();
    assert_eq!(offsets, [0, 1, 2]);
}

#[tokio::test]
async fn appends_that_wait_together_are_committed_together() {
    let directory = tempfile::tempdir().unwrap();
    let (log, writing) = limited(&directory.path().join("log.sqlite"), 100_000);
    let rings = || *log.bell.listen().borrow();
    let before = rings();
    let records = chain(TOPIC, "a", 100);
    let results = append_at_once(&log, &writing, &records.iter().collect::<Vec<_>>()).await;
    assert!(results.iter().map(|result| result.as_ref().unwrap().offset).eq(0..100));
    // One ring for each commit, and a few from the watch for other processes' commits.
    let rings = rings() - before;
    assert!(rings < 30, "{rings} commits for 100 appends");
}
