//! What holds in every log. Judged on winners, but for I1, I4 and I15, which are about all records.
//!
//! A number is an invariant's name for ever. Each has one definition, used by the simulation, by crash tests and by
//! `replay --verify`.
//!
//! | id | what holds | where |
//! |---|---|---|
//! | I1 | a place has one content; whoever decides the same again says the same again | `contents` |
//! | I2 | the places of a chain are 1, 2, .. | `envelope` |
//! | I3 | every cause exists, belongs to the same campaign, and causes form trees | `causes` |
//! | I4 | a record lies in its key's partition; a campaign's records carry it as key | `envelope` |
//! | I5 | an experiment ends once, is recorded once, and is over when its campaign closes | `experiments` |
//! | I6 | every step of an experiment follows the step before it, once | `experiments` |
//! | I7 | a run's attempts follow one another; what is accepted is the attempt under way | `runs` |
//! | I8 | the ledger adds up: reserved, settled once, nothing reserved at the close | `ledger` |
//! | I9 | every paid exchange has one end | nowhere: there are no exchanges yet |
//! | I10 | what a run goes on from was kept by a worker | `runs` |
//! | I11 | a state folded in pieces is the state folded whole | `replay` and the laws: it takes the rules of the services |
//! | I12 | a projection is the fold up to its position | not in a log: with the projector |
//! | I13 | what was set aside names a record that is there, and a reader of its topic | [`Parked`](crate::Parked) |
//! | I14 | every fact can be read, and its envelope says what its body says | `envelope` |
//! | I15 | only the owning role writes a topic | `envelope` |
//! | I16 | every fact names the hash of the one before | `envelope` |
//! | I17 | times along a chain do not run backwards | `times`; that times decide nothing is a law's test |
//! | I18 | bodies and retries stay within their bounds | `envelope`, `runs` |
//! | I19 | a closed campaign has come to rest: no run is with a worker | `rest` |
//! | I20 | insights cite trainings that exist, and quote their numbers | `evidence` |
//! | I21 | two reads of a log agree | [`FirstRead`](crate::FirstRead), [`SecondRead`](crate::SecondRead) |
//! | I22 | a training done again gives the same numbers | not in a log: `train` repeats one from its fact |

mod causes;
mod contents;
mod envelope;
mod evidence;
mod experiments;
mod ledger;
mod rest;
mod runs;
mod times;

use move37_core::{Chains, EventId, Loss, Recorded, Verdict};
use move37_events::{Fact, Topic};

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// Which.
    pub id: &'static str,
    /// Where: the fact that breaks it, or a partition.
    pub at: String,
    /// What is wrong, in one sentence.
    pub sentence: String,
}

/// How many records there were, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Records in all.
    pub records: u64,
    /// Those that hold their places.
    pub facts: u64,
    /// Those that are there again, byte for byte.
    pub duplicates: u64,
    /// Those whose place another record had taken.
    pub raced: u64,
}

/// A fact that holds its place.
struct Winner<'a> {
    record: &'a Recorded,
    fact: &'a Fact,
}

impl Winner<'_> {
    fn id(&self) -> &EventId {
        &self.record.envelope.id
    }
}

/// Where violations are put.
#[derive(Default)]
struct Found(Vec<Violation>);

impl Found {
    fn add(&mut self, id: &'static str, event: &EventId, sentence: impl Into<String>) {
        self.0.push(Violation { id, at: event.to_string(), sentence: sentence.into() });
    }
}

/// Judges a log record by record. Records of one partition come in its order; partitions in any.
#[derive(Default)]
pub struct Invariants {
    chains: Chains,
    contents: contents::Contents,
    times: times::Times,
    causes: causes::Causes,
    experiments: experiments::Experiments,
    runs: runs::Runs,
    rest: rest::Rest,
    ledger: ledger::Ledger,
    evidence: evidence::Evidence,
    counts: Counts,
    found: Found,
}

impl Invariants {
    /// What is judged here, by id.
    pub const JUDGED: [&str; 15] =
        ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I14", "I15", "I16", "I17", "I18", "I19", "I20"];

    /// Take in the next record of a partition. Records that lose their place change nothing.
    pub fn offer(&mut self, topic: Topic, partition: u32, record: &Recorded) {
        self.counts.records += 1;
        if !envelope::placed(topic, partition, record, &mut self.found) {
            return;
        }
        match self.chains.offer(record) {
            Verdict::Won => self.counts.facts += 1,
            Verdict::Lost(Loss::Duplicate) => {
                self.counts.duplicates += 1;
                return;
            }
            Verdict::Lost(Loss::Raced) => {
                self.counts.raced += 1;
                return self.contents.lost(record, &mut self.found);
            }
            Verdict::Corrupt(corruption) => return envelope::corrupt(record, corruption, &mut self.found),
        }
        self.contents.won(record, &mut self.found);
        self.times.offer(record, &mut self.found);
        self.causes.offer(record);
        let Some(fact) = envelope::read(topic, record, &mut self.found) else { return };
        let winner = Winner { record, fact: &fact };
        self.experiments.offer(&winner);
        self.runs.offer(&winner, &mut self.found);
        self.rest.offer(&winner);
        self.ledger.offer(&winner, &mut self.found);
        self.evidence.offer(&winner);
    }

    /// A record that came after the read of its partition had ended, which other partitions' facts may rest on: topics
    /// have no common order, so a read of a log that grows takes in effects without their causes. It is not judged.
    pub fn later(&mut self, topic: Topic, partition: u32, record: &Recorded) {
        let is_placed = envelope::placed(topic, partition, record, &mut Found::default());
        if !is_placed || self.chains.offer(record) != Verdict::Won {
            return;
        }
        self.causes.later(record);
        let Some(fact) = envelope::read(topic, record, &mut Found::default()) else { return };
        let winner = Winner { record, fact: &fact };
        self.experiments.later(&winner);
        self.rest.later(&winner);
        self.evidence.later(&winner);
    }

    /// The records so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// All violations, once the log is read.
    pub fn finish(mut self) -> Vec<Violation> {
        self.causes.finish(&mut self.found);
        self.experiments.finish(&mut self.found);
        self.runs.finish(&mut self.found);
        self.rest.finish(&mut self.found);
        self.evidence.finish(&mut self.found);
        self.found.0
    }
}
