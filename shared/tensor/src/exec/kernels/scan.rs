//! Running sums and products, and reversal, along the middle axis of `[outer, len, inner]`.

use std::ops::{Add, Mul};

/// Inclusive running sum; linear in the size.
pub(crate) fn cumsum<T: Copy + Add<Output = T>>(x: &[T], sizes: (usize, usize, usize), out: &mut [T]) {
    scan(x, sizes, out, |a, b| a + b);
}

/// Inclusive running product.
pub(crate) fn cumprod<T: Copy + Mul<Output = T>>(x: &[T], sizes: (usize, usize, usize), out: &mut [T]) {
    scan(x, sizes, out, |a, b| a * b);
}

fn scan<T: Copy>(x: &[T], (_, len, inner): (usize, usize, usize), out: &mut [T], f: impl Fn(T, T) -> T) {
    if out.is_empty() {
        return;
    }
    for (x, out) in x.chunks_exact(len * inner).zip(out.chunks_exact_mut(len * inner)) {
        out[..inner].copy_from_slice(&x[..inner]);
        for i in 1..len {
            let (before, row) = out.split_at_mut(i * inner);
            let before = &before[(i - 1) * inner..];
            for ((o, &b), &x) in row[..inner].iter_mut().zip(before).zip(&x[i * inner..]) {
                *o = f(b, x);
            }
        }
    }
}

/// Reverse the axis.
pub(crate) fn flip<T: Copy>(x: &[T], (_, len, inner): (usize, usize, usize), out: &mut [T]) {
    if out.is_empty() {
        return;
    }
    for (x, out) in x.chunks_exact(len * inner).zip(out.chunks_exact_mut(len * inner)) {
        for (x, out) in x.chunks_exact(inner).rev().zip(out.chunks_exact_mut(inner)) {
            out.copy_from_slice(x);
        }
    }
}
