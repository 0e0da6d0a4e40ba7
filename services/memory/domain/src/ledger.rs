//! The budget's ledger: what is reserved, what is spent, what is left. Memory alone keeps it.

use move37_events::facts::{Budget, Campaign, Left};

use crate::state::{Kind, Memory};

impl Memory {
    /// What is left when `reserve` more FLOPs are reserved and `opening` more evolved experiments are in flight.
    pub(crate) fn left(&self, budget: &Budget, reserve: f64, opening: u32) -> Left {
        Left {
            experiments: budget.experiments.saturating_sub(self.done + self.evolving() + opening),
            failures: budget.failures.saturating_sub(self.failed),
            flops: budget.flops.map(|total| total - self.spent.flops - self.reserved() - reserve),
        }
    }

    /// FLOPs reserved for experiments and a promotion in flight.
    fn reserved(&self) -> f64 {
        let promoted = self.belief.open.as_ref().map_or(0.0, |open| open.allowance);
        self.open.values().map(|open| open.allowance).sum::<f64>() + promoted
    }

    /// Evolved experiments in flight.
    pub(crate) fn evolving(&self) -> u32 {
        let evolved = self.open.values().filter(|open| matches!(open.kind, Kind::Evolve { .. }));
        u32::try_from(evolved.count()).unwrap_or(u32::MAX)
    }

    /// FLOPs to reserve for the next experiment, where the budget limits them: as much per seed as the dearest so far, and
    /// before any was measured an estimate from the configuration.
    pub(crate) fn allowance(&self, campaign: &Campaign) -> Option<f64> {
        let seeds = f64::from(self.seeds_of(campaign, self.seeds == 0));
        campaign.budget.flops.map(|_| match self.dearest > 0.0 {
            true => self.dearest * seeds,
            false => estimate(campaign) * seeds,
        })
    }

    /// Seeds per task of an experiment.
    pub(crate) fn seeds_of(&self, campaign: &Campaign, baseline: bool) -> u32 {
        let training = &campaign.training;
        (if baseline { training.baseline_seeds } else { training.seeds }).max(1)
    }

    /// Whether an allowance fits into what is left.
    pub(crate) fn affords(&self, campaign: &Campaign) -> bool {
        match (self.left(&campaign.budget, 0.0, 0).flops, self.allowance(campaign)) {
            (Some(left), Some(allowance)) => allowance <= left,
            _ => true,
        }
    }
}

/// FLOPs of training one candidate on every task with one seed, by the rule of six FLOPs per parameter and token, with a
/// mixer of four square projections.
fn estimate(campaign: &Campaign) -> f64 {
    let (model, training) = (&campaign.model, &campaign.training);
    let d = f64::from(model.d_model);
    let block = 4.0 * d * d + 3.0 * d * f64::from(model.swiglu);
    let parameters = f64::from(model.layers) * block + 256.0 * d;
    let positions: f64 = campaign.tasks.iter().map(|task| f64::from(task.sequence)).sum();
    6.0 * parameters * positions * f64::from(training.batch) * f64::from(training.steps)
}
