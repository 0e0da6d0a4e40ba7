//! How much better a candidate is at least.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::{Noise, deviation, mean};

/// The lower bound of the difference of means, candidate minus reference, one-sided. The standard error takes the
/// larger of both sides' spread and has the reference's degrees of freedom, so that it is known for a single seed of the
/// candidate too, and a candidate whose few seeds happen to agree is not believed more than the reference.
///
/// None where the reference has fewer than two values, or a value is not finite.
pub fn lower_bound(candidate: &[f64], reference: &[f64], confidence: f64) -> Option<f64> {
    let floor = Noise::of(reference)?;
    let spread = deviation(candidate).unwrap_or(0.0).max(floor.deviation);
    let error = Noise { deviation: spread, ..floor }.error(candidate.len(), reference.len());
    let quantile = StudentsT::new(0.0, 1.0, (reference.len() - 1) as f64).ok()?.inverse_cdf(confidence);
    let bound = mean(candidate) - mean(reference) - quantile * error;
    bound.is_finite().then_some(bound)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn one_seed_is_judged_by_the_references_spread() {
        let reference = [0.4, 0.5, 0.6];
        // Student's t with two degrees of freedom at 95 % is 2.920.
        let expected = 0.4 - 2.919_985_580_353_726 * 0.1 * (4.0f64 / 3.0).sqrt();
        assert!((lower_bound(&[0.9], &reference, 0.95).unwrap() - expected).abs() < 1e-6);
        assert_eq!(lower_bound(&[0.9], &[0.5], 0.95), None);
        assert_eq!(lower_bound(&[f64::NAN], &reference, 0.95), None);
    }

    #[test]
    fn agreement_of_few_seeds_does_not_help_but_disagreement_hurts() {
        let reference = [0.4, 0.5, 0.6];
        let bound = |values: &[f64]| lower_bound(values, &reference, 0.8).unwrap();
        assert!((bound(&[0.9, 0.9]) - bound(&[0.85, 0.95])).abs() < 1e-12);
        assert!(bound(&[0.4, 1.4]) < bound(&[0.9, 0.9]));
        assert!(bound(&[0.9, 0.9]) > bound(&[0.9]));
    }
}
