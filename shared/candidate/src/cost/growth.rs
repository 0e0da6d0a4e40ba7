//! How a count grows with T, from exact counts at T/2, T, 2T and 4T.

use serde::{Deserialize, Serialize};

/// The complexity class in T.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ComplexityClass {
    /// Linear in T (or less).
    #[serde(rename = "O(n)")]
    Linear,
    /// T log T.
    #[serde(rename = "O(n log n)")]
    Linearithmic,
    /// Quadratic in T.
    #[serde(rename = "O(n^2)")]
    Quadratic,
    /// More than quadratic.
    #[serde(rename = "above O(n^2)")]
    Higher,
}

impl std::fmt::Display for ComplexityClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Linear => "O(n)",
            Self::Linearithmic => "O(n log n)",
            Self::Quadratic => "O(n^2)",
            Self::Higher => "above O(n^2)",
        })
    }
}

/// A fitted growth: `constant + linear * T + quadratic * T^2` through the counts at T, 2T and 4T.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// The class.
    pub class: ComplexityClass,
    /// Coefficient of T^2.
    pub quadratic: f64,
    /// Coefficient of T.
    pub linear: f64,
    /// What does not depend on T.
    pub constant: f64,
}

/// Padding to whole chunks bends a linear count by less than this share.
const BEND: f64 = 2e-3;

/// Classify counts at `t/2`, `t`, `2t` and `4t`.
pub fn growth(t: usize, counts: [u64; 4]) -> Growth {
    let t = t as f64;
    let [f0, f1, f2, f4] = counts.map(|c| c as f64);
    // Second differences over doublings vanish for a linear count, double for n log n, quadruple for n^2.
    let (bend, before) = ((f4 - f2) - 2.0 * (f2 - f1), (f2 - f1) - 2.0 * (f1 - f0));
    let quadratic = bend / (6.0 * t * t);
    let linear = (f2 - f1) / t - 3.0 * quadratic * t;
    let constant = f1 - linear * t - quadratic * t * t;
    let class = if bend <= BEND * (f4 - f2).max(0.0) {
        ComplexityClass::Linear
    } else {
        match bend / before.max(f64::MIN_POSITIVE) {
            ratio if ratio < 2.8 => ComplexityClass::Linearithmic,
            ratio if ratio < 5.7 || before <= 0.0 => ComplexityClass::Quadratic,
            _ => ComplexityClass::Higher,
        }
    };
    Growth { class, quadratic, linear, constant }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(f: impl Fn(f64) -> f64) -> ComplexityClass {
        growth(256, [128.0, 256.0, 512.0, 1024.0].map(|t| f(t) as u64)).class
    }

    #[test]
    fn the_class_follows_from_the_second_difference_over_doublings() {
        assert_eq!(class(|t| 1000.0 * t + 77.0), ComplexityClass::Linear);
        assert_eq!(class(|t| 10.0 * t * t.log2()), ComplexityClass::Linearithmic);
        assert_eq!(class(|t| 50.0 * t + t * t), ComplexityClass::Quadratic);
        assert_eq!(class(|t| t * t * t), ComplexityClass::Higher);
    }

    #[test]
    fn the_coefficients_reproduce_the_counts() {
        let fitted = growth(256, [128u64, 256, 512, 1024].map(|t| 7 + 5 * t + 3 * t * t));
        assert!((fitted.quadratic - 3.0).abs() < 1e-9, "{fitted:?}");
        assert!((fitted.linear - 5.0).abs() < 1e-6, "{fitted:?}");
        assert!((fitted.constant - 7.0).abs() < 1e-3, "{fitted:?}");
    }
}
