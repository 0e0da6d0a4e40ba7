//! The memory service as a process of its own, on a real broker: stands for all five, which start and end alike.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "process/broker.rs"]
mod broker;
#[path = "process/daemon.rs"]
mod daemon;

use move37_events::Topic;
use move37_kafka::{Config, Topics};

use self::broker::Broker;
use self::daemon::{Daemon, run};

/// An address where nobody listens.
const NOBODY: &str = "127.0.0.1:1";

#[test]
fn a_wrong_configuration_ends_with_code_2_and_one_sentence() {
    let (code, said) = run(&[], &[("MOVE37_KAFKA__BOOTSTRP", "kafka:9092")]);
    assert_eq!(code, Some(2));
    assert_eq!(
        said,
        "error: the environment (MOVE37_KAFKA__BOOTSTRP) sets kafka.bootstrp, which is unknown: write bootstrap, or \
         leave it out\n"
    );
    let (code, said) = run(&["--config", "/nowhere/memory.toml"], &[]);
    assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
    let (code, said) = run(&[], &[("MOVE37_KAFKA__BOOTSTRAP", NOBODY), ("MOVE37_KAFKA__SECURITY__USERNAME", "me")]);
    assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
    assert_eq!(run(&["--unknown"], &[]).0, Some(2));
}

#[test]
fn a_configuration_is_checked_and_shown_without_secrets() {
    let secret = [
        ("MOVE37_KAFKA__BOOTSTRAP", NOBODY),
        ("MOVE37_KAFKA__SECURITY__USERNAME", "me"),
        ("MOVE37_KAFKA__SECURITY__PASSWORD", "hunter2"),
    ];
    let (code, said) = run(&["--check-config"], &secret);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("bootstrap = \"127.0.0.1:1\"") && !said.contains("hunter2"), "{said}");
}

#[test]
fn an_address_in_use_ends_it_with_code_3() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let (code, said) = run(&[], &[("MOVE37_KAFKA__BOOTSTRAP", NOBODY), ("MOVE37_HTTP__LISTEN", &listen)]);
    assert_eq!(code, Some(3));
    assert!(said.ends_with("or set another [http] listen\n"), "{said}");
}

#[test]
fn without_a_broker_it_is_alive_not_ready_and_ends_when_asked() {
    let mut daemon = Daemon::start(&[("MOVE37_KAFKA__BOOTSTRAP", NOBODY), ("MOVE37_KAFKA__ANSWER_SECONDS", "1")]);
    daemon.until("/readyz", |status, body| status == 503 && body.contains("Kafka at 127.0.0.1:1 cannot be reached"));
    assert_eq!(daemon.get("/healthz").0, 200);
    assert!(daemon.get("/metrics").1.contains("\nmove37_live 0\n"));
    assert_eq!(daemon.terminate(), Some(0));
}

#[tokio::test]
async fn on_kafka_it_waits_for_topics_shares_partitions_and_leaves_in_good_order() {
    let broker = Broker::start().await;
    let bootstrap = broker.bootstrap();
    let environment = [("MOVE37_KAFKA__BOOTSTRAP", bootstrap.as_str()), ("MOVE37_KAFKA__SESSION_SECONDS", "6")];
    let mut first = Daemon::start(&environment);
    first.until("/readyz", |status, body| status == 503 && body.contains("move37 topics apply"));

    let topics = Topics::connect(Config::new(&bootstrap).settings().unwrap()).await.unwrap();
    topics.create(&Topic::all().collect::<Vec<_>>(), 1).await.unwrap();
    first.until("/readyz", |status, body| status == 200 && body.contains("\"ready\":true"));
    let all = Topic::Memory.partitions();
    let owns = |n: u32| move |_, body: &str| body.contains(&format!("\nmove37_owned_partitions {n}\n"));
    first.until("/metrics", owns(all));
    assert!(first.get("/metrics").1.contains("\nmove37_live 1\n"));

    let mut second = Daemon::start(&environment);
    second.until("/metrics", owns(all / 2));
    first.until("/metrics", owns(all / 2));
    assert_eq!(first.terminate(), Some(0));
    second.until("/metrics", owns(all));
    second.until("/readyz", |status, _| status == 200);
    assert_eq!(second.terminate(), Some(0));
    let told = second.log();
    assert!(told.contains("left in good order") && !told.contains("ERROR"), "{told}");
}
