//! From an input to at most one fact: propose a program, admit or refuse it, or give the experiment up.

use move37_core::{Ctx, Decider, ExperimentId, Hash};
use move37_events::Fact;
use move37_events::facts::{
    Brief, Campaign, CodeDiffProposed, Design, EngineerFact, ExperimentAbandoned, HypothesisProposed, ResearcherFact,
};
use move37_events::genome::Genome;

use crate::diff;
use crate::effects::Effect;
use crate::input::{Input, Outcome};
use crate::render::{self, Base};
use crate::state::{Engineer, Experiment};

/// Why an input made no fact. All of the engineer's are early: they wait for what comes first.
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

impl Decider for Engineer {
    type Input = Input;
    type Event = EngineerFact;
    type Effect = Effect;
    type Rejection = Rejection;

    fn decide(&self, input: &Input, _ctx: &Ctx) -> Result<Option<EngineerFact>, Rejection> {
        match input {
            Input::Fact { id, fact: Fact::Campaign(fact) } => {
                Ok(self.following.decide(id.sequence, fact)?.map(EngineerFact::from))
            }
            Input::Fact { fact: Fact::Researcher(ResearcherFact::HypothesisProposed(hypothesis)), .. } => {
                self.propose(hypothesis)
            }
            Input::Fact { fact: Fact::Engineer(_), .. } => Ok(self.give_up()),
            Input::Fact { fact: Fact::Researcher(_) | Fact::Memory(_) | Fact::Trainer(_), .. }
            | Input::Fact { fact: Fact::Run(_) | Fact::Analyst(_), .. } => Ok(None),
            Input::Outcome(Outcome::Gated { experiment, attempt, report }) => {
                let (Some(Experiment::Proposed(proposed)), Some(campaign)) =
                    (self.experiment(*experiment), self.following.campaign())
                else {
                    return Ok(None);
                };
                let current = proposed.attempt == *attempt && self.following.stopped().is_none();
                Ok(current.then(|| self.verdict(proposed, campaign, report)))
            }
        }
    }

    fn evolve(&mut self, event: &EngineerFact) {
        self.fold(event);
    }

    fn effects(&self) -> Vec<Effect> {
        self.owed()
    }
}

/// A program for a hypothesis, before it is compared with others.
struct Draft {
    source: String,
    genome: Option<Genome>,
    parent: Option<Hash>,
    baseline: bool,
}

impl Engineer {
    /// Write the program of a hypothesis, or say why there is none.
    fn propose(&self, hypothesis: &HypothesisProposed) -> Result<Option<EngineerFact>, Rejection> {
        let experiment = hypothesis.experiment;
        if self.experiment(experiment).is_some() {
            return Ok(None);
        }
        let campaign = self.following.campaign().ok_or(Rejection::NotFollowedYet(experiment))?;
        let drafted = match self.following.stopped() {
            Some(reason) => Err(format!("the campaign was stopped: {reason}")),
            None => self.draft(campaign, &hypothesis.design).and_then(|draft| self.unlike_all(draft)),
        };
        let brief = hypothesis.brief.clone();
        Ok(Some(match drafted {
            Ok(draft) => self.proposed(experiment, brief, draft).into(),
            Err(why) => ExperimentAbandoned { experiment, brief: Some(brief), why }.into(),
        }))
    }

    fn draft(&self, campaign: &Campaign, design: &Design) -> Result<Draft, String> {
        match design {
            Design::Seed { index } => {
                let program = campaign.programs.get(*index as usize);
                let program = program.ok_or_else(|| format!("the campaign has no seed program {index}"))?;
                let (source, genome) = (program.source.clone(), program.genome.clone());
                Ok(Draft { source, genome, parent: None, baseline: *index == 0 })
            }
            Design::Grammar { parent, genome } => {
                if !self.programs.contains_key(parent) {
                    return Err(format!("the parent program {} is not known", parent.short()));
                }
                genome.check(campaign.model.d_model).map_err(|misfit| format!("the genome fits no layer: {misfit}"))?;
                let source = render::render(genome, self.base(genome)).map_err(|error| error.to_string())?;
                Ok(Draft { source, genome: Some(genome.clone()), parent: Some(*parent), baseline: false })
            }
        }
    }

    /// The operator's program that a genome is built around, where it is and the program was admitted.
    fn base(&self, genome: &Genome) -> Option<Base<'_>> {
        let program = self.programs.get(&render::program_of(genome)?)?;
        Some(Base { source: &program.source, class: program.class.as_deref()? })
    }

    fn unlike_all(&self, draft: Draft) -> Result<Draft, String> {
        let same = self.programs.get(&Hash::of(draft.source.as_bytes()));
        match same {
            Some(program) if draft.parent == Some(Hash::of(program.source.as_bytes())) => {
                Err("the program is its parent's, unchanged".to_owned())
            }
            Some(program) => Err(format!("the program is that of experiment {}, unchanged", program.experiment)),
            None => Ok(draft),
        }
    }

    fn proposed(&self, experiment: ExperimentId, brief: Brief, draft: Draft) -> CodeDiffProposed {
        let parent = draft.parent.and_then(|hash| self.programs.get(&hash)).map(|program| program.source.as_str());
        CodeDiffProposed {
            experiment,
            attempt: 1,
            brief,
            genome: draft.genome,
            parent: draft.parent,
            diff: diff::unified(parent, &draft.source),
            program: Hash::of(draft.source.as_bytes()),
            source: draft.source,
            baseline: draft.baseline,
        }
    }

    /// Give up the first experiment that cannot go on: refused, or open in a stopped campaign.
    fn give_up(&self) -> Option<EngineerFact> {
        self.experiments.iter().find_map(|(id, experiment)| {
            let (brief, why) = match experiment {
                Experiment::Refused { brief, why } => (brief.as_ref(), why.clone()),
                Experiment::Proposed(proposed) => {
                    (&proposed.brief, format!("the campaign was stopped: {}", self.following.stopped()?))
                }
                Experiment::Over => return None,
            };
            Some(ExperimentAbandoned { experiment: *id, brief: Some(brief.clone()), why }.into())
        })
    }
}
