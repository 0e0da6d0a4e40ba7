//! Reading: short transactions along the order of commits.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use move37_eventlog::{Error, Position, Reader, Stored};
use move37_events::Topic;
use rusqlite::types::Type;
use rusqlite::{Connection, Row};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::translate;
use crate::log::Shared;
use crate::tail::Watch;

/// Most records in one batch.
const BATCH: usize = 256;

/// Most bytes of bodies in one batch (beyond its first record).
const BATCH_BYTES: usize = 4 << 20;

/// A reader of some partitions. Records of all of them come in the order of their commits.
pub(crate) struct SqliteReader {
    log: String,
    connection: Shared,
    bell: watch::Receiver<u64>,
    _watch: Arc<Watch>,
    wanted: Arc<Wanted>,
    /// Every record up to this id was delivered, or is not wanted.
    after: i64,
    /// A read that has begun: a dropped `next` leaves it to the next one.
    reading: Option<Work<(Vec<Stored>, i64)>>,
}

/// Partitions and their first offsets.
struct Wanted {
    first: HashMap<(Topic, u32), u64>,
    /// The topics as a JSON list, for SQL.
    topics: String,
}

impl SqliteReader {
    pub(crate) async fn open(
        log: String,
        connection: Shared,
        bell: watch::Receiver<u64>,
        watch: Arc<Watch>,
        from: Vec<Position>,
    ) -> Result<SqliteReader, Error> {
        let mut topics: Vec<_> = from.iter().map(|position| position.topic.name()).collect();
        topics.sort_unstable();
        topics.dedup();
        let topics = serde_json::to_string(&topics).expect("names have a JSON form");
        let first = from.iter().map(|position| ((position.topic, position.partition), position.offset)).collect();
        let after = blocking(&log, &connection, move |connection| before_first(connection, &from)).await?;
        Ok(SqliteReader {
            log,
            connection,
            bell,
            _watch: watch,
            wanted: Arc::new(Wanted { first, topics }),
            after,
            reading: None,
        })
    }
}

#[async_trait]
impl Reader for SqliteReader {
    async fn next(&mut self) -> Result<Vec<Stored>, Error> {
        loop {
            let reading = self.reading.get_or_insert_with(|| {
                self.bell.mark_unchanged();
                let (wanted, after) = (Arc::clone(&self.wanted), self.after);
                start(&self.connection, move |connection| batch(connection, &wanted, after))
            });
            let done = finish(&self.log, reading).await;
            self.reading = None;
            let (records, after) = done?;
            self.after = after;
            if !records.is_empty() {
                return Ok(records);
            }
            let closed = |_| Error::Closed { log: self.log.clone() };
            self.bell.changed().await.map_err(closed)?;
        }
    }
}

/// A short transaction on a thread that may block.
type Work<T> = JoinHandle<rusqlite::Result<T>>;

fn start<T: Send + 'static>(
    connection: &Shared,
    work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Work<T> {
    let connection = Arc::clone(connection);
    tokio::task::spawn_blocking(move || work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner)))
}

async fn finish<T>(log: &str, work: &mut Work<T>) -> Result<T, Error> {
    let done = work.await.map_err(|_| Error::Closed { log: log.to_owned() })?;
    done.map_err(|error| translate(log, &error))
}

/// Run a short transaction on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    log: &str,
    connection: &Shared,
    work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Error> {
    finish(log, &mut start(connection, work)).await
}

/// The id before the first wanted record, or before the next one to come.
fn before_first(connection: &mut Connection, from: &[Position]) -> rusqlite::Result<i64> {
    let transaction = connection.transaction()?;
    let end: i64 = transaction.query_row("SELECT coalesce(max(id), 0) FROM records", [], |row| row.get(0))?;
    let mut first = end + 1;
    let at = "SELECT coalesce(min(id), ?4) FROM records WHERE topic = ?1 AND partition = ?2 AND offset = ?3";
    for position in from {
        let place = (position.topic.name(), position.partition, position.offset.cast_signed(), end + 1);
        first = first.min(transaction.prepare_cached(at)?.query_row(place, |row| row.get(0))?);
    }
    Ok(first - 1)
}

fn batch(connection: &mut Connection, wanted: &Wanted, mut after: i64) -> rusqlite::Result<(Vec<Stored>, i64)> {
    let select = "SELECT id, topic, partition, offset, key, headers, body FROM records
                  WHERE id > ?1 AND topic IN (SELECT value FROM json_each(?2)) ORDER BY id LIMIT ?3";
    let mut statement = connection.prepare_cached(select)?;
    let mut records = Vec::new();
    let mut bytes = 0;
    loop {
        let mut rows = statement.query((after, &wanted.topics, BATCH as i64))?;
        let mut any = false;
        while let Some(row) = rows.next()? {
            any = true;
            let id = row.get(0)?;
            if let Some(stored) = wanted.stored(row)? {
                if bytes + stored.body.len() > BATCH_BYTES && !records.is_empty() {
                    return Ok((records, after));
                }
                bytes += stored.body.len();
                records.push(stored);
            }
            after = id;
        }
        if !any || !records.is_empty() {
            return Ok((records, after));
        }
    }
}

impl Wanted {
    fn stored(&self, row: &Row<'_>) -> rusqlite::Result<Option<Stored>> {
        let Ok(topic) = row.get_ref(1)?.as_str()?.parse::<Topic>() else { return Ok(None) };
        let partition = row.get(2)?;
        let offset = row.get::<_, i64>(3)?.cast_unsigned();
        if self.first.get(&(topic, partition)).is_none_or(|&first| offset < first) {
            return Ok(None);
        }
        let damaged = |error: serde_json::Error| rusqlite::Error::FromSqlConversionFailure(5, Type::Text, error.into());
        let headers = serde_json::from_str(row.get_ref(5)?.as_str()?).map_err(damaged)?;
        Ok(Some(Stored { topic, partition, offset, key: row.get(4)?, headers, body: row.get(6)? }))
    }
}

/// The next offset of every partition of a topic.
pub(crate) fn ends(connection: &mut Connection, topic: Topic) -> rusqlite::Result<Vec<u64>> {
    let end = "SELECT coalesce(max(offset) + 1, 0) FROM records WHERE topic = ?1 AND partition = ?2";
    let transaction = connection.transaction()?;
    let mut statement = transaction.prepare_cached(end)?;
    let of = |partition| statement.query_row((topic.name(), partition), |row| row.get::<_, i64>(0));
    (0..topic.partitions()).map(of).map(|end| end.map(i64::cast_unsigned)).collect()
}
