//! Softmax and log-softmax along the middle axis of `[outer, len, inner]`.

use std::ops::Range;

use super::math;
use super::reduce::along;
use crate::exec::dispatch::vectorised;
use crate::exec::threads::{Threads, pieces};

/// Softmax (or its logarithm) of `x`; a row of only -inf gives NaN, as in PyTorch.
pub(crate) fn softmax(log: bool, x: &[f32], sizes: (usize, usize, usize), out: &mut [f32], threads: &Threads) {
    let (outer, len, inner) = sizes;
    if out.is_empty() {
        return;
    }
    let ranges = threads.split(outer, 1, x.len() * 10);
    let width = len * inner;
    let jobs: Vec<(Range<usize>, &mut [f32])> = ranges.iter().cloned().zip(pieces(out, &ranges, width)).collect();
    threads.each(jobs, |(rows, out)| {
        let x = &x[rows.start * width..rows.end * width];
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            match inner {
                1 => vectorised((log, x, out), row),
                _ => vectorised((log, x, inner, out), columns),
            }
        }
    });
}

#[inline(always)]
fn row((log, x, out): (bool, &[f32], &mut [f32])) {
    let top = along(x, f32::NEG_INFINITY, math::maximum);
    for (o, &x) in out.iter_mut().zip(x) {
        *o = math::exp(x - top);
    }
    let sum = along(out, 0.0, |a, b| a + b);
    if log {
        let shift = top + math::log(sum);
        for (o, &x) in out.iter_mut().zip(x) {
            *o = x - shift;
        }
    } else {
        let scale = 1.0 / sum;
        for o in out {
            *o *= scale;
        }
    }
}

#[inline(always)]
fn columns((log, x, inner, out): (bool, &[f32], usize, &mut [f32])) {
    let mut top = vec![f32::NEG_INFINITY; inner];
    for x in x.chunks_exact(inner) {
        for (t, &x) in top.iter_mut().zip(x) {
            *t = math::maximum(*t, x);
        }
    }
    let mut sum = vec![0.0; inner];
    for (x, out) in x.chunks_exact(inner).zip(out.chunks_exact_mut(inner)) {
        for (((o, &x), s), &t) in out.iter_mut().zip(x).zip(&mut sum).zip(&top) {
            *o = math::exp(x - t);
            *s += *o;
        }
    }
    if log {
        for (s, &t) in sum.iter_mut().zip(&top) {
            *s = t + math::log(*s);
        }
        for (x, out) in x.chunks_exact(inner).zip(out.chunks_exact_mut(inner)) {
            for ((o, &x), &s) in out.iter_mut().zip(x).zip(&sum) {
                *o = x - s;
            }
        }
    } else {
        for out in out.chunks_exact_mut(inner) {
            for (o, &s) in out.iter_mut().zip(&sum) {
                *o /= s;
            }
        }
    }
}
