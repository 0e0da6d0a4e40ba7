use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use move37_eventlog::conformance::chain;
use move37_eventlog::{Error, EventLog, History};
use move37_events::Topic;
use move37_sqlite::SqliteLog;
use tempfile::TempDir;

const TOPIC: Topic = Topic::Memory;

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.sqlite");
    (directory, path)
}

async fn filled(path: &Path, n: usize) {
    let log = SqliteLog::open(path).unwrap();
    for record in chain(TOPIC, "a", n) {
        log.append(TOPIC, &record).await.unwrap();
    }
}

async fn count(log: &dyn EventLog) -> usize {
    let mut history = History::of_topics(log, [TOPIC]).await.unwrap();
    let mut n = 0;
    while let Some(batch) = history.next().await.unwrap() {
        n += batch.len();
    }
    n
}

fn opened(path: &Path) -> [Option<Error>; 2] {
    [SqliteLog::open(path).err(), SqliteLog::open_read_only(path).err()]
}

#[test]
fn something_else_is_no_log_and_stays_as_it_was() {
    for content in [&b"I am a text, not a log, and longer than a header\n"[..], b"x"] {
        let (_directory, path) = place();
        std::fs::write(&path, content).unwrap();
        for error in opened(&path) {
            assert!(matches!(error, Some(Error::NotALog { .. })), "{error:?}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
}

#[test]
fn another_programs_database_is_no_log() {
    let (_directory, path) = place();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    for error in opened(&path) {
        assert!(matches!(error, Some(Error::NotALog { .. })), "{error:?}");
    }
}

#[tokio::test]
async fn a_truncated_log_is_damaged() {
    let (_directory, path) = place();
    filled(&path, 200).await;
    let size = std::fs::metadata(&path).unwrap().len();
    for left in [size / 2, 4096, 700, 50] {
        OpenOptions::new().write(true).open(&path).unwrap().set_len(left).unwrap();
        for error in opened(&path) {
            let error = error.unwrap();
            assert!(matches!(error, Error::Corrupt { .. } | Error::NotALog { .. }), "{left} bytes: {error:?}");
            assert!(left < 100 || matches!(error, Error::Corrupt { .. }), "{left} bytes: {error:?}");
        }
        assert_eq!(std::fs::metadata(&path).unwrap().len(), left, "a damaged log stays as it is");
    }
}

#[tokio::test]
async fn a_log_with_a_page_of_rubbish_is_damaged() {
    let (_directory, path) = place();
    filled(&path, 200).await;
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(3 * 4096)).unwrap();
    file.write_all(&[0xa5; 4096]).unwrap();
    for error in opened(&path) {
        let error = error.unwrap();
        assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains("log.sqlite is damaged"), "{error}");
    }
}

#[tokio::test]
async fn a_newer_format_is_left_alone() {
    let (_directory, path) = place();
    filled(&path, 1).await;
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    for error in opened(&path) {
        assert!(matches!(error, Some(Error::Newer { found: 2, known: 1, .. })), "{error:?}");
    }
}

#[test]
fn nothing_to_read_is_missing_and_is_not_made() {
    let (_directory, path) = place();
    let error = SqliteLog::open_read_only(&path).err();
    assert!(matches!(error, Some(Error::Missing { .. })), "{error:?}");
    assert!(!path.exists());
}

#[tokio::test]
async fn facts_can_be_neither_changed_nor_deleted() {
    let (_directory, path) = place();
    filled(&path, 1).await;
    let connection = rusqlite::Connection::open(&path).unwrap();
    for sql in ["UPDATE records SET body = x'00'", "DELETE FROM records"] {
        let error = connection.execute(sql, []).unwrap_err();
        assert!(error.to_string().contains("facts are never"), "{error}");
    }
}

#[tokio::test]
async fn a_read_only_handle_follows_a_writer_and_cannot_append() {
    let (_directory, path) = place();
    filled(&path, 2).await;
    let writer = SqliteLog::open(&path).unwrap();
    let watcher = SqliteLog::open_read_only(&path).unwrap();
    assert_eq!(count(&watcher).await, 2);
    let records = chain(TOPIC, "a", 3);
    let refused = watcher.append(TOPIC, &records[2]).await;
    assert!(matches!(refused, Err(Error::ReadOnly { .. })), "{refused:?}");
    writer.append(TOPIC, &records[2]).await.unwrap();
    assert_eq!(count(&watcher).await, 3);
}
