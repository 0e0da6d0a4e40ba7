//! Reading and adding at indices, and finding and sorting them, along the middle axis of `[outer, len, inner]`.

use std::cmp::Ordering;

/// An index that leaves its axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfRange {
    pub(crate) index: i64,
    pub(crate) size: usize,
}

fn checked(index: i64, size: usize) -> Result<usize, OutOfRange> {
    usize::try_from(index).ok().filter(|&i| i < size).ok_or(OutOfRange { index, size })
}

/// `out[o, i, j] = x[o, index[i], j]`
pub(crate) fn select<T: Copy>(
    x: &[T],
    (outer, len, inner): (usize, usize, usize),
    index: &[i64],
    out: &mut [T],
) -> Result<(), OutOfRange> {
    let mut to = out.chunks_exact_mut(inner.max(1));
    for o in 0..outer {
        for &i in index {
            let i = checked(i, len)?;
            if let Some(to) = to.next() {
                to.copy_from_slice(&x[(o * len + i) * inner..][..inner]);
            }
        }
    }
    Ok(())
}

/// `out[o, index[i], j] += src[o, i, j]`
pub(crate) fn add(
    out: &mut [f32],
    (outer, len, inner): (usize, usize, usize),
    index: &[i64],
    src: &[f32],
) -> Result<(), OutOfRange> {
    let mut from = src.chunks_exact(inner.max(1));
    for o in 0..outer {
        for &i in index {
            let i = checked(i, len)?;
            if let Some(from) = from.next() {
                for (o, &x) in out[(o * len + i) * inner..][..inner].iter_mut().zip(from) {
                    *o += x;
                }
            }
        }
    }
    Ok(())
}

/// For each element of `index` (of shape `shape`): its position in a tensor of shape `full` with the index's value on
/// `axis`. Calls `visit(element, position)`.
pub(crate) fn positions(
    index: &[i64],
    shape: &[usize],
    full: &[usize],
    axis: usize,
    mut visit: impl FnMut(usize, usize),
) -> Result<(), OutOfRange> {
    let mut strides = vec![1; full.len()];
    for i in (1..full.len()).rev() {
        strides[i - 1] = strides[i] * full[i];
    }
    let mut counter = vec![0; shape.len()];
    for (n, &value) in index.iter().enumerate() {
        let at = checked(value, full[axis])?;
        let others: usize = (0..shape.len()).filter(|&i| i != axis).map(|i| counter[i] * strides[i]).sum();
        visit(n, others + at * strides[axis]);
        for i in (0..shape.len()).rev() {
            counter[i] += 1;
            if counter[i] < shape[i] {
                break;
            }
            counter[i] = 0;
        }
    }
    Ok(())
}

/// Index of the first maximum; NaN counts as the largest.
pub(crate) fn argmax<T: Copy>(
    x: &[T],
    (outer, len, inner): (usize, usize, usize),
    compare: impl Fn(T, T) -> Ordering,
    out: &mut [i64],
) {
    for o in 0..outer {
        for j in 0..inner {
            let at = |i: usize| x[(o * len + i) * inner + j];
            let best = (1..len).fold(0, |best, i| if compare(at(i), at(best)).is_gt() { i } else { best });
            out[o * inner + j] = best as i64;
        }
    }
}

/// Indices that sort stably.
pub(crate) fn argsort<T: Copy>(
    x: &[T],
    (outer, len, inner): (usize, usize, usize),
    descending: bool,
    compare: impl Fn(T, T) -> Ordering,
    out: &mut [i64],
) {
    for o in 0..outer {
        for j in 0..inner {
            let at = |i: usize| x[(o * len + i) * inner + j];
            let mut order: Vec<usize> = (0..len).collect();
            order.sort_by(|&a, &b| if descending { compare(at(b), at(a)) } else { compare(at(a), at(b)) });
            for (i, k) in order.into_iter().enumerate() {
                out[(o * len + i) * inner + j] = k as i64;
            }
        }
    }
}

/// Order of floats with NaN above everything and -0 equal to 0.
pub(crate) fn float_order(a: f32, b: f32) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}
