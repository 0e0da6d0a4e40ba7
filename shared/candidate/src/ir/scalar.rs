//! Elementwise functions of numbers, in double precision.

use super::op::{Binary, Compare, DType, Unary};

/// One elementwise function.
pub fn unary(f: Unary, x: f64) -> f64 {
    match f {
        Unary::Neg => -x,
        Unary::Exp => x.exp(),
        Unary::Expm1 => x.exp_m1(),
        Unary::Log => x.ln(),
        Unary::Log1p => x.ln_1p(),
        Unary::Sqrt => x.sqrt(),
        Unary::Rsqrt => 1.0 / x.sqrt(),
        Unary::Recip => 1.0 / x,
        Unary::Abs => x.abs(),
        Unary::Sign if x == 0.0 || x.is_nan() => 0.0,
        Unary::Sign => x.signum(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Tanh => x.tanh(),
        Unary::Atan => x.atan(),
        Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Unary::Silu => x / (1.0 + (-x).exp()),
        Unary::Gelu => 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)),
        Unary::GeluTanh => 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh()),
        Unary::Relu => x.max(0.0),
        Unary::Erf => erf(x),
        Unary::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Unary::Floor => x.floor(),
        Unary::Ceil => x.ceil(),
        Unary::Round => x.round_ties_even(),
        Unary::Not => f64::from(u8::from(x == 0.0)),
        Unary::Detach => x,
    }
}

/// The error function, by its series near zero and a continued fraction beyond.
fn erf(x: f64) -> f64 {
    let a = x.abs();
    if a > 6.0 {
        return x.signum();
    }
    if a < 2.5 {
        let (mut term, mut sum) = (a, a);
        for n in 1..60 {
            term *= -a * a / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return sum * 2.0 / std::f64::consts::PI.sqrt() * x.signum();
    }
    let tail = (1..60).rev().fold(a, |f, k| a + f64::from(k) / 2.0 / f);
    (1.0 - (-a * a).exp() / tail / std::f64::consts::PI.sqrt()) * x.signum()
}

/// One elementwise function of two.
pub fn binary(f: Binary, a: f64, b: f64, dtype: DType) -> f64 {
    match f {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::FloorDiv | Binary::Rem if b == 0.0 && dtype == DType::I64 => 0.0,
        Binary::FloorDiv => (a / b).floor(),
        Binary::Rem => a - (a / b).floor() * b,
        Binary::Pow => a.powf(b),
        Binary::Maximum if a.is_nan() || b.is_nan() => f64::NAN,
        Binary::Minimum if a.is_nan() || b.is_nan() => f64::NAN,
        Binary::Maximum => a.max(b),
        Binary::Minimum => a.min(b),
        Binary::And => f64::from(u8::from(a != 0.0 && b != 0.0)),
        Binary::Or => f64::from(u8::from(a != 0.0 || b != 0.0)),
        Binary::Xor => f64::from(u8::from((a != 0.0) != (b != 0.0))),
    }
}

/// One comparison.
pub fn compare(c: Compare, a: f64, b: f64) -> bool {
    match c {
        Compare::Eq => a == b,
        Compare::Ne => a != b,
        Compare::Lt => a < b,
        Compare::Le => a <= b,
        Compare::Gt => a > b,
        Compare::Ge => a >= b,
    }
}

/// A value in another dtype.
pub fn cast(x: f64, dtype: DType) -> f64 {
    match dtype {
        DType::F32 => x,
        DType::I64 => x.trunc(),
        DType::Bool => f64::from(u8::from(x != 0.0)),
    }
}
