//! Reading a state directory: its log as a [`Book`], all at once or as it grows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use move37_core::CampaignId;
use move37_eventlog::{Error, EventLog, History, Position};
use move37_events::Topic;
use move37_sqlite::SqliteLog;

use crate::failure::Failure;
use crate::view::{Book, CampaignView, Entry};

/// A directory that holds campaigns: the log, cached data, the lock.
#[derive(Clone, Debug, clap::Args)]
pub struct StateDir {
    /// Directory that holds the campaigns' log and cached data
    #[arg(long = "state", value_name = "DIR", default_value = ".move37")]
    root: PathBuf,
}

impl StateDir {
    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The log's file.
    pub fn log_path(&self) -> PathBuf {
        self.root.join("log.db")
    }

    /// Where fetched data is cached.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
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

    /// Everything in the log.
    pub async fn read(&self) -> Result<Book, Error> {
        read_all(&self.open()?).await
    }
}

fn topics() -> impl Iterator<Item = Topic> {
    Topic::all().filter(|&topic| topic != Topic::DeadLetters)
}

/// Everything that a log holds now.
pub async fn read_all(log: &dyn EventLog) -> Result<Book, Error> {
    let mut history = History::of_topics(log, topics()).await?;
    let mut book = Book::default();
    while let Some(batch) = history.next().await? {
        batch.into_iter().for_each(|stored| drop(book.add(stored)));
    }
    Ok(book)
}

/// A book that goes on with the log.
pub struct Live {
    reader: Box<dyn move37_eventlog::Reader>,
    book: Book,
}

impl Live {
    /// Start at the log's beginning, so that every chain is judged from its start.
    pub async fn open(log: &dyn EventLog) -> Result<Live, Error> {
        let from = topics()
            .flat_map(|topic| (0..topic.partitions()).map(move |partition| Position { topic, partition, offset: 0 }))
            .collect();
        Ok(Live { reader: log.read(from).await?, book: Book::default() })
    }

    /// The next facts; waits for at least one record, which may be none.
    pub async fn next(&mut self) -> Result<Vec<Arc<Entry>>, Error> {
        let batch = self.reader.next().await?;
        Ok(batch.into_iter().filter_map(|stored| self.book.add(stored)).collect())
    }

    /// Everything so far.
    pub fn book(&self) -> &Book {
        &self.book
    }
}

/// The views of all campaigns of a book, oldest first.
pub fn campaigns(book: &Book) -> Vec<CampaignView> {
    let mut views: Vec<_> = book.campaigns().into_iter().map(CampaignView::new).collect();
    for view in &mut views {
        book.entries().iter().for_each(|entry| view.take(entry));
    }
    views
}

/// The named campaign, or the newest.
///
/// # Errors
/// There is no such campaign, or none at all.
pub fn pick(book: &Book, wanted: Option<&CampaignId>) -> Result<CampaignView, Failure> {
    let mut views = campaigns(book);
    let Some(wanted) = wanted else {
        return views.pop().ok_or_else(|| {
            Failure::failed(
                "there is no campaign here yet: start one with `move37 run`, or name its directory with --state",
            )
        });
    };
    let known: Vec<String> = views.iter().map(|view| view.id.to_string()).collect();
    views.into_iter().find(|view| view.id == *wanted).ok_or_else(|| {
        Failure::failed(match known.is_empty() {
            true => format!("there is no campaign {wanted} here, nor any other: start one with `move37 run`"),
            false => format!("there is no campaign {wanted} here: it has {}", known.join(", ")),
        })
    })
}
