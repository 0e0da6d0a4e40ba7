//! From an input to at most one fact: open the next experiment, record one that ended, or close the campaign.

use move37_core::{Ctx, Decider, ExperimentId};
use move37_events::Fact;
use move37_events::facts::{
    Basis, Campaign, CampaignClosed, CloseReason, Ending, ExperimentRecorded, InsightRecorded, Left, MemoryFact,
    ParentSampled, Standing,
};

use crate::effects::Effect;
use crate::input::{self, End, How, Input};
use crate::state::{Baseline, Kind, Memory};
use crate::{sampling, verify};

/// Why an input made no fact. All of memory's are early: they wait for what comes first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// An operator's fact came before an earlier one.
    #[error("{0}")]
    OutOfOrder(String),
    /// The experiment is not open yet.
    #[error("experiment {0} is not open yet")]
    NotOpenYet(ExperimentId),
    /// The experiment is not promoted yet.
    #[error("experiment {0} is not promoted yet")]
    NotPromotedYet(ExperimentId),
}

impl move37_core::Rejection for Rejection {
    fn is_early(&self) -> bool {
        match self {
            Rejection::OutOfOrder(_) | Rejection::NotOpenYet(_) | Rejection::NotPromotedYet(_) => true,
        }
    }
}

impl Decider for Memory {
    type Input = Input;
    type Event = MemoryFact;
    type Effect = Effect;
    type Rejection = Rejection;

    fn decide(&self, input: &Input, _ctx: &Ctx) -> Result<Option<MemoryFact>, Rejection> {
        match input {
            Input::Outcome(outcome) => match *outcome {},
            Input::Fact { id, fact: Fact::Campaign(fact) } => {
                let followed = self.following.decide(id.sequence, fact);
                followed.map(|fact| fact.map(Into::into)).map_err(|error| Rejection::OutOfOrder(error.to_string()))
            }
            Input::Fact { fact: Fact::Memory(_), .. } => Ok(self.next()),
            Input::Fact { fact, .. } => match verify::ended(fact) {
                Some(ended) => self.verified(ended),
                None => input::end(fact).map_or(Ok(None), |end| self.record(end)),
            },
        }
    }

    fn evolve(&mut self, event: &MemoryFact) {
        self.fold(event);
    }

    fn effects(&self) -> Vec<Effect> {
        Vec::new()
    }
}

impl Memory {
    /// What follows from the state alone: the next experiment, the closure, or nothing for now.
    fn next(&self) -> Option<MemoryFact> {
        let campaign = self.following.campaign()?;
        if self.closed.is_some() {
            return None;
        }
        if let Some(fact) = self.compare(campaign) {
            return Some(fact);
        }
        let over = self.over(campaign);
        if self.has_room(campaign)
            && !matches!(over, Some(CloseReason::Stopped | CloseReason::Baseline))
            && let Some(fact) = self.promotion(campaign)
        {
            return self.following.is_running().then_some(fact);
        }
        if let Some(reason) = over {
            return (self.open.is_empty() && !self.belief.busy()).then(|| self.close(campaign, reason));
        }
        let lane = self.idle_lane(campaign).filter(|_| self.has_room(campaign))?;
        (self.following.is_running() && self.affords(campaign)).then_some(())?;
        match self.seeds < programs(campaign) {
            true => self.measure_seed(campaign, lane),
            false => self.develop(campaign, lane),
        }
    }

    /// Why no further experiment will be opened, if none will.
    fn over(&self, campaign: &Campaign) -> Option<CloseReason> {
        let measured = self.seeds >= programs(campaign) && !self.measuring();
        if self.following.stopped().is_some() {
            Some(CloseReason::Stopped)
        } else if self.baseline == Baseline::Failed || programs(campaign) == 0 {
            Some(CloseReason::Baseline)
        } else if self.failed > campaign.budget.failures {
            Some(CloseReason::Failures)
        } else if measured && self.done >= campaign.budget.experiments {
            Some(CloseReason::Finished)
        } else if measured && self.pool.is_empty() {
            Some(CloseReason::Failures)
        } else if self.open.is_empty() && !self.affords(campaign) {
            Some(CloseReason::Budget)
        } else {
            None
        }
    }

    /// Whether something more may be begun: a promotion has no lane, but counts as much as a busy one, so that with one
    /// lane there is one thing at a time and nothing depends on which of two ends first.
    fn has_room(&self, campaign: &Campaign) -> bool {
        self.open.len() + usize::from(self.belief.busy()) < campaign.lanes.max(1) as usize
    }

    fn measuring(&self) -> bool {
        self.open.values().any(|open| matches!(open.kind, Kind::Seed { .. }))
    }

    fn idle_lane(&self, campaign: &Campaign) -> Option<u32> {
        (1..=campaign.lanes.max(1)).find(|lane| self.open.values().all(|open| open.lane != *lane))
    }

    /// The next seed program. The baseline goes first and alone: without it no other could be scored.
    fn measure_seed(&self, campaign: &Campaign, lane: u32) -> Option<MemoryFact> {
        let baseline = self.seeds == 0;
        (baseline || self.baseline != Baseline::Pending)
            .then(|| self.sampled(campaign, lane, Basis::Seed { index: self.seeds, baseline }))
    }

    /// A child of a known program, once every seed program has ended.
    fn develop(&self, campaign: &Campaign, lane: u32) -> Option<MemoryFact> {
        if self.measuring() || self.done + self.evolving() >= campaign.budget.experiments {
            return None;
        }
        let experiment = ExperimentId(self.opened + 1);
        let sampling = &campaign.sampling;
        let baseline_flops = match &self.baseline {
            Baseline::Known(baseline) => baseline.results.flops,
            Baseline::Pending | Baseline::Failed => 0.0,
        };
        let known = sampling::Known { pool: &self.pool, visits: &self.visits, baseline_flops };
        let drawn = sampling::sample(known, sampling, campaign.seed, experiment)?;
        let at = |rank: usize| self.pool[rank - 1].clone();
        let ranks = self.pool.iter().zip(1..).map(|(standing, rank)| (rank, standing.fitness));
        let basis = Basis::Evolve {
            parent: Box::new(at(drawn.parent)),
            references: drawn.references.iter().map(|rank| at(*rank)).collect(),
            lessons: self.lessons(campaign),
            policy: sampling::policy(sampling),
            scores_seen: ranks.collect(),
            rank: u32::try_from(drawn.parent).expect("a pool has at most 2^32 members"),
            choice: drawn.choice,
        };
        Some(self.sampled(campaign, lane, basis))
    }

    fn sampled(&self, campaign: &Campaign, lane: u32, basis: Basis) -> MemoryFact {
        let allowance = self.allowance(campaign);
        let opening = u32::from(matches!(basis, Basis::Evolve { .. }));
        let left = self.left(&campaign.budget, allowance.unwrap_or(0.0), opening);
        ParentSampled { experiment: ExperimentId(self.opened + 1), lane, basis, allowance, left }.into()
    }

    /// Record an experiment that has ended.
    fn record(&self, end: End) -> Result<Option<MemoryFact>, Rejection> {
        let Some(open) = self.open.get(&end.experiment) else {
            let past = end.experiment.0 <= self.opened;
            return if past { Ok(None) } else { Err(Rejection::NotOpenYet(end.experiment)) };
        };
        let ending = match end.how {
            How::Insight(insight) => placed(&insight),
            How::Withdrawn(why) => Ending::Withdrawn { why },
            How::Abandoned(why) => Ending::Abandoned { why },
            How::TrainingFailed(why) => Ending::TrainingFailed { why },
        };
        let mut recorded = ExperimentRecorded {
            experiment: end.experiment,
            lane: open.lane,
            brief: end.brief,
            ending,
            spend: end.spend,
            left: Left { experiments: 0, failures: 0, flops: None },
        };
        let mut after = self.clone();
        after.settle(&recorded);
        if let Some(budget) = self.following.budget() {
            recorded.left = after.left(budget, 0.0, 0);
        }
        Ok(Some(recorded.into()))
    }

    fn close(&self, campaign: &Campaign, reason: CloseReason) -> MemoryFact {
        CampaignClosed {
            reason,
            experiments: self.done,
            best: self.best.clone(),
            record: self.belief.record.clone(),
            unconfirmed: self.unconfirmed(campaign),
            spend: self.spent,
        }
        .into()
    }
}

fn programs(campaign: &Campaign) -> u32 {
    u32::try_from(campaign.programs.len()).unwrap_or(u32::MAX)
}

/// The place of an insight among the scored.
fn placed(insight: &InsightRecorded) -> Ending {
    let Some(fitness) = insight.fitness else {
        let why = insight.unranked.clone().unwrap_or_else(|| "it has no fitness".to_owned());
        return Ending::Unranked { why };
    };
    let scored = &insight.scored;
    let standing = Standing {
        experiment: insight.experiment,
        name: scored.brief.name.clone(),
        program: scored.program,
        genome: scored.genome.clone(),
        fitness,
        bound: insight.bound,
        results: scored.results.clone(),
        insight: first_sentence(&insight.insight.synthesis_and_insights).to_owned(),
    };
    Ending::Ranked { standing: Box::new(standing), parent: scored.parent }
}

/// Up to the first full stop that a space or the end follows.
fn first_sentence(text: &str) -> &str {
    let text = text.trim();
    text.find(". ").map_or(text, |end| &text[..=end])
}
