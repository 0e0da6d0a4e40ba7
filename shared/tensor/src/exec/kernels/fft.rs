//! Circular convolution of rows by fast Fourier transforms, in double precision.

use std::f64::consts::PI;
use std::ops::Range;

use crate::exec::threads::{Threads, pieces};

/// Rows of two operands; row r of the result is made of rows `left[r]` and `right[r]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operands<'a> {
    pub(crate) a: &'a [f32],
    pub(crate) b: &'a [f32],
    pub(crate) left: &'a [usize],
    pub(crate) right: &'a [usize],
    /// Length of a row.
    pub(crate) size: usize,
}

/// `out[r, t] = sum_j a[left[r], j] b[right[r], (t - j) mod size]`
pub(crate) fn circular(o: &Operands<'_>, out: &mut [f32], threads: &Threads) {
    if out.is_empty() {
        return;
    }
    // A length that is no power of two is convolved linearly in a longer one and folded.
    let length = if o.size.is_power_of_two() { o.size } else { (2 * o.size).next_power_of_two() };
    let plan = Plan::new(length);
    let work = out.len() * 16 * (length.ilog2() as usize + 1);
    let ranges = threads.split(o.left.len(), 1, work);
    let jobs: Vec<(Range<usize>, &mut [f32])> = ranges.iter().cloned().zip(pieces(out, &ranges, o.size)).collect();
    threads.each(jobs, |(rows, out)| {
        let mut z = vec![(0.0, 0.0); length];
        for (row, out) in rows.zip(out.chunks_exact_mut(o.size)) {
            let (a, b) = (&o.a[o.left[row] * o.size..][..o.size], &o.b[o.right[row] * o.size..][..o.size]);
            plan.convolve(a, b, &mut z, out);
        }
    });
}

type Complex = (f64, f64);

fn times(a: Complex, b: Complex) -> Complex {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

struct Plan {
    length: usize,
    /// `exp(-2 pi i k / length)` for the first half.
    turns: Vec<Complex>,
}

impl Plan {
    fn new(length: usize) -> Self {
        let turn = |k: usize| {
            let angle = -2.0 * PI * k as f64 / length as f64;
            (angle.cos(), angle.sin())
        };
        Self { length, turns: (0..length / 2).map(turn).collect() }
    }

    /// Two real rows go through one complex transform: `z = a + i b`.
    #[expect(clippy::cast_possible_truncation, reason = "results are single precision")]
    fn convolve(&self, a: &[f32], b: &[f32], z: &mut [Complex], out: &mut [f32]) {
        let n = self.length;
        z.fill((0.0, 0.0));
        z.iter_mut().zip(a.iter().zip(b)).for_each(|(z, (&a, &b))| *z = (f64::from(a), f64::from(b)));
        self.transform(z);
        for k in 0..=n / 2 {
            let mirror = (n - k) % n;
            let (p, q) = (z[k], z[mirror]);
            // The spectra of a and b at k are (p + q*) / 2 and (p - q*) / 2i.
            let left = ((p.0 + q.0) / 2.0, (p.1 - q.1) / 2.0);
            let right = ((p.1 + q.1) / 2.0, (q.0 - p.0) / 2.0);
            let product = times(left, right);
            // Conjugated, so that the forward transform below is the inverse one.
            z[k] = (product.0, -product.1);
            z[mirror] = product;
        }
        self.transform(z);
        let scale = 1.0 / n as f64;
        if n == out.len() {
            out.iter_mut().zip(z.iter()).for_each(|(o, z)| *o = (z.0 * scale) as f32);
        } else {
            let size = out.len();
            out.iter_mut().enumerate().for_each(|(t, o)| *o = ((z[t].0 + z[t + size].0) * scale) as f32);
        }
    }

    /// In place, radix 2.
    fn transform(&self, z: &mut [Complex]) {
        let n = self.length;
        let mut j = 0;
        for i in 1..n {
            let mut bit = n >> 1;
            while j & bit != 0 {
                j ^= bit;
                bit >>= 1;
            }
            j |= bit;
            if i < j {
                z.swap(i, j);
            }
        }
        let mut half = 1;
        while half < n {
            let step = n / (2 * half);
            for block in z.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (k, (x, y)) in low.iter_mut().zip(high).enumerate() {
                    let turned = times(*y, self.turns[k * step]);
                    (*x, *y) = ((x.0 + turned.0, x.1 + turned.1), (x.0 - turned.0, x.1 - turned.1));
                }
            }
            half *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_kind_agree_with_the_sum() {
        let threads = Threads::new(1).unwrap_or_else(|e| panic!("{e}"));
        for size in [1, 2, 3, 8, 12, 37, 64] {
            let wave = |shift: f32| (0..2 * size).map(move |i| (0.7 * i as f32 + shift).sin()).collect::<Vec<_>>();
            let (a, b) = (wave(0.0), wave(1.0));
            let mut out = vec![0.0; 2 * size];
            let operands = Operands { a: &a, b: &b, left: &[0, 1], right: &[1, 0], size };
            circular(&operands, &mut out, &threads);
            for (i, got) in out.iter().enumerate() {
                let (row, t) = (i / size, i % size);
                let sum: f32 = (0..size).map(|j| a[row * size + j] * b[(1 - row) * size + (t + size - j) % size]).sum();
                assert!((sum - got).abs() < 1e-4, "{size} {i}: {got} is not {sum}");
            }
        }
    }
}
