//! Campaigns whose candidates are all the baseline renamed: whatever they confirm is false.

use std::collections::BTreeMap;

use move37_statistics::{Chance, proportion};

use super::*;

/// Campaigns of 16 promotions with the baseline's own values: how many of them confirm something.
fn false_records(campaigns: u64, draw: impl Fn(&mut Chance) -> f64) -> u64 {
    let mut chance = Chance::new(9);
    let belief = move37_events::facts::Belief { looks: vec![3, 6, 12], promotions: 16, ..sample::belief() };
    let with_record = |_: &u64| {
        let mut story = Story::new(Campaign { belief: belief.clone(), ..with_budget(16, 9, None) });
        let mut values: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        while story.closed().is_none() {
            let asked = story.promoted().last().map(|body| (body.experiment.0, body.seeds.end() as usize));
            match asked.filter(|_| story.promoted().len() > story.verifications().len()) {
                Some((experiment, seeds)) => {
                    let of_seed = values.entry(experiment).or_default();
                    of_seed.resize_with(seeds, || draw(&mut chance));
                    let of_seed = of_seed.clone();
                    story.verify(experiment, &of_seed);
                }
                // Every candidate looks good enough to be promoted, and is worth what the baseline is.
                None => story.open().into_iter().for_each(|experiment| story.insight(experiment, 0.9)),
            }
        }
        assert_eq!(story.refuted().len() + story.confirmed().len(), 16, "each is compared");
        !story.confirmed().is_empty()
    };
    (0..campaigns).filter(with_record).count() as u64
}

#[test]
fn campaigns_of_renamed_baselines_confirm_at_most_the_nominal_share() {
    let alpha = sample::belief().alpha;
    let even = |chance: &mut Chance| 0.4 + 0.2 * chance.uniform();
    let bimodal = |chance: &mut Chance| if chance.uniform() < 0.6 { 0.6 + 0.02 * chance.uniform() } else { 0.1 };
    for found in [false_records(200, even), false_records(200, bimodal)] {
        assert!(proportion::upper(found, 200, 0.95) <= 1.5 * alpha, "{found} of 200");
    }
}
