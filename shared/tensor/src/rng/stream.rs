//! One sequence of draws.

use std::f64::consts::TAU;

use super::philox::philox;

/// A sequence of random numbers for one purpose.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    nonce: [u32; 2],
    block: u64,
    words: [u32; 4],
    left: usize,
}

impl Stream {
    /// The stream of `seed` for `purpose` (any text that names what is drawn). Key and half of the counter are the
    /// BLAKE3 hash of both.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        hasher.update(purpose.as_bytes());
        let hash = hasher.finalize();
        let word = |i: usize| {
            let bytes = hash.as_bytes()[4 * i..4 * i + 4].try_into().expect("four bytes");
            u32::from_le_bytes(bytes)
        };
        Self { key: [word(0), word(1)], nonce: [word(2), word(3)], block: 0, words: [0; 4], left: 0 }
    }

    /// 32 random bits.
    #[expect(clippy::cast_possible_truncation, reason = "the halves of the block number")]
    pub fn bits(&mut self) -> u32 {
        if self.left == 0 {
            let counter = [self.block as u32, (self.block >> 32) as u32, self.nonce[0], self.nonce[1]];
            self.words = philox(counter, self.key);
            self.block = self.block.wrapping_add(1);
            self.left = 4;
        }
        self.left -= 1;
        self.words[3 - self.left]
    }

    /// 64 random bits.
    pub fn bits64(&mut self) -> u64 {
        u64::from(self.bits()) | (u64::from(self.bits()) << 32)
    }

    /// Uniform on [0, 1), one of 2^24 values.
    pub fn uniform(&mut self) -> f32 {
        (self.bits() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform on [0, 1), one of 2^53 values.
    pub fn uniform64(&mut self) -> f64 {
        (self.bits64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Standard normal (Box-Muller in f64, cosine branch).
    #[expect(clippy::cast_possible_truncation, reason = "rounded to f32")]
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.uniform64()).ln()).sqrt();
        (radius * (TAU * self.uniform64()).cos()) as f32
    }

    /// Uniform on `0 .. n` without bias (Lemire's multiplication with rejection).
    ///
    /// # Panics
    /// If `n` is 0.
    #[expect(clippy::cast_possible_truncation, reason = "the halves of the product; below n")]
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "nothing lies below 0");
        let n = n as u64;
        let threshold = n.wrapping_neg() % n;
        loop {
            let wide = u128::from(self.bits64()) * u128::from(n);
            if wide as u64 >= threshold {
                return (wide >> 64) as usize;
            }
        }
    }

    /// Put a slice into random order (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i + 1);
            items.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Stream;

    #[test]
    fn the_same_seed_and_purpose_give_the_same_draws() {
        let draw = |seed, purpose| {
            let mut s = Stream::new(seed, purpose);
            (0..9).map(|_| s.bits()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7, "a"), draw(7, "a"));
        assert_ne!(draw(7, "a"), draw(7, "b"));
        assert_ne!(draw(7, "a"), draw(8, "a"));
    }

    #[test]
    fn uniform_draws_have_the_moments_of_the_uniform_distribution() {
        let mut s = Stream::new(1, "uniform");
        let xs: Vec<f64> = (0..20_000).map(|_| f64::from(s.uniform())).collect();
        assert!(xs.iter().all(|x| (0.0..1.0).contains(x)));
        let mean = xs.iter().sum::<f64>() / 20_000.0;
        let variance = xs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!((mean - 0.5).abs() < 0.01 && (variance - 1.0 / 12.0).abs() < 0.003, "{mean} {variance}");
    }

    #[test]
    fn normal_draws_have_the_moments_of_the_normal_distribution() {
        let mut s = Stream::new(1, "normal");
        let xs: Vec<f64> = (0..20_000).map(|_| f64::from(s.normal())).collect();
        let moment = |p: i32| xs.iter().map(|x| x.powi(p)).sum::<f64>() / 20_000.0;
        assert!(moment(1).abs() < 0.03 && (moment(2) - 1.0).abs() < 0.05 && (moment(4) - 3.0).abs() < 0.3);
    }

    #[test]
    fn every_value_below_n_is_drawn_about_equally_often() {
        let mut s = Stream::new(3, "below");
        let mut counts = [0usize; 7];
        for _ in 0..7_000 {
            counts[s.below(7)] += 1;
        }
        assert!(counts.iter().all(|c| (880..1120).contains(c)), "{counts:?}");
    }

    #[test]
    fn a_shuffle_is_a_permutation_and_not_the_identity() {
        let mut items: Vec<usize> = (0..100).collect();
        Stream::new(3, "shuffle").shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
