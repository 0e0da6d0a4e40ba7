//! From an input to at most one fact: state a hypothesis, or withdraw.

use move37_core::{Ctx, Decider, ExperimentId};
use move37_events::Fact;
use move37_events::facts::{
    Basis, Campaign, Design, HypothesisProposed, HypothesisWithdrawn, MemoryFact, ParentSampled, ResearcherFact,
};

use crate::effects::Effect;
use crate::grammar::{self, Known, Sampled};
use crate::input::Input;
use crate::published;
use crate::state::Researcher;

/// Why an input made no fact. All of the researcher's are early: they wait for what comes first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// An operator's fact came before an earlier one.
    #[error("{0}")]
    OutOfOrder(#[from] move37_events::OutOfOrder),
    /// The campaign's start was not captured yet.
    #[error("the campaign of experiment {0} is not followed yet")]
    NotFollowedYet(ExperimentId),
}

impl move37_core::Rejection for Rejection {
    fn is_early(&self) -> bool {
        match self {
            Rejection::OutOfOrder(_) | Rejection::NotFollowedYet(_) => true,
        }
    }
}

impl Decider for Researcher {
    type Input = Input;
    type Event = ResearcherFact;
    type Effect = Effect;
    type Rejection = Rejection;

    fn decide(&self, input: &Input, _ctx: &Ctx) -> Result<Option<ResearcherFact>, Rejection> {
        match input {
            Input::Outcome(outcome) => match *outcome {},
            Input::Fact { id, fact: Fact::Campaign(fact) } => {
                Ok(self.following.decide(id.sequence, fact)?.map(ResearcherFact::from))
            }
            Input::Fact { fact: Fact::Memory(MemoryFact::ParentSampled(sampled)), .. } => self.answer(sampled),
            Input::Fact { fact: Fact::Memory(_) | Fact::Researcher(_) | Fact::Engineer(_), .. }
            | Input::Fact { fact: Fact::Trainer(_) | Fact::Run(_) | Fact::Analyst(_), .. } => Ok(None),
        }
    }

    fn evolve(&mut self, event: &ResearcherFact) {
        self.fold(event);
    }

    fn effects(&self) -> Vec<Effect> {
        Vec::new()
    }
}

impl Researcher {
    fn answer(&self, sampled: &ParentSampled) -> Result<Option<ResearcherFact>, Rejection> {
        let experiment = sampled.experiment;
        if self.answered.contains(&experiment) {
            return Ok(None);
        }
        let campaign = self.following.campaign().ok_or(Rejection::NotFollowedYet(experiment))?;
        if let Some(reason) = self.following.stopped() {
            let why = format!("the campaign was stopped: {reason}");
            return Ok(Some(HypothesisWithdrawn { experiment, why, duplicate_of: None }.into()));
        }
        Ok(Some(match &sampled.basis {
            Basis::Seed { index, baseline } => seed(experiment, campaign, *index, *baseline),
            Basis::Evolve { parent, references, lessons, .. } => {
                let sampled = Sampled { experiment, parent, references, lessons };
                let known = Known { first_with: &|genome| self.first_with(genome), names: &self.names };
                match grammar::propose(campaign, &sampled, &known) {
                    Ok(proposal) => {
                        let design = Design::Grammar { parent: parent.program, genome: proposal.genome };
                        HypothesisProposed { experiment, brief: proposal.brief, design }.into()
                    }
                    Err(exhausted) => HypothesisWithdrawn {
                        experiment,
                        why: exhausted.to_string(),
                        duplicate_of: exhausted.duplicate_of,
                    }
                    .into(),
                }
            }
        }))
    }
}

fn seed(experiment: ExperimentId, campaign: &Campaign, index: u32, baseline: bool) -> ResearcherFact {
    match campaign.programs.get(index as usize) {
        Some(program) => {
            let brief = published::brief(program, baseline, campaign);
            HypothesisProposed { experiment, brief, design: Design::Seed { index } }.into()
        }
        None => {
            let why = format!("the campaign has no seed program {index}");
            HypothesisWithdrawn { experiment, why, duplicate_of: None }.into()
        }
    }
}
