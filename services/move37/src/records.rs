//! Every record of a log as it lies there, losers and dead letters included, held against the named invariants: what a
//! [`Book`](crate::view::Book) of facts alone cannot tell.
//!
//! The log is read twice, so that both reads can be compared. What came between them is not judged; it is what the last
//! facts of the first read may rest on, since topics have no common order.

use move37_core::Hash;
use move37_eventlog::{Error, EventLog, History, Stored};
use move37_events::Topic;
use move37_testkit::{Counts, FirstRead, Invariants, Parked, Violation};

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// Records that are no dead letters, and what became of them.
    pub counts: Counts,
    /// Dead letters.
    pub letters: u64,
    /// What is wrong.
    pub violations: Vec<Violation>,
}

/// Read and judge all of a log.
///
/// # Errors
/// The log cannot be read.
pub async fn examine(log: &dyn EventLog) -> Result<Records, Error> {
    let (mut invariants, mut parked) = (Invariants::default(), Parked::default());
    let mut first = FirstRead::default();
    let mut history = History::of_topics(log, Topic::all()).await?;
    while let Some(batch) = history.next().await? {
        for stored in batch {
            let (topic, partition) = (stored.topic, stored.partition);
            first.take(topic, partition, digest(&stored));
            // What cannot be parsed is a flaw, of which the book of facts tells.
            match stored.parse() {
                Ok(record) if topic == Topic::DeadLetters => parked.take(&record),
                Ok(record) => invariants.offer(topic, partition, &record),
                Err(_) => {}
            }
        }
    }
    let mut second = first.again();
    let mut history = History::of_topics(log, Topic::all()).await?;
    while let Some(batch) = history.next().await? {
        for stored in batch {
            let (topic, partition) = (stored.topic, stored.partition);
            let is_later = !second.take(topic, partition, digest(&stored));
            if is_later
                && topic != Topic::DeadLetters
                && let Ok(record) = stored.parse()
            {
                invariants.later(topic, partition, &record);
            }
        }
    }
    let (counts, letters) = (invariants.counts(), parked.len() as u64);
    let mut violations = invariants.finish();
    violations.extend(second.finish());
    violations.extend(parked.finish(&second));
    Ok(Records { counts, letters, violations })
}

/// Everything that a record is.
fn digest(stored: &Stored) -> Hash {
    let headers = stored.headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
    Hash::of_fields([stored.key.as_bytes()].into_iter().chain(headers).chain([&stored.body[..]]))
}
