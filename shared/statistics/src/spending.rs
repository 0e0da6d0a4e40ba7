//! How a campaign shares its nominal error.

/// The error of a whole campaign, shared over at most so many tests in the order in which they begin.
///
/// The i-th test gets `alpha / (i * (1 + 1/2 + ... + 1/N))`: the shares sum to alpha, so by the union bound a campaign
/// in which nothing is better confirms something with a chance of at most alpha, however its tests depend on each other.
/// Few candidates of a campaign are promoted, so early tests get more than equal shares would give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spending {
    /// Nominal error of the campaign, as 0.05.
    pub alpha: f64,
    /// At most so many tests.
    pub tests: u32,
}

impl Spending {
    /// The share of the i-th test, from 1; nothing beyond the last.
    pub fn share(&self, test: u32) -> f64 {
        if test == 0 || test > self.tests {
            return 0.0;
        }
        let harmonic: f64 = (1..=self.tests).rev().map(|i| 1.0 / f64::from(i)).sum();
        self.alpha / (f64::from(test) * harmonic)
    }

    /// What tests 1 to `test` may spend together.
    pub fn spent(&self, test: u32) -> f64 {
        (1..=test.min(self.tests)).map(|i| self.share(i)).sum()
    }
}
