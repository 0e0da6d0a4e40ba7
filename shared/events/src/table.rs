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
    /// The roles whose rules have it as an input. Writers read their own; operators, and everyone the dead letters.
    pub readers: &'static [Role],
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
    campaign_keyed(
        Topic::Campaigns,
        "move37.campaigns",
        Role::Operator,
        &[Role::Memory, Role::Researcher, Role::Engineer, Role::Trainer, Role::Analyst],
        facts::CampaignFact::ROWS,
    ),
    campaign_keyed(
        Topic::Memory,
        "move37.memory",
        Role::Memory,
        &[Role::Researcher, Role::Trainer],
        facts::MemoryFact::ROWS,
    ),
    campaign_keyed(
        Topic::Researcher,
        "move37.researcher",
        Role::Researcher,
        &[Role::Memory, Role::Engineer],
        facts::ResearcherFact::ROWS,
    ),
    campaign_keyed(
        Topic::Engineer,
        "move37.engineer",
        Role::Engineer,
        &[Role::Memory, Role::Trainer],
        facts::EngineerFact::ROWS,
    ),
    campaign_keyed(
        Topic::Trainer,
        "move37.trainer",
        Role::Trainer,
        &[Role::Memory, Role::Worker, Role::Analyst],
        facts::TrainerFact::ROWS,
    ),
    TopicRow {
        topic: Topic::Runs,
        name: "move37.runs",
        writer: Some(Role::Worker),
        readers: &[Role::Trainer],
        key: "worker and boot id",
        partitions: 12,
        facts: facts::RunFact::ROWS,
    },
    campaign_keyed(Topic::Analyst, "move37.analyst", Role::Analyst, &[Role::Memory], facts::AnalystFact::ROWS),
    TopicRow {
        topic: Topic::DeadLetters,
        name: "move37.dead-letters",
        writer: None,
        readers: &[],
        key: "origin",
        partitions: 3,
        facts: crate::DeadLetter::ROWS,
    },
];

const fn campaign_keyed(
    topic: Topic,
    name: &'static str,
    writer: Role,
    readers: &'static [Role],
    facts: &'static [FactRow],
) -> TopicRow {
    TopicRow { topic, name, writer: Some(writer), readers, key: "campaign", partitions: CAMPAIGN_PARTITIONS, facts }
}

impl TopicRow {
    /// Whether a role may write it.
    pub fn is_written_by(&self, role: Role) -> bool {
        self.writer.is_none_or(|writer| writer == role)
    }

    /// Whether a role may read it. Everyone reads dead letters, to know which are written already.
    pub fn is_read_by(&self, role: Role) -> bool {
        self.is_written_by(role) || self.readers.contains(&role) || role == Role::Operator
    }
}

/// The foreign topics that a role's rules have as inputs, in the table's order.
pub fn inputs_of(role: Role) -> Vec<Topic> {
    TABLE.iter().filter(|row| row.readers.contains(&role)).map(|row| row.topic).collect()
}

/// The row of a topic.
pub fn row(topic: Topic) -> &'static TopicRow {
    TABLE.iter().find(|row| row.topic == topic).expect("every topic has a row")
}
