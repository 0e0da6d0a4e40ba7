//! From an input to at most one fact: the baseline, a score, an insight.

use std::collections::BTreeMap;

use move37_core::{Ctx, Decider, EventId, ExperimentId};
use move37_events::Fact;
use move37_events::facts::{
    AnalystFact, BaselineRecorded, Belief, Campaign, FitnessScored, Interval, Scored, Stage, TaskScore, TrainerFact,
    TrainingCompleted,
};
use move37_statistics as statistics;

use crate::effects::Effect;
use crate::evolve::seeds;
use crate::input::Input;
use crate::state::{Analyst, Baseline};
use crate::{insight, terms};

/// Why an input made no fact. All of the analyst's are early: they wait for what comes first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// An operator's fact came before an earlier one.
    #[error("{0}")]
    OutOfOrder(String),
    /// The campaign has not been followed yet.
    #[error("the campaign of experiment {0} has not been followed yet")]
    NotStarted(ExperimentId),
    /// There is nothing yet to score against.
    #[error("experiment {0} cannot be scored before the baseline is known")]
    NoBaseline(ExperimentId),
}

impl move37_core::Rejection for Rejection {
    fn is_early(&self) -> bool {
        match self {
            Rejection::OutOfOrder(_) | Rejection::NotStarted(_) | Rejection::NoBaseline(_) => true,
        }
    }
}

impl Decider for Analyst {
    type Input = Input;
    type Event = AnalystFact;
    type Effect = Effect;
    type Rejection = Rejection;

    fn decide(&self, input: &Input, _ctx: &Ctx) -> Result<Option<AnalystFact>, Rejection> {
        match input {
            Input::Outcome(outcome) => match *outcome {},
            Input::Fact { id, fact: Fact::Campaign(fact) } => {
                let followed = self.following.decide(id.sequence, fact);
                followed.map(|fact| fact.map(Into::into)).map_err(|error| Rejection::OutOfOrder(error.to_string()))
            }
            Input::Fact { id, fact: Fact::Trainer(TrainerFact::TrainingCompleted(body)) } => self.measured(id, body),
            Input::Fact { fact: Fact::Analyst(_), .. } => Ok(self.next()),
            Input::Fact { .. } => Ok(None),
        }
    }

    fn evolve(&mut self, event: &AnalystFact) {
        self.fold(event);
    }

    fn effects(&self) -> Vec<Effect> {
        Vec::new()
    }
}

impl Analyst {
    fn measured(&self, id: &EventId, body: &TrainingCompleted) -> Result<Option<AnalystFact>, Rejection> {
        let Some(campaign) = self.following.campaign() else {
            return Err(Rejection::NotStarted(body.experiment));
        };
        match body.stage {
            Stage::Explore => self.explored(campaign, id, body),
            Stage::Verify => self.verified(campaign, id, body),
        }
    }

    fn explored(
        &self,
        campaign: &Campaign,
        id: &EventId,
        body: &TrainingCompleted,
    ) -> Result<Option<AnalystFact>, Rejection> {
        if self.known.contains_key(&body.experiment) {
            return Ok(None);
        }
        match &self.baseline {
            Some(baseline) if baseline.experiment == body.experiment => Ok(None),
            Some(baseline) => Ok(Some(explore_score(campaign, baseline, body.experiment, scored(id, body)).into())),
            None if body.baseline => Ok(Some(baseline(campaign, id, body).into())),
            None => Err(Rejection::NoBaseline(body.experiment)),
        }
    }

    /// A verification, with all its seeds so far: scored against the baseline's, on test data.
    fn verified(
        &self,
        campaign: &Campaign,
        id: &EventId,
        body: &TrainingCompleted,
    ) -> Result<Option<AnalystFact>, Rejection> {
        let early = || Rejection::NoBaseline(body.experiment);
        let baseline = self.baseline.as_ref().ok_or_else(early)?;
        if self.verified.get(&body.experiment).is_some_and(|known| *known >= seeds(&body.results.tasks)) {
            return Ok(None);
        }
        let scored = counting(baseline, scored(id, body));
        let reference = match baseline.experiment == body.experiment {
            true => scored.results.tasks.clone(),
            false if self.reference.is_empty() => return Err(early()),
            false => self.reference.clone(),
        };
        Ok(Some(score(campaign, &reference, (body.experiment, Stage::Verify), scored).into()))
    }

    /// What follows from the state alone: the baseline's score, or the insight into what was scored last.
    fn next(&self) -> Option<AnalystFact> {
        let (campaign, baseline) = (self.following.campaign()?, self.baseline.as_ref()?);
        if !self.known.contains_key(&baseline.experiment) {
            let fact = explore_score(campaign, baseline, baseline.experiment, baseline.scored.clone());
            return Some(fact.into());
        }
        let unexplained = self.known.iter().find(|(_, known)| !known.explained);
        unexplained.map(|(experiment, known)| insight::insight(self, campaign, baseline, *experiment, known).into())
    }
}

fn baseline(campaign: &Campaign, id: &EventId, body: &TrainingCompleted) -> BaselineRecorded {
    let choice = terms::choose(campaign, &body.results.tasks);
    BaselineRecorded {
        experiment: body.experiment,
        tasks: choice.tasks,
        dropped: choice.dropped,
        note: choice.note,
        scored: scored(id, body),
    }
}

fn explore_score(campaign: &Campaign, baseline: &Baseline, experiment: ExperimentId, scored: Scored) -> FitnessScored {
    let scored = counting(baseline, scored);
    score(campaign, &baseline.tasks, (experiment, Stage::Explore), scored)
}

/// The same, with the tasks that count only.
fn counting(baseline: &Baseline, scored: Scored) -> Scored {
    let mut scored = scored;
    scored.results.tasks.retain(|task, _| baseline.tasks.contains_key(task));
    scored
}

/// What results are worth against the baseline's of the same stage.
fn score(
    campaign: &Campaign,
    reference: &BTreeMap<String, TaskScore>,
    (experiment, stage): (ExperimentId, Stage),
    scored: Scored,
) -> FitnessScored {
    let terms = terms::terms(campaign, reference, &scored.results.tasks);
    let (fitness, unranked) = match terms::fitness(&terms) {
        Ok(fitness) => (Some(fitness), None),
        Err(why) => (None, Some(why)),
    };
    // Without a fitness some value is missing or no number.
    let values = match fitness {
        Some(_) => terms::values(campaign, reference, &scored.results.tasks),
        None => Vec::new(),
    };
    let own = terms::values(campaign, reference, reference);
    let Belief { confidence, promote, fitness: formula, .. } = campaign.belief;
    // As wide as what is paired by seed says, around the fitness itself.
    let differences: Vec<f64> = values.iter().zip(&own).map(|(value, own)| value - own).collect();
    let at = |bound: f64, mean: f64| fitness.map(|fitness| (fitness + bound - mean).clamp(0.0, 1.0));
    let interval = statistics::interval(&differences, confidence).and_then(|within| {
        let mean = statistics::mean(&differences);
        Some(Interval { low: at(within.low, mean)?, high: at(within.high, mean)?, confidence })
    });
    let bound = statistics::lower_bound(&values, &own, promote)
        .and_then(|bound| at(bound, statistics::mean(&values) - statistics::mean(&own)));
    FitnessScored { experiment, stage, terms, formula, fitness, values, interval, bound, unranked, scored }
}

fn scored(id: &EventId, body: &TrainingCompleted) -> Scored {
    Scored {
        training_event: id.clone(),
        brief: body.brief.clone(),
        genome: body.genome.clone(),
        program: body.program,
        parent: body.parent,
        results: body.results.clone(),
        spend: body.spend,
    }
}
