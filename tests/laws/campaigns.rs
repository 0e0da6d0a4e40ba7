//! Campaigns of the simulation.

use move37_events::facts::{Belief, Budget, Campaign};
use move37_testkit::sample;

/// Two seed programs and three evolved experiments, one run each: nothing about its course is left to machines.
pub fn sequential() -> Campaign {
    let mut campaign = sample::campaign();
    campaign.tasks.truncate(1);
    campaign.budget = Budget { experiments: 3, failures: 9, flops: Some(1e13) };
    seeded(campaign)
}

/// The same with several runs at a time, whose order is left to machines, and records that are confirmed.
pub fn confirming() -> Campaign {
    let mut campaign = sequential();
    campaign.training.baseline_seeds = 2;
    campaign.belief = promoting();
    campaign
}

/// Three lanes, two tasks, two seeds.
pub fn parallel() -> Campaign {
    let mut campaign = sample::campaign();
    campaign.lanes = 3;
    campaign.training.seeds = 2;
    campaign.training.baseline_seeds = 3;
    campaign.budget = Budget { experiments: 6, failures: 20, flops: None };
    campaign.belief = promoting();
    seeded(campaign)
}

/// Values are drawn by chance here: whoever is not clearly worse is promoted.
fn promoting() -> Belief {
    Belief { promote: 0.3, alpha: 0.5, ..sample::belief() }
}

/// Different programs with different grammar forms.
fn seeded(mut campaign: Campaign) -> Campaign {
    use move37_events::genome::{Decay, Fusion, Path};
    let mut genome = sample::genome();
    genome.paths = vec![Path::Linear { decay: Decay::Fixed }];
    genome.fusion = Fusion::Sum;
    campaign.programs[1].genome = Some(genome);
    campaign
}
