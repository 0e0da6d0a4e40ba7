//! The writer thread: what is queued becomes one transaction, so that one fsync serves many appends.

use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use move37_core::Recorded;
use move37_eventlog::{Error, Position};
use move37_events::Topic;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::error::translate;
use crate::log::Shared;
use crate::tail::Bell;

/// Most appends in one transaction.
const BATCH: usize = 512;

/// A queued append.
struct Append {
    topic: Topic,
    record: Row,
    answer: oneshot::Sender<Result<Position, Error>>,
}

struct Row {
    partition: u32,
    key: String,
    headers: String,
    body: Vec<u8>,
}

/// The way to the writer thread.
pub(crate) struct Writer {
    log: String,
    running: Option<(Sender<Append>, JoinHandle<()>)>,
}

impl Drop for Writer {
    /// Waits until what is queued is committed and the file is closed.
    fn drop(&mut self) {
        if let Some((queue, thread)) = self.running.take() {
            drop(queue);
            let _ = thread.join();
        }
    }
}

impl Writer {
    /// Start the thread.
    pub(crate) fn start(log: String, connection: Shared, bell: Bell) -> Writer {
        let (queue, appends) = channel();
        let name = log.clone();
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || run(&name, &connection, &bell, &appends))
            .expect("the system can start a thread");
        Writer { log, running: Some((queue, thread)) }
    }

    /// Queue an append and wait until it is committed.
    pub(crate) async fn append(&self, topic: Topic, record: &Recorded) -> Result<Position, Error> {
        let closed = || Error::Closed { log: self.log.clone() };
        let (answer, committed) = oneshot::channel();
        let key = &record.envelope.id.key;
        let headers = serde_json::to_string(&record.envelope.headers()).expect("pairs of texts have a JSON form");
        let partition = topic.partition(key);
        let record = Row { partition, key: key.to_string(), headers, body: record.body.clone() };
        let (queue, _) = self.running.as_ref().ok_or_else(closed)?;
        queue.send(Append { topic, record, answer }).map_err(|_| closed())?;
        committed.await.map_err(|_| closed())?
    }
}

fn run(log: &str, connection: &Shared, bell: &Bell, appends: &Receiver<Append>) {
    while let Ok(first) = appends.recv() {
        let batch: Vec<Append> = std::iter::once(first).chain(appends.try_iter().take(BATCH - 1)).collect();
        let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        match commit(&mut connection, &batch) {
            Ok(positions) => {
                bell.ring();
                batch.into_iter().zip(positions).for_each(|(append, at)| append.answer(Ok(at)));
            }
            // One of them may be to blame (too large for what is left of the disk): each gets its own verdict.
            Err(error) if is_full(&error) && batch.len() > 1 => {
                for append in batch {
                    let committed = commit(&mut connection, std::slice::from_ref(&append));
                    let committed = committed.map_err(|error| translate(log, &error));
                    append.answer(committed.map(|positions| positions[0]));
                }
                bell.ring();
            }
            Err(error) => batch.into_iter().for_each(|append| append.answer(Err(translate(log, &error)))),
        }
    }
}

impl Append {
    fn answer(self, result: Result<Position, Error>) {
        // Whoever stopped waiting reads the record back, or appends it again.
        let _ = self.answer.send(result);
    }
}

fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

fn commit(connection: &mut Connection, batch: &[Append]) -> rusqlite::Result<Vec<Position>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let positions = batch.iter().map(|append| insert(&transaction, append)).collect::<rusqlite::Result<_>>()?;
    transaction.commit()?;
    Ok(positions)
}

fn insert(transaction: &Transaction<'_>, append: &Append) -> rusqlite::Result<Position> {
    let Append { topic, record: Row { partition, key, headers, body }, .. } = append;
    let next = "SELECT coalesce(max(offset) + 1, 0) FROM records WHERE topic = ?1 AND partition = ?2";
    let offset: i64 = transaction.prepare_cached(next)?.query_row((topic.name(), partition), |row| row.get(0))?;
    let insert = "INSERT INTO records (topic, partition, offset, key, headers, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    transaction.prepare_cached(insert)?.execute((topic.name(), partition, offset, key, headers, body))?;
    Ok(Position { topic: *topic, partition: *partition, offset: offset.cast_unsigned() })
}
