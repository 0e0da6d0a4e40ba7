//! `dead-letters`: records that a service could not take in and set aside.

use std::collections::BTreeMap;
use std::sync::Arc;

use move37_core::{Recorded, Timestamp};
use move37_eventlog::{Error, EventLog, History};
use move37_events::{DeadLetter, Topic};
use serde_json::{Value, json};

use crate::failure::{Answer, Failure};
use crate::output;
use crate::place::Place;
use crate::view::one_line;

/// List the records that services could not read and set aside, with origin and reason
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  move37 dead-letters --kafka localhost:9092\n  move37 dead-letters --json\n\n\
    A parked record changes nothing but that its experiment may end without it; the reason says what wrote it wrongly.")]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Print one JSON array, bodies included
    #[arg(long)]
    pub json: bool,
}

/// What is told of one record.
struct Parked {
    first: Timestamp,
    letter: DeadLetter,
    /// The services that parked it, in the order of their letters.
    readers: Vec<String>,
}

pub async fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let log = arguments.place.open().await?;
    let (parked, unreadable) = parked(&letters(&log).await?);
    if arguments.json {
        output::json(&parked.iter().map(object).collect());
        return Ok(Answer::Yes);
    }
    for parked in &parked {
        output::line(format!(
            "{}  {}  {:?}, by {}: {}",
            parked.first,
            parked.letter.origin,
            parked.letter.reason,
            parked.readers.join(", "),
            one_line(&parked.letter.detail, 200)
        ));
    }
    if unreadable > 0 {
        output::line(format!("{unreadable} record(s) of the topic are no letters that this build can read"));
    }
    if parked.is_empty() && unreadable == 0 {
        output::line("no dead letters: every service could read all that it was sent");
    }
    Ok(Answer::Yes)
}

/// How many different records lie among the dead letters.
///
/// # Errors
/// The log cannot be read.
pub async fn count_parked(log: &Arc<dyn EventLog>) -> Result<usize, Error> {
    Ok(parked(&letters(log).await?).0.len())
}

/// Everything in the topic; what has no readable headers is none.
async fn letters(log: &Arc<dyn EventLog>) -> Result<Vec<Option<Recorded>>, Error> {
    let mut history = History::of_topics(&**log, [Topic::DeadLetters]).await?;
    let mut letters = Vec::new();
    while let Some(batch) = history.next().await? {
        letters.extend(batch.into_iter().map(|stored| stored.parse().ok()));
    }
    Ok(letters)
}

/// The parked records, oldest first, and how many records of the topic are no letters. The first letter about a record
/// is the one that is told; further ones only add their readers.
fn parked(records: &[Option<Recorded>]) -> (Vec<Parked>, usize) {
    let mut by_origin: BTreeMap<_, Parked> = BTreeMap::new();
    let mut unreadable = 0;
    for record in records {
        let letter = record.as_ref().and_then(|record| {
            let letter = DeadLetter::read(&record.envelope.fact, &record.body).ok()?;
            Some((record.envelope.time, letter))
        });
        let Some((time, letter)) = letter else {
            unreadable += 1;
            continue;
        };
        let reader = letter.reader.clone();
        let known = by_origin.entry(letter.origin.clone());
        let known = known.or_insert_with(|| Parked { first: time, letter, readers: Vec::new() });
        if !known.readers.contains(&reader) {
            known.readers.push(reader);
        }
    }
    let mut parked: Vec<Parked> = by_origin.into_values().collect();
    parked.sort_by_key(|parked| parked.first);
    (parked, unreadable)
}

fn object(parked: &Parked) -> Value {
    let letter = &parked.letter;
    json!({
        "origin": { "topic": letter.origin.topic, "partition": letter.origin.partition, "offset": letter.origin.offset },
        "reason": letter.reason,
        "detail": letter.detail,
        "readers": parked.readers,
        "time": parked.first.to_string(),
        "key": letter.key,
        "headers": letter.headers,
        "headers_left_out": letter.headers_left_out,
        "body": letter.body,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use move37_events::{RawRecord, Reason, Role};

    use super::*;

    fn letter(offset: u64, reader: Role, millis: u64) -> Option<Recorded> {
        let (topic, headers) = (Topic::Memory, vec![]);
        let record = RawRecord { topic, partition: 3, offset, key: "c-1", headers: &headers, body: b"no json" };
        let letter = DeadLetter::about(record, Reason::Undecodable, "it does not fit", reader);
        Some(letter.record(None, Timestamp::from_millis(millis)).unwrap())
    }

    #[test]
    fn a_record_is_told_once_with_all_its_readers() {
        let letters = [
            letter(9, Role::Researcher, 5),
            letter(4, Role::Researcher, 7),
            letter(9, Role::Analyst, 6),
            letter(9, Role::Analyst, 6),
            None,
        ];
        let (parked, unreadable) = parked(&letters);
        let told: Vec<_> = parked.iter().map(|p| (p.letter.origin.to_string(), p.readers.join(" "))).collect();
        let told: Vec<_> = told.iter().map(|(origin, readers)| (origin.as_str(), readers.as_str())).collect();
        assert_eq!(told, [("move37.memory/3@9", "researcher analyst"), ("move37.memory/3@4", "researcher")]);
        assert_eq!(unreadable, 1);
        assert_eq!(object(&parked[0])["reason"], "undecodable");
    }
}
