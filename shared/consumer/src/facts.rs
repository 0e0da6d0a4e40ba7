//! The running stream.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use move37_core::{CampaignId, EventId, Recorded, Verdict};
use move37_eventlog::{Judge, Judged, Position, Reader, Stored};
use move37_events::{Fact, Topic};

use crate::{Consumer, Event, FactRecord, Flaw, Point, Start};

/// Why a stream cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] move37_eventlog::Error),
    /// The point was taken from other facts.
    #[error(
        "{id} is another fact here than the one at the stored point: read the log that the point was taken from, or begin anew"
    )]
    OtherHistory {
        /// The name that both have.
        id: EventId,
    },
}

/// A running stream of facts, from history into the live log by one reader, so without gap or overlap.
pub struct Facts {
    reader: Box<dyn Reader>,
    judge: Judge,
    campaign: Option<CampaignId>,
    /// Where the delivery begins.
    start: Start,
    /// The ends at the opening that are still to be reached.
    history: BTreeMap<(Topic, u32), u64>,
    told_live: bool,
    /// Read, not yet judged.
    queue: VecDeque<Stored>,
    point: Point,
    lost: u64,
}

impl Facts {
    pub(crate) async fn open(consumer: Consumer) -> Result<Facts, Error> {
        let Consumer { log, topics, campaign, start } = consumer;
        let mut history = BTreeMap::new();
        for &topic in &topics {
            let ends = log.ends(topic).await?;
            history
                .extend((0..).zip(ends).filter(|(_, end)| *end > 0).map(|(partition, end)| ((topic, partition), end)));
        }
        let partitions = topics.iter().flat_map(|&topic| (0..topic.partitions()).map(move |p| (topic, p)));
        let from = partitions.map(|(topic, partition)| Position { topic, partition, offset: 0 }).collect();
        let reader = log.read(from).await?;
        let point = match &start {
            Start::Beginning | Start::Now => Point::default(),
            Start::After(point) => point.clone(),
        };
        let (judge, queue) = (Judge::default(), VecDeque::new());
        Ok(Facts { reader, judge, campaign, start, history, told_live: false, queue, point, lost: 0 })
    }

    /// The next event; waits for it. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The log cannot be read, or is not the one that the stored point was taken from.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if self.history.is_empty() && !self.told_live {
                self.told_live = true;
                return Ok(Event::Live);
            }
            let Some(stored) = self.queue.pop_front() else {
                self.queue.extend(self.reader.next().await?);
                continue;
            };
            if let Some(event) = self.take(stored)? {
                return Ok(event);
            }
        }
    }

    /// The next fact; flaws and the hand-over to the live log are passed over.
    ///
    /// # Errors
    /// As [`Facts::next`].
    pub async fn next_fact(&mut self) -> Result<Arc<FactRecord>, Error> {
        loop {
            if let Event::Fact(fact) = self.next().await? {
                return Ok(fact);
            }
        }
    }

    /// Whether everything that was there at the opening has been passed.
    pub fn is_live(&self) -> bool {
        self.told_live
    }

    /// The point after the last event, to be stored and resumed from with [`Start::After`].
    pub fn point(&self) -> &Point {
        &self.point
    }

    /// Records so far that lost their place to another, of any campaign: ordinary.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn take(&mut self, stored: Stored) -> Result<Option<Event>, Error> {
        let is_history = self.is_history(stored.position());
        let is_told = !(is_history && self.start == Start::Now);
        let told = |flaw| is_told.then_some(Event::Flaw(flaw));
        let Judged { position, record, verdict, .. } = match self.judge.judge(stored) {
            Ok(judged) => judged,
            Err(refused) => {
                return Ok(told(Flaw { position: refused.position, id: None, why: refused.why.to_string() }));
            }
        };
        let id = record.envelope.id.clone();
        let is_wanted = self.campaign.is_none() || record.envelope.campaign == self.campaign;
        match verdict {
            Verdict::Won => {}
            Verdict::Lost(_) => {
                self.lost += 1;
                return Ok(None);
            }
            Verdict::Corrupt(_) if !is_wanted => return Ok(None),
            Verdict::Corrupt(why) => return Ok(told(Flaw { position, id: Some(id), why: why.to_string() })),
        }
        if !is_wanted || self.is_covered(&record)? {
            return Ok(None);
        }
        self.point.pass(&record);
        if !is_told {
            return Ok(None);
        }
        Ok(Some(match Fact::read(position.topic, &record) {
            Ok(fact) => Event::Fact(Arc::new(FactRecord { position, record, fact })),
            Err(error) => Event::Flaw(Flaw { position, id: Some(id), why: with_source(&error) }),
        }))
    }

    /// Whether it was there at the opening.
    fn is_history(&mut self, at: Position) -> bool {
        let partition = (at.topic, at.partition);
        let Some(&end) = self.history.get(&partition) else { return false };
        if at.offset + 1 >= end {
            self.history.remove(&partition);
        }
        at.offset < end
    }

    /// Whether the point from which the stream started covers a fact.
    fn is_covered(&self, record: &Recorded) -> Result<bool, Error> {
        let Start::After(point) = &self.start else { return Ok(false) };
        let id = &record.envelope.id;
        let head = point.head(&id.key, &id.source);
        if head.sequence == id.sequence && head.hash != record.hash() {
            return Err(Error::OtherHistory { id: id.clone() });
        }
        Ok(point.covers(id))
    }
}

/// An error and what lies beneath it.
fn with_source(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error} ({source})"),
        None => error.to_string(),
    }
}
