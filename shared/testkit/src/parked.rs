//! What was set aside is there (I13): every letter names a record that the log has, and a role that reads its topic.
//!
//! That nothing is passed over in silence is the readers' part: the runtime parks what it cannot take in, and its tests
//! hold it to that.

use move37_core::Recorded;
use move37_events::{DeadLetter, Role, Topic, row};

use crate::{SecondRead, Violation};

/// The dead letters of a log.
#[derive(Clone, Debug, Default)]
pub struct Parked(Vec<(String, Result<DeadLetter, String>)>);

impl Parked {
    /// Take in a record of the topic of dead letters.
    pub fn take(&mut self, record: &Recorded) {
        let letter = DeadLetter::read(&record.envelope.fact, &record.body).map_err(|error| error.to_string());
        self.0.push((record.envelope.id.to_string(), letter));
    }

    /// How many there are, those of several readers about one record included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every letter that names no record of the log, once the log is read.
    pub fn finish(self, read: &SecondRead) -> Vec<Violation> {
        let wrong = self.0.into_iter().filter_map(|(at, letter)| {
            let fault = match letter {
                Ok(letter) => fault(&letter, read)?,
                Err(error) => format!("it is no letter: {error}"),
            };
            Some(Violation { id: "I13", at, sentence: fault })
        });
        wrong.collect()
    }
}

fn fault(letter: &DeadLetter, read: &SecondRead) -> Option<String> {
    let origin = &letter.origin;
    let Some(topic) = Topic::all().find(|topic| topic.name() == origin.topic) else {
        return Some(format!("it is about {origin}, and there is no such topic"));
    };
    if origin.offset >= read.records(topic, origin.partition) {
        return Some(format!("it is about {origin}, which the log does not have"));
    }
    let row = row(topic);
    let reads = |role: &Role| role.name() == letter.reader;
    let is_reader = row.readers.iter().chain(row.writer.as_ref()).any(reads);
    (!is_reader).then(|| format!("it is by {}, which does not read {topic}", letter.reader))
}
