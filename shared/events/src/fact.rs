//! Facts as values: any fact of any topic, and the inputs that deciders see.

use move37_core::{CampaignId, EventId, FactType, Key, Recorded};

use crate::facts::{AnalystFact, CampaignFact, EngineerFact, MemoryFact, ResearcherFact, RunFact, TrainerFact};
use crate::{DecodeError, Role, Topic};

/// The facts of one topic.
pub trait FactSet: Sized + Clone {
    /// The topic that holds them.
    const TOPIC: Topic;
    /// Who writes them.
    const ROLE: Role;

    /// Type and newest version of this fact.
    fn fact_type(&self) -> FactType;

    /// What it is about: the envelope's subject.
    fn subject(&self) -> Option<String>;

    /// The campaign it belongs to, given its record key; none for what concerns a worker alone.
    fn campaign(&self, key: &Key) -> Option<CampaignId>;

    /// The stored body.
    fn body(&self) -> Vec<u8>;

    /// Read a stored body of any version, bringing old ones up to date.
    ///
    /// # Errors
    /// The type is unknown or newer than this build, or the body does not fit.
    fn read(fact: &FactType, body: &[u8]) -> Result<Self, DecodeError>;
}

/// Any fact of any topic.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "one variant per topic")]
pub enum Fact {
    Campaign(CampaignFact),
    Memory(MemoryFact),
    Researcher(ResearcherFact),
    Engineer(EngineerFact),
    Trainer(TrainerFact),
    Run(RunFact),
    Analyst(AnalystFact),
}

macro_rules! facts_of_topics {
    ($( $variant:ident($set:ident) ),+) => {
        $( impl From<$set> for Fact {
            fn from(fact: $set) -> Fact {
                Fact::$variant(fact)
            }
        } )+
    };
}

facts_of_topics!(
    Campaign(CampaignFact),
    Memory(MemoryFact),
    Researcher(ResearcherFact),
    Engineer(EngineerFact),
    Trainer(TrainerFact),
    Run(RunFact),
    Analyst(AnalystFact)
);

impl Fact {
    /// Read a record of a topic.
    ///
    /// # Errors
    /// As [`FactSet::read`]; dead letters are no facts and read as unknown; [`DeadLetter::read`](crate::DeadLetter::read) reads them.
    pub fn read(topic: Topic, record: &Recorded) -> Result<Fact, DecodeError> {
        let (fact, body) = (&record.envelope.fact, &record.body[..]);
        match topic {
            Topic::Campaigns => CampaignFact::read(fact, body).map(Fact::Campaign),
            Topic::Memory => MemoryFact::read(fact, body).map(Fact::Memory),
            Topic::Researcher => ResearcherFact::read(fact, body).map(Fact::Researcher),
            Topic::Engineer => EngineerFact::read(fact, body).map(Fact::Engineer),
            Topic::Trainer => TrainerFact::read(fact, body).map(Fact::Trainer),
            Topic::Runs => RunFact::read(fact, body).map(Fact::Run),
            Topic::Analyst => AnalystFact::read(fact, body).map(Fact::Analyst),
            Topic::DeadLetters => Err(DecodeError::Unknown { topic, fact: fact.clone() }),
        }
    }
}

/// What a service's rules are asked about.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<O> {
    /// A fact, foreign or own, with its name.
    Fact {
        /// Its name.
        id: EventId,
        /// What it states.
        fact: Fact,
    },
    /// The outcome of an owed effect.
    Outcome(O),
}
