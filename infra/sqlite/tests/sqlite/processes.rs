//! Several processes on one file: this test binary starts itself.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use move37_core::{Head, Verdict};
use move37_eventlog::conformance::record;
use move37_eventlog::{EventLog, History, Judge, Position};
use move37_events::Topic;
use move37_sqlite::{LockError, SqliteLog, StateLock};

const TOPIC: Topic = Topic::Memory;
const EACH: usize = 30;
const PATH: &str = "MOVE37_TEST_APPEND_TO";

/// The other process: does nothing unless it is told where to append.
#[tokio::test]
async fn as_another_process() {
    let Ok(path) = std::env::var(PATH) else { return };
    let log = SqliteLog::open(path).unwrap();
    let mut head = Head::default();
    for i in 0..EACH {
        let next = record(TOPIC, "shared", head, format!("[{},{i}]", std::process::id()).as_bytes());
        head = Head::after(&next);
        log.append(TOPIC, &next).await.unwrap();
    }
}

#[tokio::test]
async fn processes_append_side_by_side_and_are_heard() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.sqlite");
    let log = SqliteLog::open(&path).unwrap();
    let key = "shared".parse().unwrap();
    let start = Position { topic: TOPIC, partition: TOPIC.partition(&key), offset: 0 };
    let mut reader = log.read(vec![start]).await.unwrap();
    let start_one = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sqlite::processes::as_another_process"])
            .env(PATH, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let children = [start_one(), start_one(), start_one()];
    let mut offsets = Vec::new();
    while offsets.len() < 3 * EACH {
        offsets.extend(reader.next().await.unwrap().into_iter().map(|stored| stored.offset));
    }
    assert!(offsets.iter().copied().eq(0..3 * EACH as u64), "{offsets:?}");
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}

const LOCK: &str = "MOVE37_TEST_LOCK";

/// The other process: says whether it could take the lock.
#[test]
fn as_another_holder() {
    let Ok(path) = std::env::var(LOCK) else { return };
    let refused = matches!(StateLock::acquire(path), Err(LockError::Held { .. }));
    assert!(refused, "the lock was free");
}

#[test]
fn the_lock_holds_against_other_processes() {
    let directory = tempfile::tempdir().unwrap();
    let held = StateLock::acquire(directory.path()).unwrap();
    let refused = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sqlite::processes::as_another_holder"])
            .env(LOCK, directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    };
    assert!(refused());
    drop(held);
    assert!(!refused());
}

const KILLED: &str = "MOVE37_TEST_APPEND_UNTIL_KILLED";

/// The other process: appends and says so, until it is killed.
#[tokio::test]
async fn as_a_process_to_be_killed() {
    let Ok(path) = std::env::var(KILLED) else { return };
    let log = SqliteLog::open(path).unwrap();
    let mut head = Head::default();
    loop {
        let next = record(TOPIC, "shared", head, b"{}");
        head = Head::after(&next);
        let position = log.append(TOPIC, &next).await.unwrap();
        eprintln!("acknowledged {}", position.offset);
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.sqlite");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sqlite::processes::as_a_process_to_be_killed", "--nocapture"])
        .env(KILLED, &path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let acknowledged = lines.map(Result::unwrap).find_map(|line| {
        let offset: u64 = line.strip_prefix("acknowledged ")?.parse().ok()?;
        (offset >= 50).then_some(offset)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let log = SqliteLog::open(&path).unwrap();
    let mut judge = Judge::default();
    let mut history = History::of_topics(&log, [TOPIC]).await.unwrap();
    let mut offsets = Vec::new();
    while let Some(batch) = history.next().await.unwrap() {
        for stored in batch {
            let judged = judge.judge(stored).unwrap();
            assert_eq!(judged.verdict, Verdict::Won);
            offsets.push(judged.position.offset);
        }
    }
    assert!(offsets.len() as u64 > acknowledged.unwrap());
    assert!(offsets.iter().copied().eq(0..offsets.len() as u64));
}
