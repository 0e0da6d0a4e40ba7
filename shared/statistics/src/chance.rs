//! A counter-based generator: the n-th number depends on seed and n alone.

/// SplitMix64 (Steele, Lea, Flood 2014) read as a counter: a strong mix of `seed + n * odd constant`.
#[derive(Clone, Debug)]
pub struct Chance {
    seed: u64,
    drawn: u64,
}

/// Odd, and its bits look random: the golden ratio's fraction.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

impl Chance {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Chance {
        Chance { seed: mix(seed ^ STRIDE), drawn: 0 }
    }

    /// The stream that belongs to these values, in this order.
    pub fn of(values: &[f64]) -> Chance {
        let fold = |seed: u64, value: &f64| mix(seed.wrapping_add(STRIDE) ^ value.to_bits());
        Chance::new(values.iter().fold(values.len() as u64, fold))
    }

    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.drawn += 1;
        mix(self.seed.wrapping_add(self.drawn.wrapping_mul(STRIDE)))
    }

    /// Uniform on [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform below `n` (at least 1); the bias is below `n / 2^64`.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n.max(1) as u128) >> 64) as usize
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
