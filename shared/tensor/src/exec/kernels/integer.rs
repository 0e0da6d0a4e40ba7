//! Elementwise arithmetic and reductions of 64-bit integers: indices and positions, never hot. Overflow wraps.

use move37_candidate::ir::{Binary, Compare, Reduction, Unary};

/// Division by zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByZero;

pub(crate) fn unary(f: Unary, x: &[i64]) -> Vec<i64> {
    let f = match f {
        Unary::Neg => i64::wrapping_neg,
        Unary::Abs => i64::wrapping_abs,
        Unary::Sign => i64::signum,
        _ => unreachable!("the graph's type rules allow no other function of integers"),
    };
    x.iter().map(|&x| f(x)).collect()
}

pub(crate) fn binary(f: Binary, a: &[i64], b: &[i64]) -> Result<Vec<i64>, ByZero> {
    let one = |a: i64, b: i64| {
        Ok(match f {
            Binary::Add => a.wrapping_add(b),
            Binary::Sub => a.wrapping_sub(b),
            Binary::Mul => a.wrapping_mul(b),
            Binary::Maximum => a.max(b),
            Binary::Minimum => a.min(b),
            Binary::FloorDiv | Binary::Rem if b == 0 => return Err(ByZero),
            Binary::FloorDiv => {
                let q = a.wrapping_div(b);
                if a.wrapping_rem(b) != 0 && (a < 0) != (b < 0) { q - 1 } else { q }
            }
            Binary::Rem => {
                let r = a.wrapping_rem(b);
                if r != 0 && (r < 0) != (b < 0) { r + b } else { r }
            }
            Binary::Div | Binary::Pow | Binary::And | Binary::Or | Binary::Xor => {
                unreachable!("the graph's type rules do not allow this of integers")
            }
        })
    };
    a.iter().zip(b).map(|(&a, &b)| one(a, b)).collect()
}

pub(crate) fn compare(c: Compare, a: &[i64], b: &[i64]) -> Vec<u8> {
    let f = match c {
        Compare::Eq => |a: i64, b: i64| a == b,
        Compare::Ne => |a, b| a != b,
        Compare::Lt => |a, b| a < b,
        Compare::Le => |a, b| a <= b,
        Compare::Gt => |a, b| a > b,
        Compare::Ge => |a, b| a >= b,
    };
    a.iter().zip(b).map(|(&a, &b)| u8::from(f(a, b))).collect()
}

/// Reduce the middle axis of `[outer, len, inner]`.
pub(crate) fn reduce(kind: Reduction, x: &[i64], (outer, len, inner): (usize, usize, usize)) -> Vec<i64> {
    let (start, f): (i64, fn(i64, i64) -> i64) = match kind {
        Reduction::Sum => (0, i64::wrapping_add),
        Reduction::Prod => (1, i64::wrapping_mul),
        Reduction::Max => (i64::MIN, i64::max),
        Reduction::Min => (i64::MAX, i64::min),
    };
    let mut out = vec![start; outer * inner];
    for o in 0..outer {
        for i in 0..len {
            for j in 0..inner {
                let to = &mut out[o * inner + j];
                *to = f(*to, x[(o * len + i) * inner + j]);
            }
        }
    }
    out
}
