//! `asyncapi.yaml`: AsyncAPI 3.0 with its Kafka binding 0.5.0.

use std::collections::BTreeMap;

use super::topics::SETTINGS;
use super::yaml::{Yaml, list, map};
use crate::{FactRow, Role, TABLE, TopicRow};

/// The AsyncAPI document.
pub fn asyncapi() -> String {
    let facts: BTreeMap<_, _> = TABLE.iter().flat_map(|row| row.facts).map(|fact| (id(fact), fact)).collect();
    map([
        ("asyncapi", "3.0.0".into()),
        (
            "info",
            map([
                ("title", "Move37".into()),
                ("version", env!("CARGO_PKG_VERSION").into()),
                (
                    "description",
                    "Every fact of a discovery campaign, as CloudEvents 1.0 in Kafka's binary mode.".into(),
                ),
                ("license", map([("name", "Apache-2.0".into())])),
            ]),
        ),
        ("defaultContentType", "application/json".into()),
        ("channels", map(TABLE.iter().map(|row| (channel_id(row), channel(row))))),
        ("operations", map(TABLE.iter().flat_map(operations))),
        (
            "components",
            map([
                ("messages", map(facts.iter().map(|(id, fact)| (id.clone(), message(id, fact))))),
                ("schemas", map([("headers", headers())])),
            ]),
        ),
    ])
    .document("The streams of Move37 for those who attach to them.")
}

fn id(fact: &FactRow) -> String {
    format!("{}.v{}", fact.name, fact.version)
}

/// Channel ids without dots, as the specification's identifiers are.
fn channel_id(row: &TopicRow) -> String {
    row.name.trim_start_matches("move37.").replace('-', "_")
}

fn reference(path: String) -> Yaml {
    map([("$ref", path.into())])
}

fn channel(row: &TopicRow) -> Yaml {
    let named = |name: &str| SETTINGS.iter().find(|(setting, _)| *setting == name).map(|(_, value)| *value);
    let mut configuration = vec![("cleanup.policy", list(named("cleanup.policy")))];
    for name in ["retention.ms", "retention.bytes", "max.message.bytes"] {
        let value = named(name).and_then(|value| value.parse().ok());
        configuration.extend(value.map(|value: i64| (name, Yaml::Integer(value))));
    }
    map([
        ("address", row.name.into()),
        ("description", format!("Record key: {}.", row.key).into()),
        (
            "messages",
            map(row.facts.iter().map(|fact| (id(fact), reference(format!("#/components/messages/{}", id(fact)))))),
        ),
        (
            "bindings",
            map([(
                "kafka",
                map([
                    ("topic", row.name.into()),
                    ("partitions", row.partitions.into()),
                    ("topicConfiguration", map(configuration)),
                    ("bindingVersion", "0.5.0".into()),
                ]),
            )]),
        ),
    ])
}

/// One operation for the writer, one for each reader.
fn operations(row: &TopicRow) -> Vec<(String, Yaml)> {
    let channel = channel_id(row);
    let operation = |action: &str, role: Role| {
        let value = map([
            ("action", action.into()),
            ("title", format!("{role} {action}s").into()),
            ("channel", reference(format!("#/channels/{channel}"))),
        ]);
        (format!("{role}_{action}s_{channel}"), value)
    };
    let senders: Vec<Role> = row.writer.map_or_else(|| Role::ALL.to_vec(), |writer| vec![writer]);
    let sends = senders.into_iter().map(|role| operation("send", role));
    let receivers = Role::ALL.into_iter().filter(|role| row.writer.is_none() || row.readers.contains(role));
    sends.chain(receivers.map(|role| operation("receive", role))).collect()
}

fn message(id: &str, fact: &FactRow) -> Yaml {
    map([
        ("name", format!("move37.{id}").into()),
        ("title", fact.name.into()),
        ("headers", reference("#/components/schemas/headers".to_owned())),
        (
            "payload",
            map([
                ("schemaFormat", "application/schema+json;version=2020-12".into()),
                ("schema", reference(format!("./schemas/{id}.json"))),
            ]),
        ),
    ])
}

/// The CloudEvents attributes of every fact.
fn headers() -> Yaml {
    let needed = [
        "content-type",
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_time",
        "ce_sequence",
        "ce_previoushash",
    ];
    let optional = ["ce_subject", "ce_causationid", "ce_correlationid", "ce_traceparent"];
    let text = || map([("type", "string".into())]);
    map([
        ("type", "object".into()),
        ("required", list(needed)),
        ("properties", map(needed.into_iter().chain(optional).map(|name| (name, text())))),
    ])
}
