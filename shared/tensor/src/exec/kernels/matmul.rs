//! Batched matrix products: own register tiles where layout and CPU suit, else the `gemm` crate (the one that candle uses).

use crate::exec::dispatch::vectorised;
use crate::exec::layout::Layout;
use crate::exec::pool::Pool;
use crate::exec::threads::{Threads, pieces};
use crate::exec::value::Value;

use super::{copy, tile};

/// Products of at most this many multiplications are not worth a call of `gemm`.
const TINY: usize = 1024;

/// One matrix among many: element (r, c) of batch i is at `offset(i) + r * row + c * column`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'v> {
    pub(crate) data: &'v [f32],
    pub(crate) row: usize,
    pub(crate) column: usize,
}

/// Sizes of `[m, k] @ [k, n]`.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
}

/// `a @ b` with `shape` the broadcast result.
pub(crate) fn matmul(
    a: &Value<'_>,
    b: &Value<'_>,
    shape: &[usize],
    pool: &mut Pool,
    threads: &Threads,
) -> Value<'static> {
    let rank = shape.len();
    let batch = &shape[..rank - 2];
    let k = a.shape()[a.shape().len() - 1];
    let mut sizes = Sizes { m: shape[rank - 2], n: shape[rank - 1], k };
    let mut out = pool.take(shape.iter().product());
    let spread = |v: &Value<'_>| {
        let own = v.shape().len();
        let mut wide = batch.to_vec();
        wide.extend(&v.shape()[own - 2..]);
        v.layout.expand(&wide)
    };
    let (mut la, lb) = (spread(a), spread(b));
    let mut gathered = None;
    let mut count: usize = batch.iter().product();
    // The same b for all batches: rows of all batches are rows of one product.
    if count > 1 && lb.strides[..rank - 2].iter().zip(batch).all(|(&s, &n)| s == 0 || n == 1) {
        let rows = [count * sizes.m, k];
        let flat = la.reshape(&rows).unwrap_or_else(|| {
            let mut copied = pool.take(la.elements());
            copy::copy(a.floats(), &la, &mut copied);
            gathered = Some(copied);
            Layout::row_major(&rows)
        });
        (la, sizes.m, count) = (flat, rows[0], 1);
    }
    let offsets = |l: &Layout| match count {
        1 => vec![l.offset],
        _ => batch_offsets(batch, &l.strides[..batch.len()], l.offset),
    };
    let (oa, ob) = (offsets(&la), offsets(&lb));
    let matrix = |data, l: &Layout| {
        let r = l.strides.len();
        Matrix { data, row: l.strides[r - 2], column: l.strides[r - 1] }
    };
    let ma = matrix(gathered.as_deref().unwrap_or_else(|| a.floats()), &la);
    let mb = matrix(b.floats(), &lb);
    if !out.is_empty() {
        run(ma, &oa, mb, &ob, sizes, &mut out, threads);
    }
    if let Some(buffer) = gathered {
        pool.give(buffer);
    }
    Value::f32(out, shape)
}

fn run(
    a: Matrix<'_>,
    offsets_a: &[usize],
    b: Matrix<'_>,
    offsets_b: &[usize],
    sizes: Sizes,
    out: &mut [f32],
    threads: &Threads,
) {
    let Sizes { m, n, k } = sizes;
    let work = offsets_a.len() * m * n * k.max(1);
    if offsets_a.len() == 1 {
        // Rows in groups of the microkernel's height, so that each thread has whole ones.
        let ranges = threads.split(m, 48, work);
        let jobs: Vec<_> = ranges.iter().cloned().zip(pieces(out, &ranges, n)).collect();
        threads.each(jobs, |(rows, out)| {
            product(
                a,
                offsets_a[0] + rows.start * a.row,
                b,
                offsets_b[0],
                Sizes { m: rows.len(), ..sizes },
                out,
                &mut Vec::new(),
            );
        });
        return;
    }
    let ranges = threads.split(offsets_a.len(), 1, work);
    let jobs: Vec<_> = ranges.iter().cloned().zip(pieces(out, &ranges, m * n)).collect();
    threads.each(jobs, |(batches, out)| {
        let mut scratch = Vec::new();
        for (i, out) in batches.zip(out.chunks_exact_mut(m * n)) {
            product(a, offsets_a[i], b, offsets_b[i], sizes, out, &mut scratch);
        }
    });
}

fn batch_offsets(batch: &[usize], strides: &[usize], offset: usize) -> Vec<usize> {
    let mut offsets = vec![offset];
    for (&size, &stride) in batch.iter().zip(strides) {
        offsets = offsets.iter().flat_map(|&o| (0..size).map(move |i| o + i * stride)).collect();
    }
    offsets
}

/// One product into a row-major `out`.
fn product(
    a: Matrix<'_>,
    at_a: usize,
    b: Matrix<'_>,
    at_b: usize,
    sizes: Sizes,
    out: &mut [f32],
    scratch: &mut Vec<f32>,
) {
    let Sizes { m, n, k } = sizes;
    if k == 0 {
        out.fill(0.0);
        return;
    }
    let (a, b) = (Matrix { data: &a.data[at_a..], ..a }, Matrix { data: &b.data[at_b..], ..b });
    if m * n * k <= TINY || n == 1 {
        vectorised((a, b, sizes, out), plain);
        return;
    }
    if tile::multiply(a, b, sizes, out, scratch) {
        return;
    }
    // The last element of each operand exists, and so do all before it: the pointers below stay inside.
    assert!((m - 1) * a.row + (k - 1) * a.column < a.data.len(), "the layout of a leaves its buffer");
    assert!((k - 1) * b.row + (n - 1) * b.column < b.data.len(), "the layout of b leaves its buffer");
    assert_eq!(out.len(), m * n, "the result is row-major");
    #[expect(unsafe_code, reason = "gemm takes pointers; the assertions above bound every access")]
    // SAFETY: strides and sizes address only elements inside the three slices, and `out` is borrowed exclusively.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n.cast_signed(),
            false,
            a.data.as_ptr(),
            a.column.cast_signed(),
            a.row.cast_signed(),
            b.data.as_ptr(),
            b.column.cast_signed(),
            b.row.cast_signed(),
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Small products and matrix times vector.
#[inline(always)]
fn plain((a, b, sizes, out): (Matrix<'_>, Matrix<'_>, Sizes, &mut [f32])) {
    let Sizes { m, n, k } = sizes;
    for i in 0..m {
        let row = &mut out[i * n..(i + 1) * n];
        if n == 1 {
            row[0] = if a.column == 1 && b.row == 1 {
                dot(&a.data[i * a.row..i * a.row + k], &b.data[..k])
            } else {
                (0..k).map(|l| a.data[i * a.row + l * a.column] * b.data[l * b.row]).sum()
            };
            continue;
        }
        row.fill(0.0);
        for l in 0..k {
            let x = a.data[i * a.row + l * a.column];
            let from = &b.data[l * b.row..];
            if b.column == 1 {
                for (o, &y) in row.iter_mut().zip(from) {
                    *o += x * y;
                }
            } else {
                for (j, o) in row.iter_mut().enumerate() {
                    *o += x * from[j * b.column];
                }
            }
        }
    }
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (ca, cb) = (a.chunks_exact(16), b.chunks_exact(16));
    let tail: f32 = ca.remainder().iter().zip(cb.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in ca.zip(cb) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += x * y;
        }
    }
    lanes.iter().sum::<f32>() + tail
}
