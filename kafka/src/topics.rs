//! Making a cluster hold the topics of the table.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use move37_eventlog::Error;
use move37_events::documents::SETTINGS;
use move37_events::{TABLE, Topic};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::time::{Instant, sleep};

use crate::client::{Client, Traced};
use crate::error::translate;
use crate::settings::Settings;

/// Settings in which a difference loses facts; in the others it is only worth knowing.
const PRESERVING: [&str; 4] = ["cleanup.policy", "retention.ms", "retention.bytes", "unclean.leader.election.enable"];

/// How often the brokers are asked whether they know of new topics.
const POLL: Duration = Duration::from_millis(20);

/// The topics of a cluster.
pub struct Topics {
    settings: Arc<Settings>,
    client: Client,
    admin: AdminClient<Traced>,
}

/// What a cluster lacks, and where it differs from the table.
#[derive(Debug, Default)]
pub struct Examined {
    /// Topics that are missing.
    pub missing: Vec<Topic>,
    /// Topics that differ.
    pub findings: Vec<Finding>,
}

/// A difference between a topic of a cluster and the table; shown as one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Keys lie in other partitions than everybody expects.
    Partitions {
        /// Full name.
        topic: String,
        /// Its partitions.
        found: u32,
        /// Those of the table.
        declared: u32,
    },
    /// A setting.
    Setting {
        /// Full name.
        topic: String,
        /// Setting.
        name: &'static str,
        /// Its value.
        found: String,
        /// That of the table.
        declared: &'static str,
    },
}

impl Finding {
    /// Whether facts get lost or cannot be found.
    pub fn is_dangerous(&self) -> bool {
        match self {
            Finding::Partitions { .. } => true,
            Finding::Setting { name, .. } => PRESERVING.contains(name),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Partitions { topic, found, declared } => write!(
                f,
                "{topic} has {found} partitions where {declared} are declared, so keys would be looked for where they \
                 are not: move its records to a new topic of {declared} partitions"
            ),
            Finding::Setting { topic, name, found, declared } if self.is_dangerous() => write!(
                f,
                "{topic} has {name}={found} where {declared} is declared, so facts get lost: set it to {declared}"
            ),
            Finding::Setting { topic, name, found, declared } => {
                write!(f, "{topic} has {name}={found} where {declared} is declared: better set it to {declared}")
            }
        }
    }
}

impl Topics {
    /// Connect to a cluster.
    ///
    /// # Errors
    /// No broker answers, or it does not let us in.
    pub async fn connect(settings: Settings) -> Result<Topics, Error> {
        let settings = Arc::new(settings);
        let client = Client::new(Arc::clone(&settings))?;
        client.partitions(None).await?;
        let admin = settings.administration().create_with_context(Traced::default());
        let admin = admin.map_err(|error| translate(&settings, "a client", &error))?;
        Ok(Topics { settings, client, admin })
    }

    /// Compare the cluster with the table.
    ///
    /// # Errors
    /// The brokers do not answer or refuse.
    pub async fn examine(&self) -> Result<Examined, Error> {
        let found: BTreeMap<String, u32> = self.client.partitions(None).await?.into_iter().collect();
        let mut examined = Examined::default();
        let mut present = Vec::new();
        for row in TABLE {
            let topic = self.settings.topic(row.topic);
            match found.get(&topic) {
                None => examined.missing.push(row.topic),
                Some(&found) => {
                    if found != row.partitions {
                        let topic = topic.clone();
                        examined.findings.push(Finding::Partitions { topic, found, declared: row.partitions });
                    }
                    present.push(topic);
                }
            }
        }
        examined.findings.extend(self.compare_settings(&present).await?);
        Ok(examined)
    }

    async fn compare_settings(&self, topics: &[String]) -> Result<Vec<Finding>, Error> {
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let resources: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
        let answers = self.admin.describe_configs(&resources, &self.options()).await;
        let answers = answers.map_err(|error| self.refused("the settings of the topics", &error))?;
        let mut findings = Vec::new();
        for (topic, answer) in topics.iter().zip(answers) {
            let answer = answer.map_err(|code| self.refused(topic, &KafkaError::AdminOp(code)))?;
            for (name, declared) in SETTINGS {
                let found = answer.get(name).and_then(|entry| entry.value.clone()).unwrap_or_default();
                if found != declared {
                    findings.push(Finding::Setting { topic: topic.clone(), name, found, declared });
                }
            }
        }
        Ok(findings)
    }

    /// Brokers to keep each record where nobody says how many: 3, or as many as there are.
    ///
    /// # Errors
    /// The brokers do not answer.
    pub async fn usual_replication(&self) -> Result<u16, Error> {
        let brokers = self.client.brokers().await?;
        Ok(u16::try_from(brokers).unwrap_or(u16::MAX).clamp(1, 3))
    }

    /// Create topics, each record on so many brokers (all but one of which must have it before it is acknowledged),
    /// and wait until they can be used. A topic that is there already is left as it is.
    ///
    /// # Errors
    /// The brokers do not answer or refuse.
    pub async fn create(&self, topics: &[Topic], replication: u16) -> Result<(), Error> {
        if topics.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = topics.iter().map(|&topic| (topic, self.settings.topic(topic))).collect();
        let in_sync = replication.saturating_sub(1).max(1).to_string();
        let new: Vec<_> = names
            .iter()
            .map(|(topic, name)| {
                let partitions = topic.partitions().cast_signed();
                let replication = TopicReplication::Fixed(i32::from(replication));
                let new = NewTopic::new(name, partitions, replication).set("min.insync.replicas", &in_sync);
                SETTINGS.iter().fold(new, |new, (name, value)| new.set(name, value))
            })
            .collect();
        let answers = self.admin.create_topics(&new, &self.options()).await;
        for answer in answers.map_err(|error| self.refused("to create topics", &error))? {
            match answer {
                Ok(_) | Err((_, Code::TopicAlreadyExists)) => {}
                Err((name, code)) => {
                    return Err(self.refused(&format!("to create {name}"), &KafkaError::AdminOp(code)));
                }
            }
        }
        self.wait_for(names.into_iter().map(|(_, name)| name).collect()).await
    }

    /// Creation is answered before every broker knows of it.
    async fn wait_for(&self, topics: Vec<String>) -> Result<(), Error> {
        let begun = Instant::now();
        while !self.client.are_led(topics.clone()).await? {
            if begun.elapsed() > self.settings.answer {
                return Err(Error::NoTopic { log: self.settings.name(), topic: topics.join(", ") });
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    fn options(&self) -> AdminOptions {
        let patience = Some(self.settings.answer);
        AdminOptions::new().request_timeout(patience).operation_timeout(patience)
    }

    fn refused(&self, what: &str, error: &KafkaError) -> Error {
        translate(&self.settings, what, error)
    }
}
