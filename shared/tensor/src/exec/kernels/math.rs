//! Elementary functions written so that a loop over them vectorises: no branches, no calls.
//!
//! Errors are a few units in the last place (each is tested against f64). Polynomials: Cephes (Moshier) for `exp`, `log`
//! and `tanh`; the rational minimax form that Eigen uses for `erf`.

const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// ln 2 in two parts, the first with few bits.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;
/// Adding and subtracting 1.5 * 2^23 rounds to an integer.
const ROUND: f32 = 12_582_912.0;

#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23).cast_unsigned())
}

#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Beyond these the result is infinite or zero; comparisons keep NaN.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let shifted = x * LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let n = shifted.to_bits().cast_signed().wrapping_sub(ROUND.to_bits().cast_signed());
    let r = x - whole * LN2_HIGH - whole * LN2_LOW;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 0.166_666_66;
    let p = p * r + 0.5;
    let y = p * r * r + r + 1.0;
    // Two factors, so that neither leaves the range of exponents where the result is subnormal or overflows.
    let half = n >> 1;
    let rest = n.wrapping_sub(half);
    y * power_of_two(half) * power_of_two(rest)
}

#[inline(always)]
pub(crate) fn expm1(x: f32) -> f32 {
    let small = x.abs() < 0.5;
    let p = 1.0 / 40320.0;
    let p = p * x + 1.0 / 5040.0;
    let p = p * x + 1.0 / 720.0;
    let p = p * x + 1.0 / 120.0;
    let p = p * x + 1.0 / 24.0;
    let p = p * x + 1.0 / 6.0;
    let p = p * x + 0.5;
    let near = p * x * x + x;
    let far = exp(x) - 1.0;
    if small { near } else { far }
}

#[inline(always)]
pub(crate) fn log(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let scaled = if tiny { x * 8_388_608.0 } else { x };
    let bits = scaled.to_bits();
    let mut e = ((bits >> 23) & 0xff).cast_signed() - 126;
    // The significand in [0.5, 1).
    let m = f32::from_bits((bits & 0x007f_ffff) | 0x3f00_0000);
    e -= if tiny { 23 } else { 0 };
    let low = m < std::f32::consts::FRAC_1_SQRT_2;
    let e = (if low { e - 1 } else { e }) as f32;
    let m = if low { m + m - 1.0 } else { m - 1.0 };
    let z = m * m;
    let p = 7.037_683_6e-2;
    let p = p * m - 0.115_146_1;
    let p = p * m + 0.116_769_98;
    let p = p * m - 0.124_201_41;
    let p = p * m + 0.142_493_23;
    let p = p * m - 0.166_680_58;
    let p = p * m + 0.200_007_15;
    let p = p * m - 0.249_999_94;
    let p = p * m + 0.333_333_3;
    let y = p * m * z + e * LN2_LOW - 0.5 * z;
    let y = m + y + e * LN2_HIGH;
    let y = if x == f32::INFINITY { x } else { y };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x < 0.0 || x.is_nan() { f32::NAN } else { y }
}

/// `log(1 + x)` with the rounding error of `1 + x` divided out (Kahan).
#[inline(always)]
pub(crate) fn log1p(x: f32) -> f32 {
    let u = 1.0 + x;
    let corrected = log(u) * (x / (u - 1.0));
    let y = if u == 1.0 { x } else { corrected };
    if x == f32::INFINITY {
        x
    } else if u == 0.0 {
        f32::NEG_INFINITY
    } else {
        y
    }
}

#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let z = x * x;
    let p = -5.704_988_6e-3;
    let p = p * z + 2.063_908_8e-2;
    let p = p * z - 5.373_971_6e-2;
    let p = p * z + 0.133_314_42;
    let p = p * z - 0.333_332_8;
    let near = p * z * x + x;
    let size = x.abs();
    let far = (1.0 - 2.0 / (exp(size + size) + 1.0)).copysign(x);
    if size < 0.625 { near } else { far }
}

#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
pub(crate) fn silu(x: f32) -> f32 {
    x * sigmoid(x)
}

#[inline(always)]
pub(crate) fn softplus(x: f32) -> f32 {
    (if x < 0.0 { 0.0 } else { x }) + log1p(exp(-x.abs()))
}

#[inline(always)]
pub(crate) fn erf(x: f32) -> f32 {
    let x = if x > 4.0 { 4.0 } else { x };
    let x = if x < -4.0 { -4.0 } else { x };
    let z = x * x;
    let p = -2.726_142e-10;
    let p = p * z + 2.770_681_5e-8;
    let p = p * z - 2.101_024e-6;
    let p = p * z - 5.692_506_5e-5;
    let p = p * z - 7.349_906_5e-4;
    let p = p * z - 2.954_6e-3;
    let p = p * z - 1.609_603_4e-2;
    let q = -1.456_607_2e-5;
    let q = q * z - 2.133_740_6e-4;
    let q = q * z - 1.682_827e-3;
    let q = q * z - 7.373_329e-3;
    let q = q * z - 1.426_473_9e-2;
    x * p / q
}

#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

#[inline(always)]
pub(crate) fn gelu_tanh(x: f32) -> f32 {
    0.5 * x * (1.0 + tanh(0.797_884_6 * (x + 0.044_715 * x * x * x)))
}

#[inline(always)]
pub(crate) fn sign(x: f32) -> f32 {
    let s = if x > 0.0 { 1.0 } else { 0.0 };
    let s = if x < 0.0 { -1.0 } else { s };
    if x.is_nan() { x } else { s }
}

/// Zero below zero; NaN stays NaN.
#[inline(always)]
pub(crate) fn relu(x: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { x }
}

/// The larger; NaN if either is.
#[inline(always)]
pub(crate) fn maximum(a: f32, b: f32) -> f32 {
    if a > b || a.is_nan() { a } else { b }
}

/// The smaller; NaN if either is.
#[inline(always)]
pub(crate) fn minimum(a: f32, b: f32) -> f32 {
    if a < b || a.is_nan() { a } else { b }
}

/// Python's remainder: the sign of the divisor.
#[inline(always)]
pub(crate) fn remainder(a: f32, b: f32) -> f32 {
    let r = a % b;
    if r != 0.0 && ((r < 0.0) != (b < 0.0)) { r + b } else { r }
}

/// Division rounded down.
#[inline(always)]
pub(crate) fn floor_div(a: f32, b: f32) -> f32 {
    if b == 0.0 { a / b } else { ((a - remainder(a, b)) / b).round_ties_even() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64, from: f32, to: f32) -> f64 {
        (0..=20_000)
            .map(|i| from + (to - from) * i as f32 / 20_000.0)
            .map(|x| {
                let want = exact(f64::from(x));
                (f64::from(f(x)) - want).abs() / want.abs().max(1e-30)
            })
            .fold(0.0, f64::max)
    }

    fn erf64(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    }

    #[test]
    fn elementary_functions_are_within_a_few_units_in_the_last_place() {
        assert!(worst(exp, f64::exp, -87.0, 88.0) < 3e-7);
        assert!(worst(expm1, f64::exp_m1, -10.0, 10.0) < 5e-7);
        assert!(worst(log, f64::ln, 1e-30, 2.0) < 3e-7);
        assert!(worst(log, f64::ln, 2.0, 1e30) < 3e-7);
        assert!(worst(log1p, f64::ln_1p, -0.9, 10.0) < 5e-7);
        assert!(worst(tanh, f64::tanh, -9.0, 9.0) < 5e-7);
        assert!(worst(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), -80.0, 20.0) < 5e-7);
        assert!(worst(softplus, |x| x.exp().ln_1p(), -20.0, 20.0) < 1e-6);
        assert!(worst(erf, erf64, -3.5, 3.5) < 1e-6);
    }

    #[test]
    fn ends_of_the_range_are_exact() {
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-100.0) > 0.0 && exp(89.0) == f32::INFINITY);
        assert_eq!(log(0.0), f32::NEG_INFINITY);
        assert_eq!(log(f32::INFINITY), f32::INFINITY);
        assert!((f64::from(log(1e-40)) - 1e-40f64.ln()).abs() < 1e-3);
        assert_eq!((tanh(f32::INFINITY), tanh(f32::NEG_INFINITY)), (1.0, -1.0));
        assert_eq!((sigmoid(f32::INFINITY), sigmoid(f32::NEG_INFINITY)), (1.0, 0.0));
        assert_eq!((softplus(1e30), softplus(f32::NEG_INFINITY)), (1e30, 0.0));
        assert_eq!((log1p(-1.0), log1p(1e-10)), (f32::NEG_INFINITY, 1e-10));
    }

    #[test]
    fn nan_stays_nan() {
        let functions: [fn(f32) -> f32; 13] =
            [exp, expm1, log, log1p, tanh, sigmoid, silu, softplus, erf, gelu, gelu_tanh, sign, relu];
        for (i, f) in functions.into_iter().enumerate() {
            assert!(f(f32::NAN).is_nan(), "function {i}");
        }
        assert!(log(-1.0).is_nan() && maximum(f32::NAN, 1.0).is_nan() && minimum(1.0, f32::NAN).is_nan());
    }

    #[test]
    fn remainder_and_floor_division_follow_python() {
        assert_eq!((remainder(-7.0, 3.0), remainder(7.0, -3.0)), (2.0, -2.0));
        assert_eq!((floor_div(-7.0, 3.0), floor_div(7.0, 2.0)), (-3.0, 3.0));
    }
}
