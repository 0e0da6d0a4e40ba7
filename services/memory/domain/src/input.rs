//! What memory is asked about: operator facts, its own facts, and the four ways in which an experiment ends.

use move37_core::ExperimentId;
use move37_events::Fact;
use move37_events::facts::{AnalystFact, Brief, EngineerFact, ResearcherFact, Spend, Stage, TrainerFact};

/// Memory owes nothing, so nothing comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {}

/// An input of memory.
pub type Input = move37_events::Input<Outcome>;

/// A foreign fact that ends an experiment.
pub(crate) struct End {
    pub(crate) experiment: ExperimentId,
    pub(crate) brief: Option<Brief>,
    pub(crate) spend: Spend,
    pub(crate) how: How,
}

/// How it ended, before memory has placed it.
pub(crate) enum How {
    Insight(Box<move37_events::facts::InsightRecorded>),
    Withdrawn(String),
    Abandoned(String),
    TrainingFailed(String),
}

/// The ending that a foreign fact states, if it states one.
pub(crate) fn end(fact: &Fact) -> Option<End> {
    let unspent = Spend::default();
    let (experiment, brief, spend, how) = match fact {
        Fact::Researcher(ResearcherFact::HypothesisWithdrawn(body)) => {
            (body.experiment, None, unspent, How::Withdrawn(body.why.clone()))
        }
        Fact::Engineer(EngineerFact::ExperimentAbandoned(body)) => {
            (body.experiment, body.brief.clone(), unspent, How::Abandoned(body.why.clone()))
        }
        Fact::Trainer(TrainerFact::TrainingFailed(body)) if body.stage == Stage::Explore => {
            (body.experiment, body.brief.clone(), body.spend, How::TrainingFailed(body.why.clone()))
        }
        Fact::Analyst(AnalystFact::InsightRecorded(body)) => {
            let brief = Some(body.scored.brief.clone());
            (body.experiment, brief, body.scored.spend, How::Insight(Box::new(body.clone())))
        }
        Fact::Campaign(_)
        | Fact::Memory(_)
        | Fact::Researcher(_)
        | Fact::Engineer(_)
        | Fact::Trainer(_)
        | Fact::Run(_)
        | Fact::Analyst(_) => return None,
    };
    Some(End { experiment, brief, spend, how })
}
