//! Making a cluster's access rules and users match the table.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use move37_eventlog::Error;
use move37_events::Role;
use move37_events::documents::{self, Resource, accesses};
use rdkafka::consumer::Consumer;
use tokio::time::sleep;

use crate::admin::{self, Kind, Operation, Pattern, Permission, Rule};
use crate::client::Client;
use crate::config::{ConfigError, read_password};
use crate::secret::Secret;
use crate::settings::Settings;

/// How often the brokers are asked whether they know of new rules.
const POLL: Duration = Duration::from_millis(20);

/// The access rules and users of a cluster. It needs a user who may alter the cluster.
pub struct Access {
    settings: Arc<Settings>,
    client: Client,
}

/// How a cluster's access rules differ from the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Rights of the table that the cluster does not give.
    pub missing: Vec<Right>,
    /// Rules about Move37's topics and groups that the table does not have.
    pub foreign: Vec<Right>,
}

/// An access rule; shown as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Right(Rule);

impl Access {
    /// Connect to a cluster.
    ///
    /// # Errors
    /// No broker answers, or it does not let us in.
    pub async fn connect(settings: Settings) -> Result<Access, Error> {
        let settings = Arc::new(settings);
        let client = Client::new(Arc::clone(&settings))?;
        client.partitions(None).await?;
        Ok(Access { settings, client })
    }

    /// Compare the cluster with the table.
    ///
    /// # Errors
    /// The brokers do not answer or refuse.
    pub async fn examine(&self) -> Result<Rights, Error> {
        let found =
            self.client.ask(RULES, |consumer, patience| admin::describe_rules(consumer.client(), patience)).await?;
        let declared = self.declared();
        let missing = declared.iter().filter(|rule| !found.contains(rule)).cloned().map(Right).collect();
        let declared: HashSet<_> = declared.into_iter().collect();
        let is_foreign = |rule: &Rule| !declared.contains(rule) && self.covers_ours(rule);
        let foreign = found.into_iter().filter(is_foreign).map(Right).collect();
        Ok(Rights { missing, foreign })
    }

    /// Give rights, and wait until they hold.
    ///
    /// # Errors
    /// The brokers do not answer or refuse.
    pub async fn grant(&self, rights: &[Right]) -> Result<(), Error> {
        if rights.is_empty() {
            return Ok(());
        }
        let rules: Vec<Rule> = rights.iter().map(|right| right.0.clone()).collect();
        let create = move |consumer: &_, patience| admin::create_rules(Consumer::client(consumer), &rules, patience);
        self.client.ask(RULES, create).await?;
        self.wait_until(|now| rights.iter().all(|right| !now.missing.contains(right))).await
    }

    /// Take away rules that [`Access::examine`] found foreign, and wait until they are gone. Rules that also concern
    /// other systems (a wildcard, a prefix shorter than ours) are left; what was taken away is returned.
    ///
    /// # Errors
    /// The brokers do not answer or refuse.
    pub async fn prune(&self, foreign: &[Right]) -> Result<Vec<Right>, Error> {
        let ours: Vec<Right> = foreign.iter().filter(|right| self.concerns_only_ours(&right.0)).cloned().collect();
        if ours.is_empty() {
            return Ok(ours);
        }
        let rules: Vec<Rule> = ours.iter().map(|right| right.0.clone()).collect();
        let delete = move |consumer: &_, patience| admin::delete_rules(Consumer::client(consumer), &rules, patience);
        self.client.ask(RULES, delete).await?;
        self.wait_until(|now| ours.iter().all(|right| !now.foreign.contains(right))).await?;
        Ok(ours)
    }

    /// Make users who log in by SCRAM-SHA-512, or give them new passwords.
    ///
    /// # Errors
    /// The brokers do not answer or refuse.
    pub async fn set_passwords(&self, users: &[(Role, Secret)]) -> Result<(), Error> {
        if users.is_empty() {
            return Ok(());
        }
        let users: Vec<_> = users.iter().map(|(role, password)| (role.name().to_owned(), password.clone())).collect();
        let set = move |consumer: &_, patience| admin::set_passwords(Consumer::client(consumer), &users, patience);
        self.client.ask("users", set).await
    }

    /// The rules of the table.
    fn declared(&self) -> Vec<Rule> {
        let each = accesses().into_iter().flat_map(|access| {
            let (kind, name) = (kind(access.resource), self.settings.resource(access.resource));
            access.operations.into_iter().map(move |operation| Rule {
                kind,
                name: name.clone(),
                pattern: Pattern::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
                principal: principal(access.role),
                host: "*".to_owned(),
                operation: match operation {
                    documents::Operation::Describe => Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE,
                    documents::Operation::Read => Operation::RD_KAFKA_ACL_OPERATION_READ,
                    documents::Operation::Write => Operation::RD_KAFKA_ACL_OPERATION_WRITE,
                },
                permission: Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
            })
        });
        each.collect()
    }

    /// What the names of our topics and groups begin with.
    fn stem(&self) -> String {
        format!("{}move37.", self.settings.prefix)
    }

    /// Whether a rule is about a topic or group of ours, maybe among others.
    fn covers_ours(&self, rule: &Rule) -> bool {
        if !matches!(rule.kind, Kind::RD_KAFKA_RESOURCE_TOPIC | Kind::RD_KAFKA_RESOURCE_GROUP) {
            return false;
        }
        match rule.pattern {
            Pattern::RD_KAFKA_RESOURCE_PATTERN_PREFIXED => {
                self.stem().starts_with(&rule.name) || rule.name.starts_with(&self.stem())
            }
            _ => rule.name == "*" || rule.name.starts_with(&self.stem()),
        }
    }

    fn concerns_only_ours(&self, rule: &Rule) -> bool {
        rule.name.starts_with(&self.stem()) && rule.operation != Operation::RD_KAFKA_ACL_OPERATION_UNKNOWN
    }

    /// A change is answered before every broker knows of it.
    async fn wait_until(&self, holds: impl Fn(&Rights) -> bool) -> Result<(), Error> {
        let begun = Instant::now();
        while !holds(&self.examine().await?) {
            if begun.elapsed() > self.settings.answer {
                let detail = "they have not taken effect".to_owned();
                return Err(Error::Refused { log: self.settings.name(), what: RULES.to_owned(), detail });
            }
            sleep(POLL).await;
        }
        Ok(())
    }
}

/// What is asked about, as errors name it.
const RULES: &str = "access rules";

fn kind(resource: Resource) -> Kind {
    if resource.is_topic() { Kind::RD_KAFKA_RESOURCE_TOPIC } else { Kind::RD_KAFKA_RESOURCE_GROUP }
}

fn principal(role: Role) -> String {
    format!("User:{}", role.name())
}

/// The passwords in a folder, each in a file named after its user; hidden files and folders are passed over.
///
/// # Errors
/// The folder or a file cannot be read, a file is empty, or its name is no role's.
pub fn passwords(folder: &Path) -> Result<Vec<(Role, Secret)>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { key: "--passwords", path: folder.into(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || path.is_dir() {
            continue;
        }
        let role = Role::ALL.into_iter().find(|role| role.name() == name);
        let role = role.ok_or_else(|| ConfigError::NoUser { path: path.clone() })?;
        found.push((role, read_password(&path)?));
    }
    found.sort_by_key(|(role, _)| role.name());
    Ok(found)
}

impl Right {
    /// Whether a rule that the table does not have lets somebody write facts, delete them, or take partitions from
    /// their owners. Reading is only worth knowing.
    pub fn is_dangerous(&self) -> bool {
        let Right(rule) = self;
        let only_reads = matches!(
            rule.operation,
            Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE | Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS
        ) || (rule.operation == Operation::RD_KAFKA_ACL_OPERATION_READ
            && rule.kind == Kind::RD_KAFKA_RESOURCE_TOPIC);
        rule.permission != Permission::RD_KAFKA_ACL_PERMISSION_TYPE_DENY && !only_reads
    }
}

impl fmt::Display for Right {
    /// For example `User:memory may Write topic move37.memory`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Right(rule) = self;
        let may = match rule.permission {
            Permission::RD_KAFKA_ACL_PERMISSION_TYPE_DENY => "may not",
            _ => "may",
        };
        let kind = match rule.kind {
            Kind::RD_KAFKA_RESOURCE_TOPIC => "topic",
            _ => "group",
        };
        let all = match (rule.pattern, rule.name.as_str()) {
            (Pattern::RD_KAFKA_RESOURCE_PATTERN_PREFIXED, _) => "s that begin with",
            (_, "*") => "s",
            _ => "",
        };
        write!(f, "{} {may} {} {kind}{all} {}", rule.principal, words(rule.operation), rule.name)?;
        match rule.host.as_str() {
            "*" => Ok(()),
            host => write!(f, " from {host}"),
        }
    }
}

/// Kafka's word for an operation.
fn words(operation: Operation) -> &'static str {
    match operation {
        Operation::RD_KAFKA_ACL_OPERATION_ALL | Operation::RD_KAFKA_ACL_OPERATION_ANY => "do anything to",
        Operation::RD_KAFKA_ACL_OPERATION_READ => "Read",
        Operation::RD_KAFKA_ACL_OPERATION_WRITE => "Write",
        Operation::RD_KAFKA_ACL_OPERATION_CREATE => "Create",
        Operation::RD_KAFKA_ACL_OPERATION_DELETE => "Delete",
        Operation::RD_KAFKA_ACL_OPERATION_ALTER => "Alter",
        Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE => "Describe",
        Operation::RD_KAFKA_ACL_OPERATION_CLUSTER_ACTION => "ClusterAction",
        Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS => "DescribeConfigs",
        Operation::RD_KAFKA_ACL_OPERATION_ALTER_CONFIGS => "AlterConfigs",
        Operation::RD_KAFKA_ACL_OPERATION_IDEMPOTENT_WRITE => "IdempotentWrite",
        Operation::RD_KAFKA_ACL_OPERATION_UNKNOWN | Operation::RD_KAFKA_ACL_OPERATION__CNT => {
            "do what this build does not know to"
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn passwords_lie_in_files_named_after_their_users() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("memory"), "one\n").unwrap();
        fs::write(folder.path().join("analyst"), "two").unwrap();
        fs::write(folder.path().join(".hidden"), "").unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        let expected = vec![(Role::Analyst, Secret::new("two")), (Role::Memory, Secret::new("one"))];
        assert_eq!(passwords(folder.path()).unwrap(), expected);
        fs::write(folder.path().join("memroy"), "three").unwrap();
        let error = passwords(folder.path()).unwrap_err().to_string();
        assert!(error.contains("memroy") && error.contains("operator, memory"), "{error}");
    }
}
