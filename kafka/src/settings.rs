//! What a client of a cluster must know.

use std::time::Duration;

use move37_events::documents::Resource;
use move37_events::{Role, Topic};
use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// How owners of a topic find each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Membership {
    /// The classic group protocol, cooperative-sticky: any broker.
    #[default]
    Classic,
    /// The protocol of KIP-848: brokers from 4.0 on; its timeouts are the broker's.
    Consumer,
}

/// How a user proves who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Mechanism {
    /// SCRAM with SHA-512: the brokers never see the password.
    #[default]
    ScramSha512,
    /// SCRAM with SHA-256.
    ScramSha256,
    /// The password itself; by TLS only.
    Plain,
}

impl Mechanism {
    /// Kafka's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::Plain => "PLAIN",
        }
    }
}

impl TryFrom<String> for Mechanism {
    type Error = String;

    fn try_from(name: String) -> Result<Mechanism, String> {
        let known = [Mechanism::ScramSha512, Mechanism::ScramSha256, Mechanism::Plain];
        let found = known.into_iter().find(|mechanism| mechanism.name() == name);
        found.ok_or_else(|| format!("the mechanism {name} is unknown: use SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN"))
    }
}

impl From<Mechanism> for String {
    fn from(mechanism: Mechanism) -> String {
        mechanism.name().to_owned()
    }
}

/// TLS and user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// TLS, where the brokers want it.
    pub tls: Option<Tls>,
    /// The user, where they want one.
    pub login: Option<Login>,
}

/// A connection by TLS; PEM files by path, so that each new client sees renewed ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates of the authorities that may vouch for a broker; without it, those of this machine.
    pub authorities: Option<String>,
    /// Who we are, where brokers ask for a certificate.
    pub identity: Option<Identity>,
}

/// A certificate of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate's file.
    pub certificate: String,
    /// The file of its private key.
    pub key: String,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Name.
    pub username: String,
    /// Password.
    pub password: Secret,
    /// How it is proved.
    pub mechanism: Mechanism,
}

/// A cluster and how to use it; shown, it shows no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Brokers as `host:port`, separated by commas.
    pub bootstrap: String,
    /// Before every topic and group; empty but where systems share a cluster.
    pub prefix: String,
    /// How owners find each other.
    pub membership: Membership,
    /// After this silence an owner of the classic protocol has died.
    pub session: Duration,
    /// How long a question to the brokers may take.
    pub answer: Duration,
    /// How long an append may take, restarts of brokers included.
    pub delivery: Duration,
    /// How long an owner may take to let go of partitions before they are given away regardless.
    pub release: Duration,
    /// TLS and user.
    pub security: Security,
}

impl Settings {
    /// A cluster with the settings that suit a service.
    pub fn new(bootstrap: impl Into<String>) -> Settings {
        Settings {
            bootstrap: bootstrap.into(),
            prefix: String::new(),
            membership: Membership::Classic,
            session: Duration::from_secs(10),
            answer: Duration::from_secs(10),
            delivery: Duration::from_secs(60),
            release: Duration::from_secs(60),
            security: Security::default(),
        }
    }

    /// The cluster as errors name it.
    pub(crate) fn name(&self) -> String {
        format!("Kafka at {}", self.bootstrap)
    }

    /// A topic's full name.
    pub(crate) fn topic(&self, topic: Topic) -> String {
        self.resource(Resource::Topic(topic))
    }

    /// A resource's full name.
    pub(crate) fn resource(&self, resource: Resource) -> String {
        format!("{}{}", self.prefix, resource.name())
    }

    /// What all clients have in common.
    fn common(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("client.id", "move37")
            .set("allow.auto.create.topics", "false")
            .set("reconnect.backoff.max.ms", "1000");
        let Security { tls, login } = &self.security;
        config.set(
            "security.protocol",
            match (tls.is_some(), login.is_some()) {
                (false, false) => "plaintext",
                (true, false) => "ssl",
                (false, true) => "sasl_plaintext",
                (true, true) => "sasl_ssl",
            },
        );
        if let Some(tls) = tls {
            tls.authorities.iter().for_each(|file| _ = config.set("ssl.ca.location", file));
            if let Some(Identity { certificate, key }) = &tls.identity {
                config.set("ssl.certificate.location", certificate).set("ssl.key.location", key);
            }
        }
        if let Some(Login { username, password, mechanism }) = login {
            config
                .set("sasl.mechanisms", mechanism.name())
                .set("sasl.username", username)
                .set("sasl.password", password.reveal());
        }
        config
    }

    pub(crate) fn administration(&self) -> ClientConfig {
        self.common()
    }

    pub(crate) fn producer(&self) -> ClientConfig {
        let mut config = self.common();
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("linger.ms", "1")
            .set("compression.codec", "lz4")
            // As the topics have it; a body of the largest size and its headers fit.
            .set("message.max.bytes", "1048576")
            .set("delivery.timeout.ms", self.delivery.as_millis().to_string());
        config
    }

    pub(crate) fn reader(&self) -> ClientConfig {
        let mut config = self.consumer(Resource::Readers);
        config
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "20")
            .set("fetch.error.backoff.ms", "50")
            // A full queue is what reading a history looks like; the usual second would be most of its time.
            .set("fetch.queue.backoff.ms", "5")
            .set("queued.max.messages.kbytes", "16384");
        config
    }

    pub(crate) fn owner(&self, topic: Topic) -> ClientConfig {
        let mut config = self.consumer(Resource::Owners(topic));
        config.set("auto.offset.reset", "latest");
        match self.membership {
            Membership::Consumer => config.set("group.protocol", "consumer"),
            Membership::Classic => config
                .set("group.protocol", "classic")
                .set("partition.assignment.strategy", "cooperative-sticky")
                .set("session.timeout.ms", self.session.as_millis().to_string())
                .set("heartbeat.interval.ms", (self.session / 4).as_millis().to_string()),
        };
        config
    }

    pub(crate) fn committer(&self, role: Role) -> ClientConfig {
        let mut config = self.consumer(Resource::Inputs(role));
        // It never joins; this bounds how long a commit waits for the group's broker.
        config.set("session.timeout.ms", "6000");
        config
    }

    fn consumer(&self, group: Resource) -> ClientConfig {
        let mut config = self.common();
        config
            .set("group.id", self.resource(group))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed");
        config
    }
}
