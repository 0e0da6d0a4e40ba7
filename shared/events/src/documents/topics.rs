//! `topics.yaml`: what a cluster must hold.

use super::yaml::{Yaml, map};
use crate::TABLE;

/// Settings of every topic, beside partitions and replication: facts neither expire nor are compacted, and the broker
/// stamps the time.
pub const SETTINGS: [(&str, &str); 6] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    ("message.timestamp.type", "LogAppendTime"),
    ("max.message.bytes", "1048588"),
    ("unclean.leader.election.enable", "false"),
];

/// The topics as a YAML document.
pub fn topics() -> String {
    let settings = || map(SETTINGS.map(|(name, value)| (name, value.into())));
    let topics = TABLE.map(|row| {
        map([
            ("name", row.name.into()),
            ("partitions", row.partitions.into()),
            ("key", row.key.into()),
            ("writer", row.writer.map_or("every role", |role| role.name()).into()),
            ("settings", settings()),
        ])
    });
    map([("topics", Yaml::List(topics.into()))]).document("The topics of Move37; `move37 topics apply` creates them.")
}
