//! The log: handles on a file, or on memory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use move37_core::Recorded;
use move37_eventlog::{Change, Error, EventLog, MAX_BODY, Ownership, Position, Reader};
use move37_events::Topic;
use rusqlite::Connection;

use crate::error::translate;
use crate::file::{self, Mode, connect};
use crate::reader::{SqliteReader, blocking, ends};
use crate::schema;
use crate::tail::{Bell, Watch};
use crate::writer::Writer;

/// A connection that one thread at a time uses.
pub(crate) type Shared = Arc<Mutex<Connection>>;

/// The event log in one SQLite file. Clones share its writer.
#[derive(Clone)]
pub struct SqliteLog {
    name: String,
    /// None in memory, where all share one connection.
    path: Option<PathBuf>,
    /// Dropped before the others: the last connection to close tidies up, which a read-only one cannot.
    watch: Arc<Watch>,
    /// For looking things up.
    connection: Shared,
    /// None where the log is read only.
    writer: Option<Arc<Writer>>,
    bell: Bell,
}

impl SqliteLog {
    /// Open a file for reading and appending; it is made where there is none.
    ///
    /// # Errors
    /// It is no log, damaged, of a newer format, read-only, or kept busy by another process.
    pub fn open(path: impl AsRef<Path>) -> Result<SqliteLog, Error> {
        let path = path.as_ref();
        let writing = file::open(path, Mode::Append)?;
        let looking = connect(path, Mode::Append)?;
        Self::on_file(path, looking, Some(Arc::new(Mutex::new(writing))))
    }

    /// Open a file for reading, while others may append.
    ///
    /// # Errors
    /// It is missing, no log, damaged, or of a newer format.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<SqliteLog, Error> {
        let path = path.as_ref();
        let looking = file::open(path, Mode::ReadOnly)?;
        Self::on_file(path, looking, None)
    }

    /// A log that lives as long as its handles.
    ///
    /// # Errors
    /// SQLite cannot start.
    pub fn in_memory() -> Result<SqliteLog, Error> {
        let name = "the log in memory".to_owned();
        let translated = |error: rusqlite::Error| translate(&name, &error);
        let mut connection = Connection::open_in_memory().map_err(translated)?;
        schema::create(&mut connection).map_err(translated)?;
        let connection = Arc::new(Mutex::new(connection));
        let bell = Bell::new();
        let writer = Some(Arc::new(Writer::start(name.clone(), Arc::clone(&connection), bell.clone())));
        Ok(SqliteLog { name, path: None, connection, writer, bell, watch: Arc::new(Watch::nothing()) })
    }

    fn on_file(path: &Path, looking: Connection, writing: Option<Shared>) -> Result<SqliteLog, Error> {
        let name = path.display().to_string();
        let bell = Bell::new();
        let watch = Arc::new(Watch::file(path, bell.clone())?);
        let start = |connection| Writer::start(name.clone(), connection, bell.clone());
        let writer = writing.map(start).map(Arc::new);
        let connection = Arc::new(Mutex::new(looking));
        Ok(SqliteLog { name, path: Some(path.to_owned()), connection, writer, bell, watch })
    }

    async fn reading_connection(&self) -> Result<Shared, Error> {
        let Some(path) = self.path.clone() else { return Ok(Arc::clone(&self.connection)) };
        let opened = tokio::task::spawn_blocking(move || connect(&path, Mode::ReadOnly)).await;
        let opened = opened.map_err(|_| Error::Closed { log: self.name.clone() })?;
        opened.map(|connection| Arc::new(Mutex::new(connection)))
    }
}

#[async_trait]
impl EventLog for SqliteLog {
    async fn append(&self, topic: Topic, record: &Recorded) -> Result<Position, Error> {
        let size = record.body.len();
        if size > MAX_BODY {
            return Err(Error::TooLarge { topic, size, limit: MAX_BODY });
        }
        match &self.writer {
            Some(writer) => writer.append(topic, record).await,
            None => Err(Error::ReadOnly { log: self.name.clone() }),
        }
    }

    async fn ends(&self, topic: Topic) -> Result<Vec<u64>, Error> {
        blocking(&self.name, &self.connection, move |connection| ends(connection, topic)).await
    }

    async fn read(&self, from: Vec<Position>) -> Result<Box<dyn Reader>, Error> {
        let connection = self.reading_connection().await?;
        let (bell, watch) = (self.bell.listen(), Arc::clone(&self.watch));
        let reader = SqliteReader::open(self.name.clone(), connection, bell, watch, from).await?;
        Ok(Box::new(reader))
    }

    async fn own(&self, topic: Topic) -> Result<Box<dyn Ownership>, Error> {
        Ok(Box::new(SoleOwner { gained: Some((0..topic.partitions()).collect()) }))
    }
}

/// Owns everything, for ever.
struct SoleOwner {
    gained: Option<Vec<u32>>,
}

#[async_trait]
impl Ownership for SoleOwner {
    async fn next(&mut self) -> Result<Change, Error> {
        match self.gained.take() {
            Some(partitions) => Ok(Change::Gained(partitions)),
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests;
