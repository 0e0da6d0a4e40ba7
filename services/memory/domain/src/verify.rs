//! Belief: who is trained with fresh seeds, and what may be called a record.
//!
//! The baseline is trained with as many fresh seeds as the last look has, before anything is compared with it. After
//! that, the candidate whose lower bound beats the standing record most is promoted, one at a time: it is compared with
//! the record at growing numbers of seeds, until it is confirmed or refuted. A confirmed record gets the missing seeds
//! when the next candidate is about to be compared with it. The probability of a false record is shared over all
//! comparisons of the campaign.

use move37_core::ExperimentId;
use move37_events::Fact;
use move37_events::facts::{
    AnalystFact, Belief, Campaign, CandidatePromoted, Interval, MemoryFact, Purpose, RecordConfirmed, RecordRefuted,
    Seeds, Spend, Stage, Standing, TrainerFact, VerificationRecorded, Verified,
};
use move37_statistics::sequential::{Judgement, Plan, Verdict};
use move37_statistics::{Noise, Spending, paired};

use crate::decide::Rejection;
use crate::state::{Baseline, Challenge, Measured, Memory};

/// A foreign fact that ends a promotion.
pub(crate) struct Ended {
    experiment: ExperimentId,
    /// Seeds per task that it has in all.
    seeds: u32,
    outcome: Verified,
    spend: Spend,
}

/// The end of a promotion that a foreign fact states, if it states one.
pub(crate) fn ended(fact: &Fact) -> Option<Ended> {
    match fact {
        Fact::Trainer(TrainerFact::TrainingFailed(body)) if body.stage == Stage::Verify => Some(Ended {
            experiment: body.experiment,
            seeds: body.seeds,
            outcome: Verified::Failed { why: body.why.clone() },
            spend: body.spend,
        }),
        Fact::Analyst(AnalystFact::FitnessScored(body)) if body.stage == Stage::Verify => {
            let tasks = &body.scored.results.tasks;
            let outcome = match body.fitness {
                Some(fitness) => Verified::Measured {
                    tasks: tasks.clone(),
                    fitness,
                    values: body.values.clone(),
                    interval: body.interval,
                },
                None => {
                    Verified::Failed { why: body.unranked.clone().unwrap_or_else(|| "it has no fitness".to_owned()) }
                }
            };
            let seeds = tasks.values().map(|score| score.seeds).max().unwrap_or(0);
            Some(Ended { experiment: body.experiment, seeds, outcome, spend: body.scored.spend })
        }
        _ => None,
    }
}

impl Memory {
    /// Record that a promotion's trainings ended.
    pub(crate) fn verified(&self, ended: Ended) -> Result<Option<MemoryFact>, Rejection> {
        let asked = self.belief.asked.get(&ended.experiment).copied().unwrap_or(0);
        if asked < ended.seeds || asked == 0 {
            return Err(Rejection::NotPromotedYet(ended.experiment));
        }
        let open = self.belief.open.as_ref();
        if open.is_none_or(|open| open.experiment != ended.experiment || open.seeds.end() != ended.seeds) {
            return Ok(None);
        }
        let Some(budget) = self.following.budget() else { return Ok(None) };
        let mut after = self.clone();
        after.belief.open = None;
        after.spent += ended.spend;
        let left = after.left(budget, 0.0, 0);
        let Ended { experiment, outcome, spend, .. } = ended;
        Ok(Some(VerificationRecorded { experiment, outcome, spend, left }.into()))
    }

    /// How the comparison under way goes on; none while its trainings last or the campaign is paused.
    pub(crate) fn compare(&self, campaign: &Campaign) -> Option<MemoryFact> {
        let challenge = self.belief.challenge.as_ref()?;
        if self.belief.open.is_some() {
            return None;
        }
        if let Some(reason) = self.following.stopped() {
            return Some(self.refuted(campaign, challenge, format!("the campaign was stopped: {reason}")));
        }
        if let Some(why) = self.belief.failed.get(&challenge.experiment) {
            return Some(self.refuted(campaign, challenge, why.clone()));
        }
        let Some(judgement) = self.judge(campaign, challenge) else {
            let why = "the standing record was not measured with fresh seeds".to_owned();
            return Some(self.refuted(campaign, challenge, why));
        };
        match judgement.verdict {
            Verdict::Better => self.confirmed(campaign, challenge),
            Verdict::NotBetter => Some(self.refuted(campaign, challenge, in_words(&judgement))),
            Verdict::Continue { seeds } => {
                self.following.is_running().then_some(())?;
                let seeds = Seeds { first: self.belief.asked_of(challenge.experiment), last: seeds.max(1) - 1 };
                let purpose = Purpose::Challenge {
                    against: challenge.against,
                    test: challenge.test,
                    alpha: challenge.alpha,
                    look: challenge.looks + 1,
                    compared: seeds.end(),
                };
                Some(self.promoted(campaign, challenge.experiment, purpose, seeds).unwrap_or_else(|| {
                    self.refuted(campaign, challenge, "the FLOPs left do not cover its next look".to_owned())
                }))
            }
        }
    }

    /// The next promotion, where one is due and affordable and none is under way.
    pub(crate) fn promotion(&self, campaign: &Campaign) -> Option<MemoryFact> {
        let belief = &self.belief;
        // A campaign of no experiments is a store of baselines: it looks for no record.
        let looks_for_records = campaign.belief.confirm && campaign.budget.experiments > 0;
        if !looks_for_records || belief.open.is_some() || belief.challenge.is_some() {
            return None;
        }
        let Baseline::Known(baseline) = &self.baseline else { return None };
        let plan = Plan::new(&campaign.belief.looks).ok()?;
        let against = belief.record.as_ref().map_or(baseline.experiment, |record| record.experiment);
        let known = belief.asked_of(against);
        let missing = known < plan.last() && !belief.failed.contains_key(&against);
        let fill = || {
            let seeds = Seeds { first: known, last: plan.last() - 1 };
            self.promoted(campaign, against, Purpose::Reference, seeds)
        };
        if missing && against == baseline.experiment {
            return fill();
        }
        let level = match &belief.record {
            Some(record) => record.fitness,
            None => 0.5,
        };
        belief.measured.get(&against)?;
        let test = belief.tests + 1;
        let Belief { alpha, promotions, .. } = campaign.belief;
        let alpha = Spending { alpha, tests: promotions }.share(test);
        if !plan.reachable(alpha) {
            return None;
        }
        let candidate = self.candidate(baseline.experiment, level)?;
        if missing {
            return fill();
        }
        let seeds = Seeds::first(plan.first());
        let purpose = Purpose::Challenge { against, test, alpha, look: 1, compared: seeds.count() };
        self.promoted(campaign, candidate.experiment, purpose, seeds)
    }

    /// The candidate whose lower bound is highest, of those that beat the level and were not promoted yet.
    fn candidate(&self, baseline: ExperimentId, level: f64) -> Option<&Standing> {
        let mut best: Option<&Standing> = None;
        for standing in &self.pool {
            let new = standing.experiment != baseline && !self.belief.asked.contains_key(&standing.experiment);
            let Some(bound) = standing.bound.filter(|bound| new && *bound > level) else { continue };
            if best.and_then(|best| best.bound).is_none_or(|best| bound > best) {
                best = Some(standing);
            }
        }
        best
    }

    /// A promotion with its reservation, where the FLOPs left cover it.
    fn promoted(
        &self,
        campaign: &Campaign,
        experiment: ExperimentId,
        purpose: Purpose,
        seeds: Seeds,
    ) -> Option<MemoryFact> {
        let allowance = campaign.budget.flops.map(|_| self.dearest * f64::from(seeds.count()));
        let reserve = allowance.unwrap_or(0.0);
        if self.left(&campaign.budget, 0.0, 0).flops.is_some_and(|left| reserve > left) {
            return None;
        }
        let left = self.left(&campaign.budget, reserve, 0);
        Some(CandidatePromoted { experiment, stage: Stage::Verify, purpose, seeds, allowance, left }.into())
    }

    fn judge(&self, campaign: &Campaign, challenge: &Challenge) -> Option<Judgement> {
        let plan = Plan::new(&campaign.belief.looks).ok()?;
        let reference = self.belief.measured.get(&challenge.against)?;
        let Baseline::Known(baseline) = &self.baseline else { return None };
        let noise = Noise::of(&self.belief.measured.get(&baseline.experiment)?.values)?;
        let values = self.belief.measured.get(&challenge.experiment).map_or(&[][..], |measured| &measured.values);
        Some(plan.judge(challenge.alpha, values, &reference.values, noise))
    }

    fn confirmed(&self, campaign: &Campaign, challenge: &Challenge) -> Option<MemoryFact> {
        let measured = self.belief.measured.get(&challenge.experiment)?;
        let Measured { tasks, fitness, interval, values } = measured.clone();
        let confirmed = RecordConfirmed {
            experiment: challenge.experiment,
            name: challenge.name.clone(),
            program: challenge.program,
            against: challenge.against,
            tasks,
            fitness,
            interval,
            gain: self.gain(campaign, challenge),
            seeds: u32::try_from(values.len()).unwrap_or(u32::MAX),
            looks: challenge.looks,
            test: challenge.test,
            alpha: challenge.alpha,
        };
        Some(confirmed.into())
    }

    fn refuted(&self, campaign: &Campaign, challenge: &Challenge, why: String) -> MemoryFact {
        let measured = self.belief.measured.get(&challenge.experiment);
        RecordRefuted {
            experiment: challenge.experiment,
            name: challenge.name.clone(),
            against: challenge.against,
            why,
            gain: self.gain(campaign, challenge),
            seeds: measured.map_or(0, |measured| u32::try_from(measured.values.len()).unwrap_or(u32::MAX)),
            looks: challenge.looks,
            test: challenge.test,
            alpha: challenge.alpha,
        }
        .into()
    }

    /// The difference to the standing record, paired by seed.
    fn gain(&self, campaign: &Campaign, challenge: &Challenge) -> Option<Interval> {
        let values = |experiment: &ExperimentId| self.belief.measured.get(experiment).map(|measured| &measured.values);
        let confidence = campaign.belief.confidence;
        let within = paired(values(&challenge.experiment)?, values(&challenge.against)?, confidence)?;
        Some(Interval { low: within.low, high: within.high, confidence })
    }

    /// Why the campaign has no confirmed record.
    pub(crate) fn unconfirmed(&self, campaign: &Campaign) -> Option<String> {
        if self.belief.record.is_some() {
            return None;
        }
        let Baseline::Known(baseline) = &self.baseline else {
            return Some("the baseline was not measured".to_owned());
        };
        Some(if !campaign.belief.confirm {
            "its configuration asks for no confirmation".to_owned()
        } else if campaign.budget.experiments == 0 {
            "it measured its seed programs alone".to_owned()
        } else if let Some(why) = self.belief.failed.get(&baseline.experiment) {
            format!("the baseline was not verified: {why}")
        } else if self.belief.tests > 0 {
            format!("{} promoted, none shown to be better than the baseline", self.belief.tests)
        } else if self.following.stopped().is_some() {
            "the campaign was stopped before a candidate was promoted".to_owned()
        } else if self.candidate(baseline.experiment, 0.5).is_some() {
            "the FLOPs left do not cover a confirmation".to_owned()
        } else {
            "no candidate's lower bound beat the baseline".to_owned()
        })
    }
}

fn in_words(judgement: &Judgement) -> String {
    let Judgement { p, share, difference, error, .. } = judgement;
    format!(
        "at look {} its fitness differs by {difference:+.4} (standard error {error:.4}); ranks as high have a chance of \
         {p:.4} without a difference, where {share:.4} may be spent, and more seeds are not worth their cost",
        judgement.look
    )
}
