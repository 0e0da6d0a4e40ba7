//! Seeded chance: every draw is named by what it is for, so the same seed makes the same choices anywhere (L5).

use crate::ExperimentId;

/// A counter-based stream of random numbers (BLAKE3 in extended-output mode).
///
/// Its name is (campaign seed, experiment ordinal, stage, purpose, attempt): never an id, a sequence, a host or a time.
pub struct Draw(blake3::OutputReader);

impl Draw {
    /// The stream of this name.
    pub fn new(seed: u64, experiment: ExperimentId, stage: &str, purpose: &str, attempt: u32) -> Draw {
        let mut hasher = blake3::Hasher::new_derive_key("move37 draw v1");
        for field in [
            &seed.to_le_bytes()[..],
            &experiment.0.to_le_bytes(),
            stage.as_bytes(),
            purpose.as_bytes(),
            &attempt.to_le_bytes(),
        ] {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field);
        }
        Draw(hasher.finalize_xof())
    }

    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Uniform on [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform below `n`, without bias. `n` is at least 1.
    pub fn below(&mut self, n: usize) -> usize {
        let n = n.max(1) as u64;
        let excess = (u64::MAX % n + 1) % n;
        loop {
            let bits = self.bits();
            if bits <= u64::MAX - excess {
                return (bits % n) as usize;
            }
        }
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// One of the items, or none of an empty list.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        match items.is_empty() {
            true => None,
            false => Some(&items[self.below(items.len())]),
        }
    }

    /// `k` distinct items in random order; all of them where there are fewer.
    pub fn sample<T: Clone>(&mut self, items: &[T], k: usize) -> Vec<T> {
        let mut pool = items.to_vec();
        let k = k.min(pool.len());
        for i in 0..k {
            let j = i + self.below(pool.len() - i);
            pool.swap(i, j);
        }
        pool.truncate(k);
        pool
    }

    /// Index drawn in proportion to non-negative weights; none where all are zero.
    pub fn weighted(&mut self, weights: &[f64]) -> Option<usize> {
        let total: f64 = weights.iter().sum();
        if !(total.is_finite() && total > 0.0) {
            return None;
        }
        let mut left = self.uniform() * total;
        let positive = || weights.iter().enumerate().filter(|(_, w)| **w > 0.0);
        for (i, &w) in positive() {
            if left < w {
                return Some(i);
            }
            left -= w;
        }
        positive().next_back().map(|(i, _)| i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(purpose: &str) -> Draw {
        Draw::new(7, ExperimentId(3), "explore", purpose, 1)
    }

    #[test]
    fn the_same_name_draws_the_same() {
        assert_eq!(draw("parent").bits(), draw("parent").bits());
        assert_ne!(draw("parent").bits(), draw("references").bits());
        assert_ne!(draw("parent").bits(), Draw::new(8, ExperimentId(3), "explore", "parent", 1).bits());
    }

    #[test]
    fn samples_are_distinct_and_within() {
        let mut draw = draw("sample");
        let mut got = draw.sample(&[1, 2, 3, 4, 5], 3);
        got.sort_unstable();
        got.dedup();
        assert_eq!(got.len(), 3);
        assert_eq!(draw.sample(&[1, 2], 9).len(), 2);
        assert!(draw.sample::<u8>(&[], 4).is_empty());
    }

    #[test]
    fn weights_decide_how_often() {
        let mut draw = draw("weights");
        let hits = (0..4000).filter(|_| draw.weighted(&[1.0, 3.0]) == Some(1)).count();
        assert!((2850..3150).contains(&hits), "{hits} of 4000");
        assert_eq!(draw.weighted(&[0.0, 0.0]), None);
        assert_eq!(draw.weighted(&[0.0, 1.0, 0.0]), Some(1));
    }

    #[test]
    fn below_is_uniform() {
        let mut draw = draw("below");
        let mut counts = [0; 3];
        (0..9000).for_each(|_| counts[draw.below(3)] += 1);
        assert!(counts.iter().all(|&c| (2800..3200).contains(&c)), "{counts:?}");
    }
}
