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

/// A fitted growth: `constant + linear T + linearithmic T log2 T + quadratic T^2`, exact at the shortest and the longest
/// length of the fit. Only the terms of the class are not zero.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// The class.
    pub class: ComplexityClass,
    /// What does not depend on T.
    pub constant: f64,
    /// Coefficient of T.
    pub linear: f64,
    /// Coefficient of T log2 T.
    pub linearithmic: f64,
    /// Coefficient of T^2.
    pub quadratic: f64,
}

impl Growth {
    /// The fitted count at a length.
    pub fn at(&self, length: usize) -> f64 {
        let t = length.max(1) as f64;
        self.constant + self.linear * t + self.linearithmic * t * t.log2() + self.quadratic * t * t
    }
}

impl std::fmt::Display for Growth {
    /// `O(n^2): 1.2e3 + 4.0e2 T + 3.0e0 T^2`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:.3e}", self.class, self.constant)?;
        let terms = [(self.linear, "T"), (self.linearithmic, "T log2 T"), (self.quadratic, "T^2")];
        terms.into_iter().filter(|(by, _)| *by != 0.0).try_for_each(|(by, of)| write!(f, " + {by:.3e} {of}"))
    }
}

/// Padding to whole chunks bends a linear count by less than this share.
const BEND: f64 = 2e-3;

/// Classify counts at `t/2`, `t`, `2t` and `4t`.
pub fn growth(t: usize, counts: [u64; 4]) -> Growth {
    let t = t as f64;
    let [f0, f1, f2, f4] = counts.map(|c| c as f64);
    // Second differences over doublings vanish for a linear count, double for n log n, quadruple for n^2.
    let (bend, before) = ((f4 - f2) - 2.0 * (f2 - f1), (f2 - f1) - 2.0 * (f1 - f0));
    let class = if bend <= BEND * (f4 - f2).max(0.0) {
        ComplexityClass::Linear
    } else {
        match bend / before.max(f64::MIN_POSITIVE) {
            ratio if ratio < 2.8 => ComplexityClass::Linearithmic,
            ratio if ratio < 5.7 || before <= 0.0 => ComplexityClass::Quadratic,
            _ => ComplexityClass::Higher,
        }
    };
    match class {
        ComplexityClass::Linear => {
            let linear = (f4 - f1) / (3.0 * t);
            Growth { class, constant: f1 - linear * t, linear, linearithmic: 0.0, quadratic: 0.0 }
        }
        ComplexityClass::Linearithmic => {
            // f(2T) - 2 f(T) = 2 c T - a for a + b T + c T log2 T.
            let linearithmic = bend / (2.0 * t);
            let constant = bend - (f2 - 2.0 * f1);
            let linear = (f1 - constant) / t - linearithmic * t.log2();
            Growth { class, constant, linear, linearithmic, quadratic: 0.0 }
        }
        ComplexityClass::Quadratic | ComplexityClass::Higher => {
            let quadratic = bend / (6.0 * t * t);
            let linear = (f2 - f1) / t - 3.0 * quadratic * t;
            let constant = f1 - linear * t - quadratic * t * t;
            Growth { class, constant, linear, linearithmic: 0.0, quadratic }
        }
    }
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
        let fitted = |f: &dyn Fn(f64) -> f64| growth(256, [128.0, 256.0, 512.0, 1024.0].map(|t| f(t) as u64));
        let near = |growth: Growth, wanted: [f64; 4]| {
            let found = [growth.constant, growth.linear, growth.linearithmic, growth.quadratic];
            assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-3 * b.abs().max(1.0)), "{growth:?}");
        };
        near(fitted(&|t| 77.0 + 1000.0 * t), [77.0, 1000.0, 0.0, 0.0]);
        near(fitted(&|t| 7.0 + 5.0 * t + 3.0 * t * t.log2()), [7.0, 5.0, 3.0, 0.0]);
        near(fitted(&|t| 7.0 + 5.0 * t + 3.0 * t * t), [7.0, 5.0, 0.0, 3.0]);
        let fitted = fitted(&|t| 7.0 + 5.0 * t + 3.0 * t * t);
        assert!((fitted.at(512) - (7.0 + 5.0 * 512.0 + 3.0 * 512.0 * 512.0)).abs() < 1.0);
        assert_eq!(fitted.to_string(), "O(n^2): 7.000e0 + 5.000e0 T + 3.000e0 T^2");
    }
}
