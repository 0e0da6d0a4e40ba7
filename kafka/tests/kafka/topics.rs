use std::time::Duration;

use move37_eventlog::conformance::chain;
use move37_eventlog::{Error, EventLog};
use move37_events::{TABLE, Topic};
use move37_kafka::{Finding, KafkaLog, Settings, Topics};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};

use super::broker::Broker;

/// Create a topic as somebody else would.
async fn create(settings: &Settings, name: &str, partitions: i32, set: &[(&str, &str)]) {
    let admin: AdminClient<_> = ClientConfig::new().set("bootstrap.servers", &settings.bootstrap).create().unwrap();
    let name = format!("{}{name}", settings.prefix);
    let new = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
    let new = set.iter().fold(new, |new, (name, value)| new.set(name, value));
    admin.create_topics([&new], &AdminOptions::new()).await.unwrap().remove(0).unwrap();
    // It is answered before the broker tells everybody.
    let topics = Topics::connect(settings.clone()).await.unwrap();
    let is_missing = |missing: Vec<Topic>| missing.iter().any(|topic| name.ends_with(topic.name()));
    let known = async { while is_missing(topics.examine().await.unwrap().missing) {} };
    tokio::time::timeout(Duration::from_secs(30), known).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_cluster_gets_every_topic_and_then_matches() {
    let settings = Broker::shared().await.settings_of_its_own();
    let topics = Topics::connect(settings).await.unwrap();
    let before = topics.examine().await.unwrap();
    assert_eq!(before.missing, TABLE.map(|row| row.topic));
    let replication = topics.usual_replication().await.unwrap();
    assert_eq!(replication, 1, "there is one broker");
    topics.create(&before.missing, replication).await.unwrap();
    let after = topics.examine().await.unwrap();
    assert!(after.missing.is_empty() && after.findings.is_empty(), "{after:?}");
    // Another tool may have been faster.
    topics.create(&before.missing, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_loses_facts_is_found_and_told_from_what_does_not() {
    let settings = Broker::shared().await.settings_of_its_own();
    create(&settings, "move37.memory", 3, &[("retention.ms", "-1"), ("message.timestamp.type", "LogAppendTime")]).await;
    create(&settings, "move37.runs", 12, &[("retention.ms", "1000"), ("cleanup.policy", "compact")]).await;
    let topics = Topics::connect(settings.clone()).await.unwrap();
    let examined = topics.examine().await.unwrap();
    assert_eq!(examined.missing.len(), TABLE.len() - 2);
    let dangers: Vec<_> = examined.findings.iter().filter(|finding| finding.is_dangerous()).cloned().collect();
    let topic = |name: &str| format!("{}{name}", settings.prefix);
    let setting = |name, found: &str, declared| Finding::Setting {
        topic: topic("move37.runs"),
        name,
        found: found.to_owned(),
        declared,
    };
    assert_eq!(
        dangers,
        [
            Finding::Partitions { topic: topic("move37.memory"), found: 3, declared: 12 },
            setting("cleanup.policy", "compact", "delete"),
            setting("retention.ms", "1000", "-1"),
        ]
    );
    let harmless = setting("message.timestamp.type", "CreateTime", "LogAppendTime");
    assert!(examined.findings.contains(&harmless) && !harmless.is_dangerous(), "{examined:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_topic_and_a_misfit_are_told_before_anything_is_written() {
    let settings = Broker::shared().await.settings_of_its_own();
    create(&settings, "move37.runs", 3, &[]).await;
    let log = KafkaLog::connect(settings).await.unwrap();
    let missing = log.append(Topic::Memory, &chain(Topic::Memory, "a", 1)[0]).await.unwrap_err();
    assert!(matches!(missing, Error::NoTopic { .. }), "{missing:?}");
    assert!(missing.to_string().contains("move37.memory: create the topics with `move37 topics apply`"), "{missing}");
    for missing in [log.ends(Topic::Memory).await.err(), log.own(Topic::Memory).await.err()] {
        assert!(matches!(missing, Some(Error::NoTopic { .. })), "{missing:?}");
    }
    let misfit = log.append(Topic::Runs, &chain(Topic::Runs, "a", 1)[0]).await.unwrap_err();
    assert!(matches!(misfit, Error::Misfit { found: 3, declared: 12, .. }), "{misfit:?}");
}
