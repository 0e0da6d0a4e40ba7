//! The one table: topics, writers, keys, partitions, facts and versions.

use crate::facts;
use crate::{Role, Topic};

/// A topic's row.
#[derive(Clone, Copy, Debug)]
pub struct TopicRow {
    /// The topic.
    pub topic: Topic,
    /// Full name.
    pub name: &'static str,
    /// The only role that may write it; none where every service may (dead letters).
    pub writer: Option<Role>,
    /// What its record key is.
    pub key: &'static str,
    /// Partitions; equal for all topics keyed by campaign.
    pub partitions: u32,
    /// Its facts.
    pub facts: &'static [FactRow],
}

/// A fact's row.
#[derive(Clone, Copy, Debug)]
pub struct FactRow {
    /// Name within `move37.<name>.v<N>`.
    pub name: &'static str,
    /// Newest version; all from 1 on can be read.
    pub version: u32,
    /// JSON Schema of the newest version.
    pub schema: fn() -> schemars::Schema,
}

const CAMPAIGN_PARTITIONS: u32 = 12;

/// The table.
pub const TABLE: [TopicRow; 8] = [
    campaign_keyed(Topic::Campaigns, "move37.campaigns", Role::Operator, facts::CampaignFact::ROWS),
    campaign_keyed(Topic::Memory, "move37.memory", Role::Memory, facts::MemoryFact::ROWS),
    campaign_keyed(Topic::Researcher, "move37.researcher", Role::Researcher, facts::ResearcherFact::ROWS),
    campaign_keyed(Topic::Engineer, "move37.engineer", Role::Engineer, facts::EngineerFact::ROWS),
    campaign_keyed(Topic::Trainer, "move37.trainer", Role::Trainer, facts::TrainerFact::ROWS),
    TopicRow {
        topic: Topic::Runs,
        name: "move37.runs",
        writer: Some(Role::Worker),
        key: "worker and boot id",
        partitions: 12,
        facts: facts::RunFact::ROWS,
    },
    campaign_keyed(Topic::Analyst, "move37.analyst", Role::Analyst, facts::AnalystFact::ROWS),
    TopicRow {
        topic: Topic::DeadLetters,
        name: "move37.dead-letters",
        writer: None,
        key: "origin",
        partitions: 3,
        facts: &[],
    },
];

const fn campaign_keyed(topic: Topic, name: &'static str, writer: Role, facts: &'static [FactRow]) -> TopicRow {
    TopicRow { topic, name, writer: Some(writer), key: "campaign", partitions: CAMPAIGN_PARTITIONS, facts }
}

/// The row of a topic.
pub fn row(topic: Topic) -> &'static TopicRow {
    TABLE.iter().find(|row| row.topic == topic).expect("every topic has a row")
}
