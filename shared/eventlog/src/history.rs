//! What a log holds now, and then the end.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use move37_events::Topic;

use crate::{Error, EventLog, Position, Reader, Stored};

/// A read that ends where the log ended when it was opened.
pub struct History {
    reader: Option<Box<dyn Reader>>,
    /// Ends still to be reached.
    left: BTreeMap<(Topic, u32), u64>,
}

impl History {
    /// All of these topics.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn of_topics(
        log: &dyn EventLog,
        topics: impl IntoIterator<Item = Topic> + Send,
    ) -> Result<History, Error> {
        let topics: Vec<Topic> = topics.into_iter().collect();
        let partitions = topics.into_iter().flat_map(|topic| (0..topic.partitions()).map(move |p| (topic, p)));
        Self::of_partitions(log, partitions.collect()).await
    }

    /// These partitions.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn of_partitions(log: &dyn EventLog, partitions: Vec<(Topic, u32)>) -> Result<History, Error> {
        let start = |(topic, partition)| Position { topic, partition, offset: 0 };
        Self::since(log, partitions.into_iter().map(start).collect()).await
    }

    /// These partitions, each from its offset on.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn since(log: &dyn EventLog, from: Vec<Position>) -> Result<History, Error> {
        let mut ends = BTreeMap::new();
        let mut left = BTreeMap::new();
        let mut unread = Vec::new();
        for position in from {
            let Position { topic, partition, offset } = position;
            let ends = match ends.entry(topic) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(log.ends(topic).await?),
            };
            let end = ends.get(partition as usize).copied().unwrap_or(0);
            if end > offset {
                left.insert((topic, partition), end);
                unread.push(position);
            }
        }
        let reader = if unread.is_empty() { None } else { Some(log.read(unread).await?) };
        Ok(History { reader, left })
    }

    /// The next records; none at the end.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<Stored>>, Error> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        while !self.left.is_empty() {
            let mut batch = reader.next().await?;
            batch.retain(|record| {
                let partition = (record.topic, record.partition);
                let Some(&end) = self.left.get(&partition) else { return false };
                if record.offset + 1 >= end {
                    self.left.remove(&partition);
                }
                record.offset < end
            });
            if !batch.is_empty() {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }
}
