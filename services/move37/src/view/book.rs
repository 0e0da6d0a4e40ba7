//! The facts of a log, with their causes.

use std::collections::HashMap;
use std::sync::Arc;

use move37_consumer::{FactRecord, Flaw};
use move37_core::{CampaignId, EventId};
use move37_events::Topic;

/// The facts of a log in the order in which they were read, each after its chain's earlier facts.
#[derive(Default)]
pub struct Book {
    entries: Vec<Arc<FactRecord>>,
    places: HashMap<EventId, usize>,
    /// Records that should not be there.
    pub flaws: Vec<Flaw>,
    /// Records that lost their place to another: ordinary.
    pub lost: u64,
}

impl Book {
    /// Take in the next fact.
    pub fn add(&mut self, entry: Arc<FactRecord>) {
        self.places.insert(entry.id().clone(), self.entries.len());
        self.entries.push(entry);
    }

    /// Every fact, in reading order.
    pub fn entries(&self) -> &[Arc<FactRecord>] {
        &self.entries
    }

    /// A fact by name.
    pub fn get(&self, id: &EventId) -> Option<&Arc<FactRecord>> {
        self.places.get(id).and_then(|&place| self.entries.get(place))
    }

    /// Every campaign, in order of its start.
    pub fn campaigns(&self) -> Vec<CampaignId> {
        let started = self.entries.iter().filter(|entry| entry.position.topic == Topic::Campaigns);
        let mut campaigns: Vec<(u64, CampaignId)> = Vec::new();
        for entry in started {
            if let Some(campaign) = entry.campaign()
                && !campaigns.iter().any(|(_, known)| known == campaign)
            {
                campaigns.push((entry.time().millis(), campaign.clone()));
            }
        }
        campaigns.sort();
        campaigns.into_iter().map(|(_, campaign)| campaign).collect()
    }

    /// The facts of one campaign, in reading order.
    pub fn of<'a>(&'a self, campaign: &'a CampaignId) -> impl Iterator<Item = &'a Arc<FactRecord>> {
        self.entries.iter().filter(move |entry| entry.campaign() == Some(campaign))
    }
}
