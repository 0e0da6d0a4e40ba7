//! Single faults of the crash command, each with a test of its own: a real broker behind the proxy.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use move37_core::{Chains, Head, Key, Recorded, Timestamp, Verdict};
use move37_eventlog::{EventLog, History};
use move37_events::facts::{CampaignFact, CampaignPaused, CommandId};
use move37_events::{FactSet, Topic};
use move37_kafka::{Config, KafkaLog, Topics};
use move37_tests::proxy::{Fault, Proxy};
use move37_tests::system::{Brokers, free_ports};

/// Longest wait for a broker: on a fresh machine it is fetched first.
const PATIENCE: Duration = Duration::from_secs(600);

fn records(count: usize) -> Vec<Recorded> {
    let (key, source): (Key, _) = ("c".parse().unwrap(), CampaignFact::ROLE.source());
    let mut head = Head::default();
    let record = |number| {
        let fact: CampaignFact = CampaignPaused { command: CommandId(format!("pause-{number}")) }.into();
        let mut envelope = head.next(&key, &source, fact.fact_type(), Timestamp::from_millis(number as u64));
        envelope.campaign = fact.campaign(&key);
        let record = Recorded { envelope, body: fact.body() };
        head = Head::after(&record);
        record
    };
    (0..count).map(record).collect()
}

/// A broker that was killed may have forgotten the last appends of a producer but one, and then refuses them when they
/// are sent again: the client library gives its producer up.
#[tokio::test(flavor = "multi_thread")]
async fn an_append_outlasts_its_producer() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let directory = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let advertised = free_ports(1).unwrap();
    let mut brokers = Brokers::start(directory.path(), target, &advertised).unwrap();
    let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let proxy = Proxy::start(at(advertised[0]), at(brokers.ports()[0]), Arc::new(|_| None)).await.unwrap();
    brokers.answer_within(PATIENCE).await.unwrap();
    let mut config = Config::new(brokers.bootstrap());
    config.answer_seconds = 60;
    let settings = config.settings().unwrap();
    Topics::connect(settings.clone()).await.unwrap().create(&[Topic::Campaigns], 1).await.unwrap();
    let log = KafkaLog::connect(settings).await.unwrap();
    let records = records(3);
    log.append(Topic::Campaigns, &records[0]).await.unwrap();

    let rule = proxy.begin(None, Fault::DisorderAppends);
    let (appending, second) = (log.clone(), records[1].clone());
    let append = tokio::spawn(async move { appending.append(Topic::Campaigns, &second).await });
    let begun = Instant::now();
    while proxy.tally().disordered.load(Ordering::Relaxed) == 0 {
        assert!(begun.elapsed() < PATIENCE, "no append is answered");
        tokio::task::yield_now().await;
    }
    proxy.end(rule);
    append.await.unwrap().unwrap();
    log.append(Topic::Campaigns, &records[2]).await.unwrap();

    let mut history = History::of_topics(&log, [Topic::Campaigns]).await.unwrap();
    let mut chains = Chains::default();
    let mut facts = Vec::new();
    while let Some(batch) = history.next().await.unwrap() {
        let records = batch.into_iter().map(|stored| stored.parse().unwrap());
        facts.extend(records.filter(|record| chains.offer(record) == Verdict::Won));
    }
    assert_eq!(facts, records);
}
