//! Three brokers of which one or two are killed: what was acknowledged stays, in its order, and work goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use move37_core::{Head, Recorded};
use move37_eventlog::conformance::record;
use move37_eventlog::{Error, EventLog, Position};
use move37_events::Topic;
use move37_kafka::{KafkaLog, Settings};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::broker::Broker;

const TOPIC: Topic = Topic::Memory;
const KEY: &str = "a";
const PATIENCE: Duration = Duration::from_secs(120);

/// Appends one chain without end, each record again until it is acknowledged.
struct Appender {
    acknowledged: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Vec<(Recorded, u64)>>,
}

impl Appender {
    fn start(log: KafkaLog) -> Appender {
        let acknowledged = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = watch::channel(false);
        let count = Arc::clone(&acknowledged);
        let task = tokio::spawn(async move {
            let (mut head, mut done) = (Head::default(), Vec::new());
            while !*stopped.borrow() {
                let next = record(TOPIC, KEY, head, format!("[{}]", done.len()).as_bytes());
                let position = loop {
                    match log.append(TOPIC, &next).await {
                        Ok(position) => break position,
                        Err(Error::Unacknowledged { .. }) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                };
                head = Head::after(&next);
                done.push((next, position.offset));
                count.fetch_add(1, Ordering::Relaxed);
            }
            done
        });
        Appender { acknowledged, stop, task }
    }

    /// Wait until `n` more records are acknowledged.
    async fn progress(&self, n: u64) {
        let goal = self.acknowledged.load(Ordering::Relaxed) + n;
        let reached = async {
            while self.acknowledged.load(Ordering::Relaxed) < goal {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, reached).await.expect("appending goes on");
    }

    async fn end(self) -> Vec<(Recorded, u64)> {
        self.stop.send(true).unwrap();
        timeout(PATIENCE, self.task).await.unwrap().unwrap()
    }
}

fn start_of(key: &str) -> Position {
    Position { topic: TOPIC, partition: TOPIC.partition(&key.parse().unwrap()), offset: 0 }
}

/// What a reader gets from the start to `end`.
async fn read_to(log: KafkaLog, end: u64) -> Vec<(Recorded, u64)> {
    let mut reader = log.read(vec![start_of(KEY)]).await.unwrap();
    let mut got = Vec::new();
    while got.last().is_none_or(|&(_, offset)| offset + 1 < end) {
        let batch = timeout(PATIENCE, reader.next()).await.expect("reading goes on").unwrap();
        got.extend(batch.into_iter().map(|stored| {
            let offset = stored.offset;
            (stored.parse().unwrap(), offset)
        }));
    }
    got.retain(|&(_, offset)| offset < end);
    got
}

/// The broker that leads the appender's partition.
async fn leader(settings: &Settings) -> usize {
    let settings = settings.clone();
    let ask = move || {
        let mut config = ClientConfig::new();
        let consumer: BaseConsumer = config.set("bootstrap.servers", &settings.bootstrap).create().unwrap();
        let name = format!("{}{TOPIC}", settings.prefix);
        let metadata = consumer.fetch_metadata(Some(&name), Duration::from_secs(30)).unwrap();
        let partition = start_of(KEY).partition.cast_signed();
        metadata.topics()[0].partitions().iter().find(|found| found.id() == partition).unwrap().leader()
    };
    usize::try_from(tokio::task::spawn_blocking(ask).await.unwrap()).unwrap()
}

/// Every record of the log is in its place, and each acknowledged one is where its acknowledgement said.
fn nothing_is_lost(acknowledged: &[(Recorded, u64)], read: &[(Recorded, u64)]) {
    assert!(read.iter().map(|&(_, offset)| offset).eq(0..read.len() as u64), "offsets are dense");
    for (record, offset) in acknowledged {
        assert_eq!(&read[usize::try_from(*offset).unwrap()].0, record);
    }
    // A record that was appended again may lie there twice, yet first come first: that is the chain's order.
    let mut seen: Vec<&Recorded> = Vec::new();
    for (record, _) in read {
        if !seen.contains(&record) {
            seen.push(record);
        }
    }
    assert!(seen.iter().zip(acknowledged).all(|(seen, (record, _))| *seen == record), "in the order of the appends");
    assert!(seen.len() >= acknowledged.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_brokers_any_one_may_die_and_of_two_nothing_is_lost() {
    let broker = Broker::three().await;
    let mut settings = broker.with_topics(&[TOPIC]).await;
    settings.delivery = Duration::from_secs(5);
    let log = KafkaLog::connect(settings.clone()).await.unwrap();
    let reading = {
        let log = KafkaLog::connect(settings.clone()).await.unwrap();
        // It lives through everything below; one record more than all of it tells the end.
        tokio::spawn(async move {
            let mut reader = log.read(vec![start_of(KEY)]).await.unwrap();
            let mut got = Vec::new();
            loop {
                for stored in reader.next().await.unwrap() {
                    if stored.body == b"end" {
                        return got;
                    }
                    let offset = stored.offset;
                    got.push((stored.parse().unwrap(), offset));
                }
            }
        })
    };
    let appender = Appender::start(log.clone());
    appender.progress(20).await;

    // The leader of the partition dies.
    let first = leader(&settings).await;
    let (second, third) = (first % 3 + 1, (first + 1) % 3 + 1);
    broker.kill(first);
    appender.progress(20).await;

    // With one of three, no append is acknowledged, and says so in finite time.
    broker.kill(second);
    let other = record(TOPIC, "b", Head::default(), b"[]");
    let refused = async {
        loop {
            // The first ones may still have been on their way.
            if let Err(error) = log.append(TOPIC, &other).await {
                return error;
            }
        }
    };
    let refused = timeout(PATIENCE, refused).await.unwrap();
    assert!(matches!(refused, Error::Unacknowledged { seconds: 5, .. }), "{refused:?}");

    // Back again, they take over from the third: so each has died once, the active controller among them.
    broker.revive(first);
    broker.revive(second);
    broker.wait_for(3).await;
    appender.progress(20).await;
    broker.kill(third);
    appender.progress(20).await;

    let acknowledged = appender.end().await;
    let end = record(TOPIC, KEY, Head::default(), b"end");
    let end = loop {
        if let Ok(position) = log.append(TOPIC, &end).await {
            break position.offset;
        }
    };
    let lived_through = timeout(PATIENCE, reading).await.unwrap().unwrap();
    nothing_is_lost(&acknowledged, &lived_through);
    let afterwards = read_to(log, end).await;
    assert_eq!(afterwards, lived_through);
    println!("{} records were acknowledged, {} lie there", acknowledged.len(), afterwards.len());
}
