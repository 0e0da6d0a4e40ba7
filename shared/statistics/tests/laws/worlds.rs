//! Where simulated values come from.

use move37_statistics::Chance;

/// Shapes that values of one program over seeds have in practice, all with a deviation near 1 but the bimodal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum World {
    /// Losses.
    Normal,
    /// Accuracies: this share of runs solves the task (0.95 to 0.99), the rest stays at 0.2.
    Bimodal(f64),
    /// Student's t with 2 degrees of freedom: no variance.
    Heavy,
    /// Exponential: a long tail to one side.
    Skewed,
}

pub const ALL: [World; 6] =
    [World::Normal, World::Bimodal(0.6), World::Bimodal(0.9), World::Bimodal(0.1), World::Heavy, World::Skewed];

pub fn normal(chance: &mut Chance) -> f64 {
    let radius = (-2.0 * (1.0 - chance.uniform()).ln()).sqrt();
    radius * (std::f64::consts::TAU * chance.uniform()).cos()
}

impl World {
    pub fn draw(self, chance: &mut Chance) -> f64 {
        match self {
            World::Normal => normal(chance),
            World::Bimodal(solved) if chance.uniform() < solved => 0.95 + 0.04 * chance.uniform(),
            World::Bimodal(_) => 0.2 + 0.01 * normal(chance),
            World::Heavy => normal(chance) / (-(1.0 - chance.uniform()).ln()).sqrt(),
            World::Skewed => -(1.0 - chance.uniform()).ln(),
        }
    }

    pub fn runs(self, n: usize, chance: &mut Chance) -> Vec<f64> {
        (0..n).map(|_| self.draw(chance)).collect()
    }

    pub fn mean(self) -> f64 {
        match self {
            World::Normal | World::Heavy => 0.0,
            World::Bimodal(solved) => solved * 0.97 + (1.0 - solved) * 0.2,
            World::Skewed => 1.0,
        }
    }
}
