//! How fast the adapter appends and reads, as a ratio to Kafka's own `ProducerPerformance` and `ConsumerPerformance`.
//!
//! ```text
//! bash kafka/broker/start.sh &
//! cargo run -p move37-kafka --example throughput -- --kafka localhost:9092 [--records 100000] [--pairs 9]
//! ```
//!
//! In alternating pairs on one broker. Both sides append with acks=all, idempotence, lz4, the same linger and batch
//! size, to topics with the same settings and partitions, records of the same sizes (headers counted) after the same
//! warm-up; both read the same records. Without `--kafka-libs`, the jars are those that start.sh has fetched.
#![expect(clippy::unwrap_used, reason = "a tool of developers: a failure ends it")]

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use move37_core::{Head, Recorded};
use move37_eventlog::conformance::record;
use move37_eventlog::{EventLog, Position};
use move37_events::Topic;
use move37_kafka::{Config, KafkaLog, Topics};

const TOPIC: Topic = Topic::Memory;

/// Appends that wait for their acknowledgement at the same time.
const IN_FLIGHT: usize = 4000;

/// Different records; they are appended in turn.
const DIFFERENT: usize = 1024;

/// Sizes of bodies in bytes: mostly small facts, some exchanges, few programs.
const SIZES: [usize; 8] = [300, 400, 500, 600, 800, 1200, 4000, 12_000];

struct Arguments {
    kafka: String,
    records: usize,
    pairs: usize,
    libs: PathBuf,
}

#[tokio::main]
async fn main() {
    let arguments = arguments();
    println!("{}", machine());
    let records: Arc<Vec<Recorded>> = Arc::new((0..DIFFERENT).map(make).collect());
    let folder = tempfile::tempdir().unwrap();
    let payloads = folder.path().join("payloads");
    std::fs::write(&payloads, records.iter().map(as_payload).collect::<Vec<_>>().join("\n")).unwrap();

    let (mut appends, mut reads) = (Vec::new(), Vec::new());
    println!("pair   append: ours  theirs  ratio     read: ours  theirs  ratio   (records per second)");
    for pair in 1..=arguments.pairs {
        let (ours, theirs) = (prepare(&arguments, pair, "ours").await, prepare(&arguments, pair, "theirs").await);
        // Who goes first changes, so that neither gains from it.
        let (append, read);
        if pair % 2 == 0 {
            let us = append_ours(&ours, &records, &arguments).await;
            append = (us, append_theirs(&theirs, &payloads, &arguments));
            let us = read_ours(&ours, &arguments).await;
            read = (us, read_theirs(&ours, &arguments));
        } else {
            let them = append_theirs(&theirs, &payloads, &arguments);
            append = (append_ours(&ours, &records, &arguments).await, them);
            let them = read_theirs(&ours, &arguments);
            read = (read_ours(&ours, &arguments).await, them);
        }
        println!(
            "{pair:4} {:14.0} {:7.0} {:6.2} {:14.0} {:7.0} {:6.2}",
            append.0,
            append.1,
            append.0 / append.1,
            read.0,
            read.1,
            read.0 / read.1
        );
        appends.push(append.0 / append.1);
        reads.push(read.0 / read.1);
    }
    for (what, ratios) in [("append", appends), ("read", reads)] {
        // Of fewer than six pairs, not even the extremes hold the median with 95 %.
        let kind = if ratios.len() < 6 { "extremes" } else { "95 % interval" };
        let (low, median, high) = interval(ratios);
        println!("{what:6} ours / theirs: median {median:.2}, {kind} {low:.2} to {high:.2}");
    }
}

/// A topic of its own for a side of a pair.
struct Side {
    log: KafkaLog,
    topic: String,
}

async fn prepare(arguments: &Arguments, pair: usize, side: &str) -> Side {
    let mut settings = Config::new(&arguments.kafka).settings().unwrap();
    settings.prefix = format!("throughput.{}.{pair}.{side}.", std::process::id());
    let topics = Topics::connect(settings.clone()).await.unwrap();
    topics.create(&[TOPIC], topics.usual_replication().await.unwrap()).await.unwrap();
    let topic = format!("{}{TOPIC}", settings.prefix);
    Side { log: KafkaLog::connect(settings).await.unwrap(), topic }
}

fn warm_up(arguments: &Arguments) -> usize {
    arguments.records / 4
}

async fn append_ours(side: &Side, records: &Arc<Vec<Recorded>>, arguments: &Arguments) -> f64 {
    let append = async |n: usize| {
        let next = Arc::new(AtomicUsize::new(0));
        let begun = Instant::now();
        let tasks: Vec<_> = (0..IN_FLIGHT)
            .map(|_| {
                let (log, records, next) = (side.log.clone(), Arc::clone(records), Arc::clone(&next));
                tokio::spawn(async move {
                    while let i = next.fetch_add(1, Ordering::Relaxed)
                        && i < n
                    {
                        log.append(TOPIC, &records[i % DIFFERENT]).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        n as f64 / begun.elapsed().as_secs_f64()
    };
    append(warm_up(arguments)).await;
    append(arguments.records).await
}

fn append_theirs(side: &Side, payloads: &std::path::Path, arguments: &Arguments) -> f64 {
    let (all, warm_up) = (arguments.records + warm_up(arguments), warm_up(arguments));
    let mut tool = java(arguments, "org.apache.kafka.tools.ProducerPerformance");
    tool.args(["--bootstrap-server", &arguments.kafka, "--topic", &side.topic, "--throughput", "-1"]);
    tool.args(["--num-records", &all.to_string(), "--warmup-records", &warm_up.to_string()]);
    tool.arg("--payload-file").arg(payloads).arg("--command-property");
    tool.args(["acks=all", "enable.idempotence=true", "linger.ms=1", "compression.type=lz4", "batch.size=1000000"]);
    tool.args(["buffer.memory=134217728"]);
    let said = run(tool);
    // The last line: "100000 records sent, 51234.5 records/sec (…".
    let line = said.lines().rev().find(|line| line.contains("records sent") && line.contains("99.9th")).unwrap();
    let rate = line.split(", ").find(|part| part.contains("records/sec")).unwrap();
    rate.split_whitespace().next().unwrap().parse().unwrap()
}

async fn read_ours(side: &Side, arguments: &Arguments) -> f64 {
    let from = (0..TOPIC.partitions()).map(|partition| Position { topic: TOPIC, partition, offset: 0 }).collect();
    let begun = Instant::now();
    let mut reader = side.log.read(from).await.unwrap();
    let (mut count, all) = (0, arguments.records + warm_up(arguments));
    while count < all {
        count += reader.next().await.unwrap().len();
    }
    count as f64 / begun.elapsed().as_secs_f64()
}

fn read_theirs(side: &Side, arguments: &Arguments) -> f64 {
    let all = arguments.records + warm_up(arguments);
    let mut tool = java(arguments, "org.apache.kafka.tools.ConsumerPerformance");
    tool.args(["--bootstrap-server", &arguments.kafka, "--topic", &side.topic, "--hide-header"]);
    tool.args(["--num-records", &all.to_string(), "--command-property", "check.crcs=false"]);
    let said = run(tool);
    // The last field of the line of figures: records per second without the time for joining the group.
    let line = said.lines().rev().find(|line| line.split(", ").count() == 10).unwrap();
    line.split(", ").last().unwrap().trim().parse().unwrap()
}

fn java(arguments: &Arguments, class: &str) -> Command {
    let mut command = Command::new("java");
    command.arg("-Xmx512m").arg("-cp").arg(format!("{}/*", arguments.libs.display())).arg(class);
    command
}

fn run(mut command: Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// The n-th record: keys spread over the partitions, bodies of words, as compressible as facts are.
fn make(n: usize) -> Recorded {
    const WORDS: [&str; 8] = ["attention", "gated", "delta", "mixer", "\"loss\":", "0.731", "convolution", "state"];
    let mut state = n as u64 + 1;
    let mut body = String::from("{");
    while body.len() < SIZES[n % SIZES.len()] {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = WORDS[(state >> 33) as usize % WORDS.len()];
        write!(body, "{word} {:x},", (state >> 48) as u16).unwrap();
    }
    record(TOPIC, &format!("campaign-{}", n / SIZES.len()), Head::default(), body.as_bytes())
}

/// The same bytes as one text, for a tool that knows no headers.
fn as_payload(record: &Recorded) -> String {
    let mut text = record.envelope.id.key.to_string();
    record.envelope.headers().iter().for_each(|(name, value)| text.extend([name.as_str(), value.as_str()]));
    text + std::str::from_utf8(&record.body).unwrap()
}

/// Lower end, median and upper end: order statistics that hold the median with at least 95 %, or the extremes.
fn interval(mut ratios: Vec<f64>) -> (f64, f64, f64) {
    ratios.sort_by(f64::total_cmp);
    let n = ratios.len();
    // The chance that at most `k` of n fair coins show heads.
    let tail = |k: usize| {
        let mut term = 0.5_f64.powi(i32::try_from(n).unwrap());
        let mut sum = term;
        for i in 0..k {
            term *= (n - i) as f64 / (i + 1) as f64;
            sum += term;
        }
        sum
    };
    let cut = (0..n / 2).take_while(|&k| 2.0 * tail(k) <= 0.05).count().saturating_sub(1);
    let median = (ratios[(n - 1) / 2] + ratios[n / 2]) / 2.0;
    (ratios[cut], median, ratios[n - 1 - cut])
}

fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let load = read("/proc/loadavg");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = load.split(' ').next().unwrap_or("?");
    format!("machine: {} cores of {}, load {load} before the run", cores, model.trim_start_matches([' ', '\t', ':']))
}

fn arguments() -> Arguments {
    let usage = "usage: throughput --kafka HOST:PORT [--records N] [--pairs N] [--kafka-libs DIR]";
    let mut given = Arguments { kafka: String::new(), records: 100_000, pairs: 9, libs: PathBuf::new() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().expect(usage);
        match word.as_str() {
            "--kafka" => given.kafka = value,
            "--records" => given.records = value.parse().expect(usage),
            "--pairs" => given.pairs = value.parse().expect(usage),
            "--kafka-libs" => given.libs = value.into(),
            _ => panic!("{usage}"),
        }
    }
    assert!(!given.kafka.is_empty(), "{usage}");
    if given.libs.as_os_str().is_empty() {
        // `<target>/debug/examples/throughput` is where cargo runs it from.
        let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
        let libs = std::fs::read_dir(target).unwrap().map(|entry| entry.unwrap().path());
        let mut libs = libs.filter(|path| path.is_dir() && path.to_string_lossy().contains("kafka-libs-"));
        given.libs = libs.next().expect("kafka/broker/start.sh has fetched the jars");
    }
    given
}
