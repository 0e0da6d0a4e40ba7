//! `asyncapi.yaml`: AsyncAPI 3.0 with its Kafka binding 0.5.0.

use std::collections::BTreeMap;

use super::topics::SETTINGS;
use super::yaml::{Yaml, list, map};
use crate::{FactRow, Role, TABLE, TopicRow};

/// Version of the Kafka binding.
const BINDING: &str = "0.5.0";

/// The AsyncAPI document.
pub fn asyncapi() -> String {
    // Services share `campaign.followed`; its key is the same on all their topics.
    let facts = TABLE.iter().flat_map(|row| row.facts.iter().map(move |fact| (id(fact), (row, fact))));
    let facts: BTreeMap<_, _> = facts.collect();
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
                ("messages", map(facts.iter().map(|(id, (row, fact))| (id.clone(), message(id, row, fact))))),
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
        (
            "description",
            format!("Record key: {}. Partition: (murmur2(key) & 0x7fffffff) % {}.", row.key, row.partitions).into(),
        ),
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
                    ("bindingVersion", BINDING.into()),
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

fn message(id: &str, row: &TopicRow, fact: &FactRow) -> Yaml {
    let name = format!("move37.{id}");
    let own = map([("properties", map([("ce_type", map([("const", name.clone().into())]))]))]);
    map([
        ("name", name.into()),
        ("title", fact.name.into()),
        ("headers", map([("allOf", Yaml::List(vec![reference("#/components/schemas/headers".to_owned()), own]))])),
        (
            "payload",
            map([
                ("schemaFormat", "application/schema+json;version=2020-12".into()),
                ("schema", reference(format!("./schemas/{id}.json"))),
            ]),
        ),
        ("bindings", map([("kafka", map([("key", key_schema(row)), ("bindingVersion", BINDING.into())]))])),
    ])
}

/// The record key: what the partition follows from.
fn key_schema(row: &TopicRow) -> Yaml {
    map([("type", "string".into()), ("description", row.key.into()), ("pattern", NAME.into())])
}

/// A header: its name, whether every fact has it, what its value looks like, what it says.
type Header = (&'static str, bool, Form, &'static str);

/// What a header's value looks like.
enum Form {
    Constant(&'static str),
    Pattern(&'static str),
    Time,
    Text,
}

const NAME: &str = "^[a-zA-Z0-9._-]{1,100}$";
const EVENT: &str = "^[a-zA-Z0-9._-]{1,100}/[a-zA-Z0-9._-]{1,100}/[1-9][0-9]*$";

/// The CloudEvents attributes, in the order that the chain hash uses.
const HEADERS: [Header; 12] = [
    ("content-type", true, Form::Constant("application/json"), "Media type of the body."),
    ("ce_specversion", true, Form::Constant("1.0"), "Version of CloudEvents."),
    ("ce_id", true, Form::Pattern(EVENT), "Name of the fact: key/source/sequence."),
    ("ce_source", true, Form::Pattern(NAME), "The role that wrote it."),
    (
        "ce_type",
        true,
        Form::Pattern(r"^move37\.[a-z._]+\.v[1-9][0-9]*$"),
        "What it states, and the version of its schema.",
    ),
    ("ce_time", true, Form::Time, "When its input was received."),
    ("ce_sequence", true, Form::Pattern("^[1-9][0-9]*$"), "Its place in the chain of its key and source."),
    (
        "ce_previoushash",
        true,
        Form::Pattern("^[0-9a-f]{64}$"),
        "BLAKE3 of the chain's fact before it; zeros for the first.",
    ),
    ("ce_subject", false, Form::Text, "The experiment or run that it is about."),
    ("ce_causationid", false, Form::Pattern(EVENT), "The fact that it follows from."),
    ("ce_correlationid", false, Form::Pattern(NAME), "The campaign."),
    ("ce_traceparent", false, Form::Text, "W3C trace context of the decision."),
];

fn headers() -> Yaml {
    let property = |(name, _, form, about): &Header| {
        let form = match form {
            Form::Constant(value) => Some(("const", Yaml::from(*value))),
            Form::Pattern(pattern) => Some(("pattern", (*pattern).into())),
            Form::Time => Some(("format", "date-time".into())),
            Form::Text => None,
        };
        let value = [("type", "string".into())].into_iter().chain(form).chain([("description", (*about).into())]);
        (*name, map(value))
    };
    let needed = HEADERS.iter().filter(|(_, is_needed, ..)| *is_needed).map(|(name, ..)| *name);
    map([
        ("type", "object".into()),
        ("description", "CloudEvents 1.0 attributes of a fact, as UTF-8 texts.".into()),
        ("required", list(needed)),
        ("properties", map(HEADERS.iter().map(property))),
    ])
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use move37_core::{FactType, Head, Timestamp};

    use super::*;

    #[test]
    fn the_headers_are_those_of_an_envelope_in_its_order() {
        let fact = FactType { name: "budget.set".to_owned(), version: 1 };
        let writer = "operator".parse().unwrap();
        let mut envelope = Head::default().next(&"c".parse().unwrap(), &writer, fact, Timestamp::default());
        envelope.subject = Some("1".to_owned());
        envelope.cause = Some(envelope.id.clone());
        envelope.campaign = Some("c".parse().unwrap());
        envelope.traceparent = Some("00-0-0-0".to_owned());
        let written: Vec<_> = envelope.headers().into_iter().map(|(name, _)| name).collect();
        assert_eq!(written, HEADERS.map(|(name, ..)| name));
    }
}
