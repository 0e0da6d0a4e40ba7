//! Reading a log as a [`Book`], all at once or as it grows.

use std::sync::Arc;

use move37_consumer::{Consumer, Error, Event, FactRecord, Facts};
use move37_core::CampaignId;
use move37_eventlog::EventLog;

use crate::failure::Failure;
use crate::view::{Book, CampaignView};

/// Everything that a log holds now.
///
/// # Errors
/// The log cannot be read.
pub async fn read_all(log: &Arc<dyn EventLog>) -> Result<Book, Error> {
    let mut live = Live::open(log).await?;
    live.catch_up().await?;
    Ok(live.book)
}

/// A book that goes on with the log.
pub struct Live {
    facts: Facts,
    book: Book,
}

impl Live {
    /// Start at the log's beginning.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn open(log: &Arc<dyn EventLog>) -> Result<Live, Error> {
        Ok(Live { facts: Consumer::new(log.clone()).open().await?, book: Book::default() })
    }

    /// Take in what was there at the opening.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn catch_up(&mut self) -> Result<(), Error> {
        while !self.facts.is_live() {
            self.next().await?;
        }
        Ok(())
    }

    /// The next fact, or none where something else came. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn next(&mut self) -> Result<Option<Arc<FactRecord>>, Error> {
        let event = self.facts.next().await?;
        self.book.lost = self.facts.lost();
        Ok(match event {
            Event::Fact(fact) => {
                self.book.add(fact.clone());
                Some(fact)
            }
            Event::Flaw(flaw) => {
                self.book.flaws.push(flaw);
                None
            }
            Event::Live => None,
        })
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
                "there is no campaign here yet: start one with `move37 run`, or name its place with --state or --kafka",
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
