//! Depthwise convolution of `[B, C, T]` with `[C, K]`, and its weight gradient.

use std::ops::Range;

use super::reduce::along;
use crate::exec::dispatch::vectorised;
use crate::exec::threads::{Threads, pieces};

/// Sizes of a depthwise convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) batch: usize,
    pub(crate) channels: usize,
    /// Length of x.
    pub(crate) input: usize,
    /// Length of y.
    pub(crate) output: usize,
    pub(crate) taps: usize,
    pub(crate) dilation: usize,
}

/// `y[b,c,t] = sum_k w[c,k] x[b,c,t + k*dilation]`
pub(crate) fn forward(x: &[f32], w: &[f32], s: Sizes, out: &mut [f32], threads: &Threads) {
    if out.is_empty() {
        return;
    }
    let ranges = threads.split(s.batch * s.channels, 1, out.len() * s.taps);
    let jobs: Vec<(Range<usize>, &mut [f32])> = ranges.iter().cloned().zip(pieces(out, &ranges, s.output)).collect();
    threads.each(jobs, |(rows, out)| {
        for (row, out) in rows.zip(out.chunks_exact_mut(s.output)) {
            let w = &w[row % s.channels * s.taps..][..s.taps];
            vectorised((&x[row * s.input..][..s.input], w, s.dilation, out), row_forward);
        }
    });
}

/// Elements of a row that all taps pass over while they stay in the first-level cache.
const TILE: usize = 1024;

#[inline(always)]
fn row_forward((x, w, dilation, out): (&[f32], &[f32], usize, &mut [f32])) {
    for (i, out) in out.chunks_mut(TILE).enumerate() {
        out.fill(0.0);
        let mut taps = w.chunks_exact(4);
        let mut at = i * TILE;
        for tap in &mut taps {
            let window = |k: usize| &x[at + k * dilation..][..out.len()];
            let (x0, x1, x2, x3) = (window(0), window(1), window(2), window(3));
            for ((((o, &x0), &x1), &x2), &x3) in out.iter_mut().zip(x0).zip(x1).zip(x2).zip(x3) {
                *o += (tap[0] * x0 + tap[1] * x1) + (tap[2] * x2 + tap[3] * x3);
            }
            at += 4 * dilation;
        }
        for (k, &w) in taps.remainder().iter().enumerate() {
            for (o, &x) in out.iter_mut().zip(&x[at + k * dilation..]) {
                *o += w * x;
            }
        }
    }
}

/// `dw[c,k] = sum_bt dy[b,c,t] x[b,c,t + k*dilation]`
pub(crate) fn weight(x: &[f32], dy: &[f32], s: Sizes, out: &mut [f32], threads: &Threads) {
    if out.is_empty() {
        return;
    }
    let ranges = threads.split(s.channels, 1, dy.len() * s.taps);
    let jobs: Vec<(Range<usize>, &mut [f32])> = ranges.iter().cloned().zip(pieces(out, &ranges, s.taps)).collect();
    threads.each(jobs, |(channels, out)| {
        let mut scratch = vec![0.0; s.output];
        for (c, out) in channels.zip(out.chunks_exact_mut(s.taps)) {
            out.fill(0.0);
            for b in 0..s.batch {
                let row = b * s.channels + c;
                let (x, dy) = (&x[row * s.input..][..s.input], &dy[row * s.output..][..s.output]);
                for (k, o) in out.iter_mut().enumerate() {
                    *o += vectorised((&x[k * s.dilation..][..s.output], dy, &mut scratch[..]), row_dot);
                }
            }
        }
    });
}

#[inline(always)]
fn row_dot((x, dy, products): (&[f32], &[f32], &mut [f32])) -> f32 {
    for ((p, &x), &dy) in products.iter_mut().zip(x).zip(dy) {
        *p = x * dy;
    }
    along(products, 0.0, |a, b| a + b)
}
