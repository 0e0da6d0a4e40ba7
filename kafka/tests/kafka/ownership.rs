use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use move37_eventlog::{Change, EventLog, Ownership};
use move37_events::Topic;
use move37_kafka::{KafkaLog, Membership, Settings};
use tokio::time::timeout;

use super::broker::Broker;

const TOPIC: Topic = Topic::Memory;
const PATIENCE: Duration = Duration::from_secs(60);

/// Bootstrap, prefix and protocol of the owner that runs in a process of its own.
const ELSEWHERE: &str = "MOVE37_TEST_OWNER";

struct Owner {
    ownership: Box<dyn Ownership>,
    owned: BTreeSet<u32>,
}

impl Owner {
    async fn join(settings: &Settings) -> Owner {
        let log = KafkaLog::connect(settings.clone()).await.unwrap();
        Owner { ownership: log.own(TOPIC).await.unwrap(), owned: BTreeSet::new() }
    }

    /// Follow changes, letting go at once.
    async fn step(&mut self) {
        match self.ownership.next().await.unwrap() {
            Change::Gained(partitions) => {
                for partition in partitions {
                    assert!(self.owned.insert(partition), "{partition} was gained twice");
                }
            }
            Change::Lost(partitions, release) => {
                self.owned.retain(|partition| !partitions.contains(partition));
                release.done();
            }
        }
    }

    async fn until(&mut self, reached: impl Fn(usize) -> bool) {
        while !reached(self.owned.len()) {
            timeout(PATIENCE, self.step()).await.unwrap();
        }
    }
}

fn all() -> BTreeSet<u32> {
    (0..TOPIC.partitions()).collect()
}

async fn settings(membership: Membership) -> Settings {
    let mut settings = Broker::shared().await.with_topics(&[TOPIC]).await;
    settings.membership = membership;
    settings
}

async fn two_owners_share_and_one_takes_over(membership: Membership) {
    let settings = settings(membership).await;
    let mut first = Owner::join(&settings).await;
    first.until(|owned| owned == all().len()).await;
    let mut second = Owner::join(&settings).await;
    while [&first, &second].iter().any(|owner| owner.owned.len() != all().len() / 2) {
        let step = async {
            tokio::select! { () = first.step() => {}, () = second.step() => {} }
        };
        timeout(PATIENCE, step).await.unwrap();
    }
    assert_eq!(first.owned.union(&second.owned).copied().collect::<BTreeSet<_>>(), all());
    drop(second);
    first.until(|owned| owned == all().len()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_owners_share_the_partitions_and_one_takes_over_from_the_other() {
    two_owners_share_and_one_takes_over(Membership::Classic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_owners_share_the_partitions_by_kip_848() {
    two_owners_share_and_one_takes_over(Membership::Consumer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_moves_only_when_its_loss_is_answered() {
    let settings = settings(Membership::Classic).await;
    let mut first = Owner::join(&settings).await;
    first.until(|owned| owned == all().len()).await;
    let mut second = Owner::join(&settings).await;
    let Change::Lost(lost, release) = timeout(PATIENCE, first.ownership.next()).await.unwrap().unwrap() else {
        panic!("the first owner gives partitions away")
    };
    // Nothing says that a change never comes; some time without one has to do.
    let early = timeout(Duration::from_millis(1500), second.step()).await;
    assert!(early.is_err() && second.owned.is_empty(), "{:?}", second.owned);
    release.done();
    second.until(|owned| owned == lost.len()).await;
    assert_eq!(second.owned, lost.into_iter().collect());
}

/// An owner in a process of its own, killed by the test below.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_elsewhere() {
    let Ok(told) = std::env::var(ELSEWHERE) else { return };
    let mut told = told.split(' ');
    let mut settings = Settings::new(told.next().unwrap());
    settings.prefix = told.next().unwrap().to_owned();
    settings.session = Duration::from_millis(2000);
    if told.next() == Some("consumer") {
        settings.membership = Membership::Consumer;
    }
    Owner::join(&settings).await.until(|_| false).await;
}

fn owner_elsewhere(settings: &Settings) -> Child {
    let protocol = if settings.membership == Membership::Consumer { "consumer" } else { "classic" };
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kafka::ownership::an_owner_elsewhere", "--nocapture"])
        .env(ELSEWHERE, format!("{} {} {protocol}", settings.bootstrap, settings.prefix))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

async fn a_killed_owner_is_replaced(membership: Membership) {
    let settings = settings(membership).await;
    let mut here = Owner::join(&settings).await;
    here.until(|owned| owned == all().len()).await;
    let mut elsewhere = owner_elsewhere(&settings);
    here.until(|owned| owned == all().len() / 2).await;
    elsewhere.kill().unwrap();
    elsewhere.wait().unwrap();
    here.until(|owned| owned == all().len()).await;
    assert_eq!(here.owned, all());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_partitions_of_a_killed_owner_go_to_the_living() {
    a_killed_owner_is_replaced(Membership::Classic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_partitions_of_a_killed_owner_go_to_the_living_by_kip_848() {
    a_killed_owner_is_replaced(Membership::Consumer).await;
}
