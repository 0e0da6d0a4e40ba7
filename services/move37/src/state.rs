//! A state directory: the log of this machine, cached data, the lock.

use std::path::{Path, PathBuf};

use move37_eventlog::Error;
use move37_sqlite::SqliteLog;

/// Where it is unless somebody says otherwise.
const DEFAULT: &str = ".move37";

/// A directory that holds campaigns: the log, cached data, the lock.
#[derive(Clone, Debug, clap::Args)]
pub struct StateDir {
    /// Directory that holds the campaigns' log and cached data; with Kafka the data only [default: .move37]
    #[arg(long = "state", value_name = "DIR")]
    root: Option<PathBuf>,
}

impl StateDir {
    /// The directory.
    pub fn root(&self) -> &Path {
        self.root.as_deref().unwrap_or(Path::new(DEFAULT))
    }

    /// Whether the user named it.
    pub fn is_named(&self) -> bool {
        self.root.is_some()
    }

    /// The log's file.
    pub fn log_path(&self) -> PathBuf {
        self.root().join("log.db")
    }

    /// Where fetched data is cached.
    pub fn data(&self) -> PathBuf {
        self.root().join("data")
    }

    /// The log, for reading.
    pub fn open(&self) -> Result<SqliteLog, Error> {
        SqliteLog::open_read_only(self.log_path())
    }

    /// The log, for reading and writing; made where there is none.
    pub fn open_to_write(&self) -> Result<SqliteLog, Error> {
        SqliteLog::open(self.log_path())
    }

    /// The log, for writing, where there is one already.
    pub fn open_to_change(&self) -> Result<SqliteLog, Error> {
        self.open().map(drop)?;
        self.open_to_write()
    }
}
