//! `acls.yaml`: who may do what (L8). What is not listed is denied.

use std::fmt;

use super::yaml::{Yaml, list, map};
use crate::{Role, TABLE, Topic, inputs_of};

/// Something that rights are given on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A topic.
    Topic(Topic),
    /// The consumer group in which a topic's owners share its partitions; named as the topic.
    Owners(Topic),
    /// The consumer group, without members, to which a role commits how far it has dealt with its inputs.
    Inputs(Role),
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
    /// Whether it is a topic; the others are groups.
    pub fn is_topic(self) -> bool {
        matches!(self, Resource::Topic(_))
    }

    /// The resource's name on a cluster whose topics have no prefix.
    pub fn name(self) -> &'static str {
        match self {
            Resource::Topic(topic) | Resource::Owners(topic) => topic.name(),
            Resource::Inputs(role) => match role {
                Role::Operator => "move37.operator.inputs",
                Role::Memory => "move37.memory.inputs",
                Role::Researcher => "move37.researcher.inputs",
                Role::Engineer => "move37.engineer.inputs",
                Role::Trainer => "move37.trainer.inputs",
                Role::Worker => "move37.worker.inputs",
                Role::Analyst => "move37.analyst.inputs",
            },
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
            let (reads, writes) = (row.is_read_by(role), row.is_written_by(role));
            let mut operations = Vec::new();
            if reads {
                operations.extend([Operation::Describe, Operation::Read]);
            }
            if writes {
                operations.push(Operation::Write);
            }
            if !operations.is_empty() {
                all.push(Access { role, resource: Resource::Topic(row.topic), operations });
            }
        }
        let owned = TABLE.iter().filter(|row| row.writer == Some(role)).map(|row| Resource::Owners(row.topic));
        let inputs = (!inputs_of(role).is_empty()).then_some(Resource::Inputs(role));
        let groups = owned.chain(inputs).chain([Resource::Readers]);
        all.extend(groups.map(|resource| Access { role, resource, operations: vec![Operation::Read] }));
    }
    all
}

/// The access rules as a YAML document.
pub fn acls() -> String {
    let all = accesses();
    let users = Role::ALL.map(|role| {
        let allow = all.iter().filter(|access| access.role == role).map(|access| {
            let kind = if access.resource.is_topic() { "topic" } else { "group" };
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
    fn everyone_reads_dead_letters() {
        assert!(Role::ALL.into_iter().all(|role| may(role, Topic::DeadLetters, Operation::Read)));
    }

    #[test]
    fn a_role_commits_for_itself_alone() {
        for access in accesses() {
            if let Resource::Inputs(role) = access.resource {
                assert_eq!((access.role, access.operations), (role, vec![Operation::Read]));
                assert_eq!(access.resource.name(), format!("move37.{role}.inputs"));
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
