//! A service of the runtime over Kafka: nothing above the port knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use move37_core::{CampaignId, Ctx, Decider, EffectId, ExperimentId, Key, Owed, Rejection, Verdict};
use move37_eventlog::{EventLog, Judge, Position};
use move37_events::facts::{
    CampaignFollowed, CampaignPaused, CommandId, Followed, HypothesisWithdrawn, ResearcherFact,
};
use move37_events::{Fact, FactSet, Input, Topic};
use move37_kafka::{KafkaLog, Membership, Settings};
use move37_runtime::command::issue;
use move37_runtime::{Cancel, Host, Outbox, Running, Service, SystemClock};

use super::broker::Broker;

const PATIENCE: Duration = Duration::from_secs(60);

/// Captures the n-th operator fact, owes a call for it, and records the answer.
#[derive(Default)]
struct Clerk {
    captured: u64,
    answered: BTreeSet<u32>,
}

#[derive(Debug)]
struct Call(u32);

#[derive(Debug)]
struct Answer(u32);

#[derive(Debug, thiserror::Error)]
#[error("a fact before it is missing")]
struct Early;

impl Owed for Call {
    fn id(&self) -> EffectId {
        format!("call {}", self.0)
    }
}

impl Rejection for Early {
    fn is_early(&self) -> bool {
        true
    }
}

impl Decider for Clerk {
    type Input = Input<Answer>;
    type Event = ResearcherFact;
    type Effect = Call;
    type Rejection = Early;

    fn decide(&self, input: &Input<Answer>, _: &Ctx) -> Result<Option<ResearcherFact>, Early> {
        match input {
            Input::Fact { id, fact: Fact::Campaign(_) } if id.sequence == self.captured + 1 => {
                Ok(Some(CampaignFollowed { sequence: id.sequence, what: Followed::Paused }.into()))
            }
            Input::Fact { id, fact: Fact::Campaign(_) } if id.sequence > self.captured => Err(Early),
            Input::Fact { .. } => Ok(None),
            Input::Outcome(Answer(n)) => Ok((!self.answered.contains(n)).then(|| {
                let experiment = ExperimentId(*n);
                HypothesisWithdrawn { experiment, why: "answered".to_owned(), duplicate_of: None }.into()
            })),
        }
    }

    fn evolve(&mut self, event: &ResearcherFact) {
        match event {
            ResearcherFact::CampaignFollowed(body) => self.captured = body.sequence,
            ResearcherFact::HypothesisWithdrawn(body) => assert!(self.answered.insert(body.experiment.0)),
            ResearcherFact::HypothesisProposed(_) => {}
        }
    }

    fn effects(&self) -> Vec<Call> {
        let captured = 1..=u32::try_from(self.captured).unwrap();
        captured.filter(|n| !self.answered.contains(n)).map(Call).collect()
    }
}

/// The clerk as a service that remembers for whom it was called.
struct Office(Arc<Mutex<BTreeSet<Key>>>);

impl Service for Office {
    type Outcome = Answer;
    type Decider = Clerk;
    const INPUTS: &'static [Topic] = &[Topic::Campaigns];

    async fn perform(self: Arc<Self>, key: Key, call: Call, outbox: Outbox<Answer>, _: Cancel) {
        self.0.lock().unwrap().insert(key);
        outbox.send(Answer(call.0));
    }
}

/// One process of the service: a client and a host of its own.
struct Process {
    running: Running,
    called: Arc<Mutex<BTreeSet<Key>>>,
}

impl Process {
    async fn start(settings: &Settings) -> Process {
        let called = Arc::default();
        let host = Host::new(Office(Arc::clone(&called)), connect(settings).await, Arc::new(SystemClock));
        let mut running = host.start();
        running.live().await;
        Process { running, called }
    }

    fn called(&self) -> BTreeSet<Key> {
        std::mem::take(&mut self.called.lock().unwrap())
    }
}

async fn connect(settings: &Settings) -> Arc<dyn EventLog> {
    Arc::new(KafkaLog::connect(settings.clone()).await.unwrap())
}

/// A campaign for each partition.
fn campaigns() -> Vec<Key> {
    let topic = ResearcherFact::TOPIC;
    let mut found = BTreeMap::new();
    for n in 0.. {
        let key: Key = format!("c{n}").parse().unwrap();
        found.entry(topic.partition(&key)).or_insert(key);
        if found.len() == topic.partitions() as usize {
            break;
        }
    }
    found.into_values().collect()
}

async fn order(log: &Arc<dyn EventLog>, campaign: &Key, command: &str) {
    let campaign: CampaignId = campaign.as_str().parse().unwrap();
    let fact = CampaignPaused { command: CommandId(command.to_owned()) };
    issue(log, &SystemClock, &campaign, fact.into()).await.unwrap();
}

/// The first `n` facts of a campaign's chain, in short.
async fn told(log: &Arc<dyn EventLog>, campaign: &Key, n: usize) -> Vec<String> {
    let topic = ResearcherFact::TOPIC;
    let from = Position { topic, partition: topic.partition(campaign), offset: 0 };
    let mut reader = log.read(vec![from]).await.unwrap();
    let (mut judge, mut told) = (Judge::default(), Vec::new());
    while told.len() < n {
        let batch = tokio::time::timeout(PATIENCE, reader.next()).await;
        let batch = batch.unwrap_or_else(|_| panic!("{campaign}: {told:?} is all of {n} facts")).unwrap();
        for stored in batch {
            let judged = judge.judge(stored).unwrap();
            if judged.verdict == Verdict::Won && judged.record.envelope.id.key == *campaign {
                told.push(match ResearcherFact::read(&judged.record.envelope.fact, &judged.record.body).unwrap() {
                    ResearcherFact::CampaignFollowed(body) => format!("captured {}", body.sequence),
                    ResearcherFact::HypothesisWithdrawn(body) => format!("answered {}", body.experiment.0),
                    ResearcherFact::HypothesisProposed(_) => "proposed".to_owned(),
                });
            }
        }
    }
    told
}

fn story(orders: usize) -> Vec<String> {
    (1..=orders).flat_map(|n| [format!("captured {n}"), format!("answered {n}")]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_goes_on_where_it_stopped() {
    let settings = Broker::shared().await.with_topics(&[Topic::Campaigns, Topic::Researcher]).await;
    let log = connect(&settings).await;
    let campaign = campaigns().remove(0);
    order(&log, &campaign, "one").await;
    let first = Process::start(&settings).await;
    assert_eq!(told(&log, &campaign, 2).await, story(1));
    first.running.drain().await;
    order(&log, &campaign, "two").await;
    let second = Process::start(&settings).await;
    assert_eq!(told(&log, &campaign, 4).await, story(2));
    assert_eq!(second.called().len(), 1);
    second.running.drain().await;
}

async fn two_processes_share_the_campaigns(membership: Membership) {
    let mut settings = Broker::shared().await.with_topics(&[Topic::Campaigns, Topic::Researcher]).await;
    settings.membership = membership;
    let log = connect(&settings).await;
    let campaigns = campaigns();
    let order_all = async |command: &str, orders: usize| {
        for campaign in &campaigns {
            order(&log, campaign, command).await;
        }
        for campaign in &campaigns {
            assert_eq!(told(&log, campaign, 2 * orders).await, story(orders), "{campaign}");
        }
    };

    let first = Process::start(&settings).await;
    order_all("one", 1).await;
    assert_eq!(first.called().len(), campaigns.len());

    let second = Process::start(&settings).await;
    order_all("two", 2).await;
    let (by_first, by_second) = (first.called(), second.called());
    assert!(!by_first.is_empty() && !by_second.is_empty(), "{by_first:?} {by_second:?}");
    assert_eq!(by_first.union(&by_second).count(), campaigns.len());

    // As a crash would end it.
    drop(second.running);
    order_all("three", 3).await;
    assert_eq!(first.called().len(), campaigns.len());
    first.running.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_the_campaigns_and_one_takes_over() {
    two_processes_share_the_campaigns(Membership::Classic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_the_campaigns_by_kip_848() {
    two_processes_share_the_campaigns(Membership::Consumer).await;
}
