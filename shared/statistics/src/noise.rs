//! The noise floor of a task.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::{Interval, deviation};

/// How much a task's value moves by its seeds alone, as far as the baseline's runs tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Standard deviation over seeds.
    pub deviation: f64,
    /// Runs that it was taken from.
    pub runs: usize,
}

impl Noise {
    /// The noise floor that these values of one program show; none below two finite values.
    pub fn of(values: &[f64]) -> Option<Noise> {
        let deviation = deviation(values).filter(|deviation| deviation.is_finite())?;
        Some(Noise { deviation, runs: values.len() })
    }

    /// Where the deviation lies, were the values normal (chi-square). Values in two groups make it a rough guide.
    pub fn interval(&self, confidence: f64) -> Option<Interval> {
        let freedom = self.runs.checked_sub(1).filter(|freedom| *freedom > 0)? as f64;
        let tail = (1.0 - confidence) / 2.0;
        let chi = ChiSquared::new(freedom).ok()?;
        let at = |share: f64| self.deviation * (freedom / chi.inverse_cdf(share)).sqrt();
        (tail > 0.0 && tail < 0.5).then(|| Interval { low: at(1.0 - tail), high: at(tail), confidence })
    }

    /// Standard error of the difference of two means of so many seeds.
    pub fn error(&self, candidate: usize, reference: usize) -> f64 {
        self.deviation * (1.0 / candidate as f64 + 1.0 / reference as f64).sqrt()
    }
}
