//! What a client of a cluster must know.

use std::time::Duration;

use move37_events::Topic;
use move37_events::documents::Resource;
use rdkafka::ClientConfig;

/// How owners of a topic find each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// The classic group protocol, cooperative-sticky: any broker.
    Classic,
    /// The protocol of KIP-848: brokers from 4.0 on; its timeouts are the broker's.
    Consumer,
}

/// A cluster and how to use it.
#[derive(Clone, Debug)]
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
    /// Further settings of the client library, for example for TLS.
    pub client: Vec<(String, String)>,
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
            client: Vec::new(),
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
        for (name, value) in &self.client {
            config.set(name, value);
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
