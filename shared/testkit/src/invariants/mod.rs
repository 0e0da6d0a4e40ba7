//! What holds in every log, judged on winners.
//!
//! | id | what holds | where |
//! |---|---|---|
//! | I2 | the places of a chain are 1, 2, .. | `envelope` |
//! | I3 | every cause exists, belongs to the same campaign, and causes form trees | `causes` |
//! | I4 | a record lies in its key's partition; a campaign's records carry it as key | `envelope` |
//! | I5 | an experiment ends once, is recorded once, and is over when its campaign closes | `experiments` |
//! | I6 | every step of an experiment follows the step before it, once | `experiments` |
//! | I7 | a run's attempts follow one another; what is accepted is the attempt under way | `runs` |
//! | I8 | the ledger adds up: reserved, settled once, nothing reserved at the close | `ledger` |
//! | I14 | every fact can be read, and its envelope says what its body says | `envelope` |
//! | I15 | only the owning role writes a topic | `envelope` |
//! | I16 | every fact names the hash of the one before | `envelope` |
//! | I18 | bodies and retries stay within their bounds | `envelope`, `runs` |
//! | I20 | insights cite trainings that exist, and quote their numbers | `evidence` |
//!
//! I1 (one id, one content) is what winning means. The numbers are those of the reference on reliability.

mod causes;
mod envelope;
mod evidence;
mod experiments;
mod ledger;
mod runs;

use move37_core::{Chains, EventId, Recorded, Verdict};
use move37_events::{Fact, Topic};

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// Which.
    pub id: &'static str,
    /// The fact that breaks it.
    pub event: EventId,
    /// What is wrong, in one sentence.
    pub sentence: String,
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
        self.0.push(Violation { id, event: event.clone(), sentence: sentence.into() });
    }
}

/// Judges a log record by record. Records of one partition come in its order; partitions in any.
#[derive(Default)]
pub struct Invariants {
    chains: Chains,
    causes: causes::Causes,
    experiments: experiments::Experiments,
    runs: runs::Runs,
    ledger: ledger::Ledger,
    evidence: evidence::Evidence,
    found: Found,
}

impl Invariants {
    /// Take in the next record of a partition. Records that lose their place change nothing.
    pub fn offer(&mut self, topic: Topic, partition: u32, record: &Recorded) {
        if !envelope::placed(topic, partition, record, &mut self.found) {
            return;
        }
        match self.chains.offer(record) {
            Verdict::Won => {}
            Verdict::Lost(_) => return,
            Verdict::Corrupt(corruption) => return envelope::corrupt(record, corruption, &mut self.found),
        }
        self.causes.offer(record);
        let Some(fact) = envelope::read(topic, record, &mut self.found) else { return };
        let winner = Winner { record, fact: &fact };
        self.experiments.offer(&winner);
        self.runs.offer(&winner, &mut self.found);
        self.ledger.offer(&winner, &mut self.found);
        self.evidence.offer(&winner);
    }

    /// All violations, once the log is read.
    pub fn finish(mut self) -> Vec<Violation> {
        self.causes.finish(&mut self.found);
        self.experiments.finish(&mut self.found);
        self.evidence.finish(&mut self.found);
        self.found.0
    }
}
