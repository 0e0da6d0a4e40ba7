//! The judged facts of a log, with their causes.

use std::collections::HashMap;
use std::sync::Arc;

use move37_core::{CampaignId, Corruption, EventId, Loss, Recorded, Verdict};
use move37_eventlog::{Judge, Position, Stored};
use move37_events::{DecodeError, Fact, Topic};

/// A fact that holds its place.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it lies.
    pub position: Position,
    /// Attributes and stored bytes.
    pub record: Recorded,
    /// What it says.
    pub fact: Fact,
}

impl Entry {
    /// Its name.
    pub fn id(&self) -> &EventId {
        &self.record.envelope.id
    }

    /// The campaign that it belongs to: named by the envelope, or by the key.
    pub fn campaign(&self) -> Option<&CampaignId> {
        self.record.envelope.campaign.as_ref()
    }
}

/// Something in a log that is no fact and should not be there.
#[derive(Clone, Debug)]
pub struct Flaw {
    /// Where it lies.
    pub position: Position,
    /// What is wrong, as a sentence.
    pub why: String,
}

/// The facts of a log in the order in which they were read, each after its chain's earlier facts.
#[derive(Default)]
pub struct Book {
    judge: Judge,
    entries: Vec<Arc<Entry>>,
    places: HashMap<EventId, usize>,
    flaws: Vec<Flaw>,
    lost: u64,
}

impl Book {
    /// Take in the next record of its partition. Gives the fact, if it is one; flaws and lost races are kept apart.
    pub fn add(&mut self, stored: Stored) -> Option<Arc<Entry>> {
        let judged = match self.judge.judge(stored) {
            Ok(judged) => judged,
            Err(refused) => return self.flaw(refused.position, &refused.why),
        };
        let (position, record) = (judged.position, judged.record);
        match judged.verdict {
            Verdict::Won => {}
            Verdict::Lost(Loss::Duplicate | Loss::Raced) => {
                self.lost += 1;
                return None;
            }
            Verdict::Corrupt(corruption) => return self.corrupt(position, &record, corruption),
        }
        match Fact::read(position.topic, &record) {
            Ok(fact) => {
                let entry = Arc::new(Entry { position, record, fact });
                self.places.insert(entry.id().clone(), self.entries.len());
                self.entries.push(entry.clone());
                Some(entry)
            }
            Err(error) => self.undecodable(position, &record, &error),
        }
    }

    fn corrupt(&mut self, position: Position, record: &Recorded, why: Corruption) -> Option<Arc<Entry>> {
        self.flaw(position, &format!("{}: {why}", record.envelope.id))
    }

    fn undecodable(&mut self, position: Position, record: &Recorded, error: &DecodeError) -> Option<Arc<Entry>> {
        self.flaw(position, &format!("{}: {error}", record.envelope.id))
    }

    fn flaw(&mut self, position: Position, why: &impl ToString) -> Option<Arc<Entry>> {
        self.flaws.push(Flaw { position, why: why.to_string() });
        None
    }

    /// Every fact, in reading order.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// A fact by name.
    pub fn get(&self, id: &EventId) -> Option<&Arc<Entry>> {
        self.places.get(id).and_then(|&place| self.entries.get(place))
    }

    /// Records that should not be there.
    pub fn flaws(&self) -> &[Flaw] {
        &self.flaws
    }

    /// Records that lost their place to another: ordinary.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Every campaign, in order of its start.
    pub fn campaigns(&self) -> Vec<CampaignId> {
        let started = self.entries.iter().filter(|entry| entry.position.topic == Topic::Campaigns);
        let mut campaigns: Vec<(u64, CampaignId)> = Vec::new();
        for entry in started {
            if let Some(campaign) = entry.campaign()
                && !campaigns.iter().any(|(_, known)| known == campaign)
            {
                campaigns.push((entry.record.envelope.time.millis(), campaign.clone()));
            }
        }
        campaigns.sort();
        campaigns.into_iter().map(|(_, campaign)| campaign).collect()
    }

    /// The facts of one campaign, in reading order.
    pub fn of<'a>(&'a self, campaign: &'a CampaignId) -> impl Iterator<Item = &'a Arc<Entry>> {
        self.entries.iter().filter(move |entry| entry.campaign() == Some(campaign))
    }
}
