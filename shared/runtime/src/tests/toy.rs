//! Toy rules over real facts. The n-th operator fact is captured, then asked about (two own facts, one story); an
//! effect answers it. Memory's mention of n is early until n is captured.

use std::collections::BTreeSet;

use move37_core::{CampaignId, Ctx, Decider, EffectId, ExperimentId, Key, Owed, Recorded, Rejection, Timestamp};
use move37_events::facts::{
    CampaignFact, CampaignFollowed, CampaignPaused, CommandId, Followed, HypothesisWithdrawn, MemoryFact,
    ResearcherFact,
};
use move37_events::{Fact, FactSet, Input};
use serde::{Deserialize, Serialize};

const ANSWERED: u32 = 1_000;
const MENTIONED: u32 = 2_000;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Toy {
    pub(super) captured: u64,
    pub(super) asked: BTreeSet<u32>,
    pub(super) answered: BTreeSet<u32>,
    pub(super) mentioned: BTreeSet<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) to: u32,
    pub(super) text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call(pub(super) u32);

#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("not known yet")]
    Early,
    #[error("never asked")]
    Unasked,
}

impl Owed for Call {
    fn id(&self) -> EffectId {
        format!("call {}", self.0)
    }
}

impl Rejection for Refusal {
    fn is_early(&self) -> bool {
        matches!(self, Refusal::Early)
    }
}

impl Decider for Toy {
    type Input = Input<Answer>;
    type Event = ResearcherFact;
    type Effect = Call;
    type Rejection = Refusal;

    fn decide(&self, input: &Input<Answer>, _: &Ctx) -> Result<Option<ResearcherFact>, Refusal> {
        match input {
            Input::Fact { id, fact: Fact::Campaign(_) } => match id.sequence {
                n if n <= self.captured => Ok(None),
                n if n == self.captured + 1 => Ok(Some(captured(n))),
                _ => Err(Refusal::Early),
            },
            Input::Fact { fact: Fact::Researcher(ResearcherFact::CampaignFollowed(body)), .. } => {
                let n = u32::try_from(body.sequence).unwrap();
                Ok((!self.asked.contains(&n)).then(|| noted(n, "asked")))
            }
            Input::Fact { fact: Fact::Memory(MemoryFact::CampaignFollowed(body)), .. } => {
                let n = u32::try_from(body.sequence).unwrap();
                match body.sequence > self.captured {
                    true => Err(Refusal::Early),
                    false => Ok((!self.mentioned.contains(&n)).then(|| noted(MENTIONED + n, "mentioned"))),
                }
            }
            Input::Fact { .. } => Ok(None),
            Input::Outcome(Answer { to, .. }) if !self.asked.contains(to) => Err(Refusal::Unasked),
            Input::Outcome(Answer { to, .. }) if self.answered.contains(to) => Ok(None),
            Input::Outcome(Answer { to, text }) => Ok(Some(noted(ANSWERED + to, text))),
        }
    }

    fn evolve(&mut self, event: &ResearcherFact) {
        match event {
            ResearcherFact::CampaignFollowed(body) => self.captured = body.sequence,
            ResearcherFact::HypothesisWithdrawn(body) => match body.experiment.0 {
                n if n > MENTIONED => assert!(self.mentioned.insert(n - MENTIONED), "mentioned twice"),
                n if n > ANSWERED => assert!(self.answered.insert(n - ANSWERED), "answered twice"),
                n => assert!(self.asked.insert(n), "asked twice"),
            },
            ResearcherFact::HypothesisProposed(_) => {}
        }
    }

    fn effects(&self) -> Vec<Call> {
        self.asked.difference(&self.answered).copied().map(Call).collect()
    }
}

pub(super) fn captured(n: u64) -> ResearcherFact {
    CampaignFollowed { sequence: n, what: Followed::Paused }.into()
}

pub(super) fn noted(n: u32, why: &str) -> ResearcherFact {
    HypothesisWithdrawn { experiment: ExperimentId(n), why: why.to_owned(), duplicate_of: None }.into()
}

pub(super) fn order(command: &str) -> CampaignFact {
    CampaignPaused { command: CommandId(command.to_owned()) }.into()
}

pub(super) fn mention(n: u64) -> MemoryFact {
    CampaignFollowed { sequence: n, what: Followed::Paused }.into()
}

pub(super) fn key() -> Key {
    "c".parse().unwrap()
}

pub(super) fn campaign() -> CampaignId {
    "c".parse().unwrap()
}

/// A chain of facts as its writer would record it.
pub(super) fn chain<F: FactSet>(facts: impl IntoIterator<Item = F>) -> Vec<(Recorded, F)> {
    let mut head = move37_core::Head::default();
    let record = |fact: F| {
        let mut envelope = head.next(&key(), &F::ROLE.source(), fact.fact_type(), Timestamp::from_millis(1));
        envelope.campaign = Some(campaign());
        let record = Recorded { envelope, body: fact.body() };
        head = move37_core::Head::after(&record);
        (record, fact)
    };
    facts.into_iter().map(record).collect()
}

/// What a log of own facts says, in short.
pub(super) fn short(fact: &ResearcherFact) -> String {
    match fact {
        ResearcherFact::CampaignFollowed(body) => format!("captured {}", body.sequence),
        ResearcherFact::HypothesisWithdrawn(body) => match body.experiment.0 {
            n if n > MENTIONED => format!("mentioned {}", n - MENTIONED),
            n if n > ANSWERED => format!("answered {}", n - ANSWERED),
            n => format!("asked {n}"),
        },
        ResearcherFact::HypothesisProposed(_) => unreachable!("the toy proposes nothing"),
    }
}
