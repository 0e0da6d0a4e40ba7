//! Reductions over one group of neighbouring axes: `[outer, len, inner]` to `[outer, inner]`.

use std::ops::Range;

use move37_candidate::ir::Reduction;

use super::math;
use crate::exec::dispatch::vectorised;
use crate::exec::threads::{Threads, pieces};

/// Lanes of a running sum along a row; fixed, so that the order of additions is.
const LANES: usize = 16;
/// Terms added up before they join the total, which keeps rounding errors small.
const GROUP: usize = 256;

/// Reduce the middle axis of `x [outer, len, inner]`.
pub(crate) fn reduce(kind: Reduction, x: &[f32], sizes: (usize, usize, usize), out: &mut [f32], threads: &Threads) {
    let (outer, len, inner) = sizes;
    if len == 0 || out.is_empty() {
        out.fill(identity(kind));
        return;
    }
    if outer == 1 && inner >= 2 * LANES {
        // One tall matrix: threads take columns.
        let ranges = threads.split(inner, LANES, 4 * x.len());
        let jobs: Vec<(Range<usize>, &mut [f32])> = ranges.iter().cloned().zip(pieces(out, &ranges, 1)).collect();
        threads.each(jobs, |(columns, out)| vectorised((kind, x, len, inner, columns, out), columns_of));
        return;
    }
    let ranges = threads.split(outer, 1, 4 * x.len());
    let jobs: Vec<(Range<usize>, &mut [f32])> = ranges.iter().cloned().zip(pieces(out, &ranges, inner)).collect();
    threads.each(jobs, |(rows, out)| {
        let x = &x[rows.start * len * inner..rows.end * len * inner];
        match inner {
            1 => vectorised((kind, x, len, out), rows_of),
            _ => {
                for (x, out) in x.chunks_exact(len * inner).zip(out.chunks_exact_mut(inner)) {
                    vectorised((kind, x, len, inner, 0..inner, out), columns_of);
                }
            }
        }
    });
}

fn identity(kind: Reduction) -> f32 {
    match kind {
        Reduction::Sum => 0.0,
        Reduction::Prod => 1.0,
        Reduction::Max => f32::NEG_INFINITY,
        Reduction::Min => f32::INFINITY,
    }
}

#[inline(always)]
fn rows_of((kind, x, len, out): (Reduction, &[f32], usize, &mut [f32])) {
    for (x, o) in x.chunks_exact(len).zip(out) {
        *o = match kind {
            Reduction::Sum => x.chunks(GROUP * LANES).map(|part| along(part, 0.0, |a, b| a + b)).sum(),
            Reduction::Prod => along(x, 1.0, |a, b| a * b),
            Reduction::Max => along(x, f32::NEG_INFINITY, math::maximum),
            Reduction::Min => along(x, f32::INFINITY, math::minimum),
        };
    }
}

/// Combine a row in lanes, then the lanes.
#[inline(always)]
pub(crate) fn along(x: &[f32], start: f32, f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let chunks = x.chunks_exact(LANES);
    let tail = chunks.remainder();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = f(*lane, x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(tail) {
        *lane = f(*lane, x);
    }
    lanes.into_iter().reduce(f).expect("there are lanes")
}

type Columns<'a> = (Reduction, &'a [f32], usize, usize, Range<usize>, &'a mut [f32]);

#[inline(always)]
fn columns_of((kind, x, len, inner, columns, out): Columns<'_>) {
    match kind {
        Reduction::Sum if len <= GROUP => down(x, inner, 0..len, &columns, out, 0.0, |a, b| a + b),
        Reduction::Sum => {
            out.fill(0.0);
            let mut part = vec![0.0; out.len()];
            for group in (0..len).step_by(GROUP) {
                let rows = group..(group + GROUP).min(len);
                down(x, inner, rows, &columns, &mut part, 0.0, |a, b| a + b);
                for (o, &p) in out.iter_mut().zip(&part) {
                    *o += p;
                }
            }
        }
        Reduction::Prod => down(x, inner, 0..len, &columns, out, 1.0, |a, b| a * b),
        Reduction::Max => down(x, inner, 0..len, &columns, out, f32::NEG_INFINITY, math::maximum),
        Reduction::Min => down(x, inner, 0..len, &columns, out, f32::INFINITY, math::minimum),
    }
}

/// Combine rows elementwise.
#[inline(always)]
fn down(
    x: &[f32],
    inner: usize,
    rows: Range<usize>,
    columns: &Range<usize>,
    out: &mut [f32],
    start: f32,
    f: impl Fn(f32, f32) -> f32,
) {
    out.fill(start);
    for row in rows {
        let x = &x[row * inner + columns.start..row * inner + columns.end];
        for (o, &x) in out.iter_mut().zip(x) {
            *o = f(*o, x);
        }
    }
}
