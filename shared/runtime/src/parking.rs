//! Dead letters: what no reader can take in is set aside, once.
//!
//! Whoever is about to write a letter first reads what was written since it last looked, by any role; two that look at
//! the same moment both write, which readers of letters take for one, by its origin.

use std::collections::BTreeSet;

use move37_core::{CampaignId, Timestamp};
use move37_eventlog::{Error, EventLog, History, Position};
use move37_events::{DeadLetter, RecordPlace, Topic};
use tracing::debug;

const TOPIC: Topic = Topic::DeadLetters;

/// Which records have a letter.
#[derive(Debug)]
pub(crate) struct Parking {
    known: BTreeSet<RecordPlace>,
    /// How far the letters are read, by partition.
    next: Vec<Position>,
}

impl Default for Parking {
    fn default() -> Self {
        let start = |partition| Position { topic: TOPIC, partition, offset: 0 };
        Parking { known: BTreeSet::new(), next: (0..TOPIC.partitions()).map(start).collect() }
    }
}

impl Parking {
    /// Write a letter unless its record has one; whether it was written.
    pub(crate) async fn park(
        &mut self,
        log: &dyn EventLog,
        letter: DeadLetter,
        campaign: Option<CampaignId>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        if !self.known.contains(&letter.origin) {
            self.catch_up(log).await?;
        }
        if self.known.contains(&letter.origin) {
            return Ok(false);
        }
        let record = letter.record(campaign, now).expect("a letter about a stored record names a topic and a role");
        let at = log.append(TOPIC, &record).await?;
        self.known.insert(letter.origin);
        // Its own letter need not be read again, unless others lie before it.
        if let Some(next) = self.next.get_mut(at.partition as usize)
            && next.offset == at.offset
        {
            next.offset += 1;
        }
        Ok(true)
    }

    async fn catch_up(&mut self, log: &dyn EventLog) -> Result<(), Error> {
        let mut letters = History::since(log, self.next.clone()).await?;
        while let Some(batch) = letters.next().await? {
            for stored in batch {
                if let Some(next) = self.next.get_mut(stored.partition as usize) {
                    next.offset = stored.offset + 1;
                }
                let position = stored.position();
                let letter = stored.parse().map_err(|error| error.to_string()).and_then(|record| {
                    DeadLetter::read(&record.envelope.fact, &record.body).map_err(|error| error.to_string())
                });
                match letter {
                    Ok(letter) => drop(self.known.insert(letter.origin)),
                    Err(error) => debug!(?position, error, "what lies among the dead letters is none"),
                }
            }
        }
        Ok(())
    }
}
