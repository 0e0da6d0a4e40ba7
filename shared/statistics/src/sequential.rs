//! The sequential test "the candidate is better than the reference".
//!
//! Candidate and reference are trained with the same seeds; the candidate is looked at with growing numbers of them.
//! What may be said wrongly is shared over the looks (union bound), so the test's error is at most its share. Three
//! things must hold before a candidate is called better:
//!
//! 1. the exact rank test against all the reference's seeds is below the look's share: the proof, for any distribution;
//! 2. the difference of means is at least twice its standard error, which is never below the noise floor's: a difference
//!    that the task's noise makes by itself is no record, however lucky the order of ranks;
//! 3. it has at least [`LEAST`] seeds: a candidate that works every second time passes for a good one with a chance of
//!    at most `1 / 2^LEAST`.
//!
//! Conditions 2 and 3, and stopping for futility, can only turn a "better" into a "not better", so the error's bound
//! rests on 1 and the union bound alone.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::{Noise, deviation, mean, rank_test};

/// No candidate is called better with fewer seeds.
pub const LEAST: u32 = 6;
/// A difference counts from so many of its standard errors on.
const BEYOND: f64 = 2.0;
/// Beyond this the exact distribution takes too long.
const MOST: u32 = 48;
/// A candidate goes on if the chance to be called better at the last look is at least this, were its true difference
/// one standard error above the measured one.
const HOPE: f64 = 0.1;

/// Why a plan cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// No looks, or not growing.
    #[error("the looks {0:?} do not grow from 2 seeds on; give numbers such as 3, 6, 12")]
    Looks(Vec<u32>),
    /// The last look has too few or too many seeds.
    #[error("the last look has {0} seeds; a confirmation needs {LEAST} to {MOST}")]
    Last(u32),
}

/// Numbers of seeds at which a candidate is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    looks: Vec<u32>,
}

/// What a look says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Undecided: train until there are so many seeds in all.
    Continue {
        /// Seeds in all at the next look.
        seeds: u32,
    },
    /// Better than the reference.
    Better,
    /// Not shown to be better, and no further seed is worth its cost.
    NotBetter,
}

/// A verdict with its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// The answer.
    pub verdict: Verdict,
    /// Number of the look, from 1; 0 before the first.
    pub look: u32,
    /// Exact chance of ranks as high under "no difference".
    pub p: f64,
    /// What this look may say wrongly.
    pub share: f64,
    /// Candidate's mean minus reference's.
    pub difference: f64,
    /// Standard error of the difference, not below the noise floor's.
    pub error: f64,
}

impl Plan {
    /// A plan that looks at these numbers of seeds.
    pub fn new(looks: &[u32]) -> Result<Plan, Error> {
        let growing = looks.windows(2).all(|pair| pair[0] < pair[1]);
        match looks {
            [first, .., last] | [first @ last] if growing && *first >= 2 => {
                if !(LEAST..=MOST).contains(last) {
                    return Err(Error::Last(*last));
                }
                Ok(Plan { looks: looks.to_vec() })
            }
            _ => Err(Error::Looks(looks.to_vec())),
        }
    }

    /// Numbers of seeds, growing.
    pub fn looks(&self) -> &[u32] {
        &self.looks
    }

    /// Seeds of the first look.
    pub fn first(&self) -> u32 {
        self.looks[0]
    }

    /// Seeds of the last look: as many as a reference should have.
    pub fn last(&self) -> u32 {
        self.looks[self.looks.len() - 1]
    }

    /// How the test's share is split over the looks: in proportion to their seeds, over those that can confirm at all
    /// against a reference with as many seeds as the last look. What is plainly better is seen early with little, so the
    /// last look has most. No value has a say in it.
    pub fn shares(&self, share: f64) -> Vec<f64> {
        // Earlier looks drop out one by one until the first that is left can be reached.
        for from in 0..self.looks.len() {
            let first = self.looks[from];
            let all: u32 = self.looks[from..].iter().sum();
            let part = |look: &u32| share * f64::from(*look) / f64::from(all);
            if first >= LEAST && smallest(first, self.last()) <= part(&first) {
                let parts = self.looks.iter().zip(0..).map(|(look, place)| if place < from { 0.0 } else { part(look) });
                return parts.collect();
            }
        }
        vec![0.0; self.looks.len()]
    }

    /// Whether a test of this share can call anything better.
    pub fn reachable(&self, share: f64) -> bool {
        self.shares(share).iter().any(|share| *share > 0.0)
    }

    /// Judge a candidate's values against the reference's, both by seed number and on one scale that was fixed without
    /// them, higher is better. The reference may have more seeds than the candidate, and should have the last look's.
    pub fn judge(&self, share: f64, candidate: &[f64], reference: &[f64], noise: Noise) -> Judgement {
        let seeds = candidate.len() as u32;
        let passed = self.looks.iter().filter(|look| **look <= seeds).count();
        let finite = |values: &[f64]| !values.is_empty() && values.iter().all(|value| value.is_finite());
        let mut judgement = Judgement {
            verdict: Verdict::NotBetter,
            look: passed as u32,
            p: 1.0,
            share: 0.0,
            difference: f64::NAN,
            error: f64::NAN,
        };
        if !self.reachable(share) || !finite(reference) || candidate.iter().any(|value| !value.is_finite()) {
            return judgement;
        }
        if passed == 0 {
            judgement.verdict = Verdict::Continue { seeds: self.first() };
            return judgement;
        }
        judgement.share = self.shares(share)[passed - 1];
        judgement.difference = mean(candidate) - mean(reference);
        judgement.error = error(candidate, reference, noise);
        if judgement.difference <= 0.0 {
            judgement.p = rank_test(candidate, reference);
            return judgement;
        }
        judgement.p = rank_test(candidate, reference);
        let beyond = judgement.difference >= BEYOND * judgement.error;
        judgement.verdict = if judgement.share > 0.0 && judgement.p <= judgement.share && beyond {
            Verdict::Better
        } else {
            match self.looks.get(passed) {
                Some(&next) if self.hope(share, &judgement, candidate, reference) >= HOPE => {
                    Verdict::Continue { seeds: next }
                }
                _ => Verdict::NotBetter,
            }
        };
        judgement
    }

    /// The chance to be called better at the last look, were the true difference one standard error above the measured
    /// one (conditional power, with normal means).
    fn hope(&self, share: f64, judgement: &Judgement, candidate: &[f64], reference: &[f64]) -> f64 {
        if judgement.error <= 0.0 {
            return 1.0;
        }
        let information = |n: f64, m: f64| n * m / (n + m);
        let m = reference.len().max(self.last() as usize) as f64;
        let now = information(candidate.len() as f64, reference.len() as f64);
        let end = information(f64::from(self.last()), m);
        let done = (now / end).min(1.0);
        let z = judgement.difference / judgement.error;
        let drift = (z + 1.0) / done.sqrt();
        let last = self.shares(share).last().copied().unwrap_or(0.0);
        let expected = z * done.sqrt() + drift * (1.0 - done);
        let spread = (1.0 - done).max(1e-9).sqrt();
        Normal::standard().cdf((expected - critical(last)) / spread)
    }
}

/// The smallest chance that ranks can show.
fn smallest(candidate: u32, reference: u32) -> f64 {
    (1..=candidate).map(|i| f64::from(i) / f64::from(reference + i)).product()
}

fn critical(share: f64) -> f64 {
    Normal::standard().inverse_cdf(1.0 - share.clamp(1e-12, 1.0 - 1e-12))
}

/// Standard error of the difference of means, from both sides' spread, not below the noise floor's.
fn error(candidate: &[f64], reference: &[f64], noise: Noise) -> f64 {
    let (n, m) = (candidate.len(), reference.len());
    let squares = |values: &[f64]| deviation(values).map_or(0.0, |d| d * d * (values.len() - 1) as f64);
    let pooled = match n + m {
        0..=2 => 0.0,
        all => ((squares(candidate) + squares(reference)) / (all - 2) as f64).sqrt(),
    };
    Noise { deviation: pooled.max(noise.deviation), ..noise }.error(n, m)
}
