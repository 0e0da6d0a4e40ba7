//! Confidence intervals of a mean.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use crate::Chance;

/// From this many values on the interval is bootstrapped; below it is Student's.
const BOOTSTRAP_FROM: usize = 10;
/// Resamples of a bootstrap.
const RESAMPLES: usize = 2000;

/// Where a mean lies, with this confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Two-sided confidence, as 0.95.
    pub confidence: f64,
}

impl Interval {
    /// Whether a value lies within.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sample standard deviation (n - 1); none below two values.
pub fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (values.len() >= 2).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// The interval of the mean of values of independent seeds: Student's t below ten values, from ten on the bootstrap's
/// percentiles, widened as t is wider than the normal (Hesterberg 2015, "What teachers should know about the bootstrap",
/// section 3.3). Percentiles stay within the values' range and follow their skew, as accuracies near 1 need; without the
/// widening they would cover 90 % instead of 95 % at ten values.
///
/// None below two values, and where a value is not finite.
pub fn interval(values: &[f64], confidence: f64) -> Option<Interval> {
    let usable = values.len() >= 2 && values.iter().all(|value| value.is_finite());
    if !(usable && 0.0 < confidence && confidence < 1.0) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    let (low, high) = match values.len() < BOOTSTRAP_FROM {
        true => student(&sorted, tail)?,
        false => bootstrap(&sorted, tail)?,
    };
    Some(Interval { low, high, confidence })
}

/// The interval of the mean difference `a - b` over the seeds that both have.
pub fn paired(a: &[f64], b: &[f64], confidence: f64) -> Option<Interval> {
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    interval(&differences, confidence)
}

fn t_quantile(n: usize, tail: f64) -> Option<f64> {
    Some(StudentsT::new(0.0, 1.0, (n - 1) as f64).ok()?.inverse_cdf(1.0 - tail))
}

fn student(values: &[f64], tail: f64) -> Option<(f64, f64)> {
    let half = t_quantile(values.len(), tail)? * deviation(values)? / (values.len() as f64).sqrt();
    let mean = mean(values);
    Some((mean - half, mean + half))
}

fn bootstrap(sorted: &[f64], tail: f64) -> Option<(f64, f64)> {
    let n = sorted.len();
    let mut chance = Chance::of(sorted);
    let mut means: Vec<f64> =
        (0..RESAMPLES).map(|_| (0..n).map(|_| sorted[chance.below(n)]).sum::<f64>() / n as f64).collect();
    means.sort_by(f64::total_cmp);
    let wider = t_quantile(n, tail)? * (n as f64 / (n - 1) as f64).sqrt();
    let tail = Normal::standard().cdf(-wider);
    let at = |share: f64| means[((share * RESAMPLES as f64) as usize).min(RESAMPLES - 1)];
    Some((at(tail), at(1.0 - tail)))
}
