//! What the sequential test does to real values: its false alarms, a campaign's false records, its power and its price.
//!
//! Runs of one program stand for a world: a candidate that is the baseline renamed has values drawn from them with
//! replacement, and so has the baseline. A better candidate's values are raised by so many of their deviations.

use crate::sequential::{Plan, Verdict};
use crate::{Chance, Noise, Spending, deviation, mean, proportion};

/// How a campaign under test is laid out.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Looks of the test.
    pub plan: Plan,
    /// Runs from which the noise floor is taken.
    pub store: usize,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// Comparisons, or campaigns, with a "better".
    pub better: u64,
    /// Comparisons, or campaigns.
    pub of: u64,
    /// Seeds that all candidates together were trained with.
    pub seeds: u64,
}

impl Count {
    /// Share of "better".
    pub fn rate(&self) -> f64 {
        self.better as f64 / self.of.max(1) as f64
    }

    /// The true share is at most this with 95 % confidence.
    pub fn upper(&self) -> f64 {
        proportion::upper(self.better, self.of, 0.95)
    }

    /// Seeds per comparison, or per campaign.
    pub fn seeds_each(&self) -> f64 {
        self.seeds as f64 / self.of.max(1) as f64
    }
}

/// Runs of all tasks together: each takes one value of every task, and is worth the mean of
/// `sigmoid(better by / deviation)`, which is the fitness in units of noise (six deviations are much).
pub fn together(tasks: &[&[f64]], of: usize, chance: &mut Chance) -> Vec<f64> {
    let of_task = |runs: &&[f64], chance: &mut Chance| {
        let by = (draw(runs, chance) - mean(runs)) / deviation(runs).unwrap_or(0.0).max(1e-9);
        1.0 / (1.0 + (-by.clamp(-6.0, 6.0)).exp())
    };
    (0..of).map(|_| tasks.iter().map(|runs| of_task(runs, chance)).sum::<f64>() / tasks.len() as f64).collect()
}

/// What a campaign measures once and compares all its candidates with.
struct Baseline {
    reference: Vec<f64>,
    noise: Noise,
}

impl Setting {
    /// Independent comparisons by a test of this share: each has a baseline and a candidate of its own, whose values
    /// are raised by `effect` deviations of the runs.
    pub fn comparisons(&self, runs: &[f64], effect: f64, share: f64, of: u64, chance: &mut Chance) -> Count {
        let raise = effect * deviation(runs).unwrap_or(0.0);
        let mut count = Count { of, ..Count::default() };
        for _ in 0..of {
            let baseline = self.baseline(runs, chance);
            let (better, seeds) = self.compare(&baseline, share, || draw(runs, chance) + raise);
            count.better += u64::from(better);
            count.seeds += seeds;
        }
        count
    }

    /// Campaigns in which every test's candidate is the baseline renamed: how many confirm at least one. The baseline is
    /// measured once in a campaign, so its tests depend on each other as they do in a real one.
    pub fn campaigns(&self, runs: &[f64], spending: Spending, of: u64, chance: &mut Chance) -> Count {
        let mut count = Count { of, ..Count::default() };
        for _ in 0..of {
            let baseline = self.baseline(runs, chance);
            let mut record = false;
            for test in 1..=spending.tests {
                let (better, seeds) = self.compare(&baseline, spending.share(test), || draw(runs, chance));
                record |= better;
                count.seeds += seeds;
            }
            count.better += u64::from(record);
        }
        count
    }

    fn baseline(&self, runs: &[f64], chance: &mut Chance) -> Baseline {
        let mut values = |n: usize| -> Vec<f64> { (0..n).map(|_| draw(runs, chance)).collect() };
        let noise = Noise::of(&values(self.store)).unwrap_or(Noise { deviation: 0.0, runs: self.store });
        Baseline { reference: values(self.plan.last() as usize), noise }
    }

    /// Train one candidate as the plan asks: whether it is called better, and its seeds.
    fn compare(&self, baseline: &Baseline, share: f64, mut train: impl FnMut() -> f64) -> (bool, u64) {
        let mut values = Vec::new();
        loop {
            match self.plan.judge(share, &values, &baseline.reference, baseline.noise).verdict {
                Verdict::Continue { seeds } => values.resize_with(seeds as usize, &mut train),
                verdict => return (verdict == Verdict::Better, values.len() as u64),
            }
        }
    }
}

fn draw(runs: &[f64], chance: &mut Chance) -> f64 {
    runs[chance.below(runs.len())]
}
