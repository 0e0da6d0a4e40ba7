//! `acls.yaml`: who may do what (L8). What is not listed is denied.

use std::fmt;

use super::yaml::{Yaml, list, map};
use crate::{Role, TABLE, Topic};

/// Something that rights are given on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A topic.
    Topic(Topic),
    /// The consumer group in which a topic's owners share its partitions; named as the topic.
    Owners(Topic),
    /// The consumer group that readers name; nothing is ever committed to it.
    Readers,
}

/// What may be done, in Kafka's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Kafka's own operations")]
pub enum Operation {
    Describe,
    Read,
    Write,
}

/// A role's rights on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Who.
    pub role: Role,
    /// On what.
    pub resource: Resource,
    /// Which.
    pub operations: Vec<Operation>,
}

impl Resource {
    /// The resource's name on a cluster whose topics have no prefix.
    pub fn name(self) -> &'static str {
        match self {
            Resource::Topic(topic) | Resource::Owners(topic) => topic.name(),
            Resource::Readers => "move37.readers",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Every right of every role, by role.
pub fn accesses() -> Vec<Access> {
    let mut all = Vec::new();
    for role in Role::ALL {
        for row in TABLE {
            let writes = row.writer.is_none_or(|writer| writer == role);
            let reads = row.writer == Some(role) || row.readers.contains(&role) || role == Role::Operator;
            let mut operations = Vec::new();
            if reads || writes {
                operations.push(Operation::Describe);
            }
            if reads {
                operations.push(Operation::Read);
            }
            if writes {
                operations.push(Operation::Write);
            }
            if !operations.is_empty() {
                all.push(Access { role, resource: Resource::Topic(row.topic), operations });
            }
        }
        let owned = TABLE.iter().filter(|row| row.writer == Some(role)).map(|row| Resource::Owners(row.topic));
        let groups = owned.chain([Resource::Readers]);
        all.extend(groups.map(|resource| Access { role, resource, operations: vec![Operation::Read] }));
    }
    all
}

/// The access rules as a YAML document.
pub fn acls() -> String {
    let all = accesses();
    let users = Role::ALL.map(|role| {
        let allow = all.iter().filter(|access| access.role == role).map(|access| {
            let kind = match access.resource {
                Resource::Topic(_) => "topic",
                Resource::Owners(_) | Resource::Readers => "group",
            };
            let operations = list(access.operations.iter().map(Operation::to_string));
            map([(kind, access.resource.name().into()), ("operations", operations)])
        });
        map([("user", role.name().into()), ("allow", Yaml::List(allow.collect()))])
    });
    map([("users", Yaml::List(users.into()))]).document("Who may do what; what is not listed is denied.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(role: Role, topic: Topic, operation: Operation) -> bool {
        accesses().iter().any(|access| {
            access.role == role && access.resource == Resource::Topic(topic) && access.operations.contains(&operation)
        })
    }

    #[test]
    fn only_the_owner_writes_a_journal_and_everyone_dead_letters() {
        for row in TABLE {
            for role in Role::ALL {
                let expected = row.writer == Some(role) || row.topic == Topic::DeadLetters;
                assert_eq!(may(role, row.topic, Operation::Write), expected, "{role} {}", row.topic);
            }
        }
    }

    #[test]
    fn a_worker_reads_its_orders_and_no_prompts() {
        assert!(may(Role::Worker, Topic::Trainer, Operation::Read));
        assert!(!may(Role::Worker, Topic::Researcher, Operation::Read));
        assert!(!may(Role::Worker, Topic::Researcher, Operation::Describe));
    }
}
