//! Plain evaluation of single operations in double precision: for constants and for a second opinion on proofs.
//!
//! Not an executor: no layouts, no threads. Values of every dtype are `f64` (Bool: 0 or 1).

use super::op::{Axis, Binary, DType, Op, Real, Reduction};
pub use super::scalar::{binary, cast, compare, unary};
use super::walk::stepped;
pub use super::walk::{Walk, strides};

/// An operand: its shape and its row-major values.
pub type Operand<'a> = (&'a [usize], &'a [f64]);

/// Values of `op` on operands, row-major in `shape`; `None` for leaves that are not constants.
pub fn evaluate(op: &Op, operands: &[Operand<'_>], shape: &[usize], dtype: DType) -> Option<Vec<f64>> {
    let n: usize = shape.iter().product();
    Some(match op {
        Op::Input(_) | Op::Param(_) | Op::Random { .. } | Op::DepthwiseConvWeight { .. } => return None,
        Op::Full(value) => vec![value.0; n],
        Op::Arange { start, step } => (0..n).map(|i| start.0 + i as f64 * step.0).collect(),
        Op::Literal(data) => data.iter().map(|Real(x)| *x).collect(),
        Op::Unary(f) => operands[0].1.iter().map(|&x| unary(*f, x)).collect(),
        Op::Binary(f) => zip(operands[0], operands[1], shape, |a, b| binary(*f, a, b, dtype)),
        Op::Compare(c) => zip(operands[0], operands[1], shape, |a, b| f64::from(u8::from(compare(*c, a, b)))),
        Op::Where => {
            let index: Vec<_> = operands.iter().map(|(s, _)| broadcast_index(s, shape)).collect();
            let at = |k: usize, i: usize| operands[k].1[index[k][i]];
            (0..n).map(|i| if at(0, i) != 0.0 { at(1, i) } else { at(2, i) }).collect()
        }
        Op::Cast => operands[0].1.iter().map(|&x| cast(x, dtype)).collect(),
        Op::Matmul => matmul(operands[0], operands[1], shape),
        Op::Reduce { kind, axes } => {
            let (s, data) = operands[0];
            let start = match kind {
                Reduction::Sum => 0.0,
                Reduction::Prod => 1.0,
                Reduction::Max => f64::NEG_INFINITY,
                Reduction::Min => f64::INFINITY,
            };
            let mut out = vec![start; n];
            for (i, o) in reduced_index(s, axes).enumerate() {
                let x = data[i];
                out[o] = reduced(*kind, out[o], x);
            }
            out
        }
        Op::Softmax(axis) => along(operands[0], *axis, |row| {
            let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|x| (x - top).exp()).sum();
            row.iter_mut().for_each(|x| *x = (*x - top).exp() / sum);
        }),
        Op::LogSoftmax(axis) => along(operands[0], *axis, |row| {
            let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|x| (x - top).exp()).sum();
            row.iter_mut().for_each(|x| *x = *x - top - sum.ln());
        }),
        Op::CumSum(axis) => along(operands[0], *axis, |row| {
            for i in 1..row.len() {
                row[i] += row[i - 1];
            }
        }),
        Op::CumProd(axis) => along(operands[0], *axis, |row| {
            for i in 1..row.len() {
                row[i] *= row[i - 1];
            }
        }),
        Op::Flip(axis) => along(operands[0], *axis, <[f64]>::reverse),
        Op::ArgSort { axis, descending } => along(operands[0], *axis, |row| {
            // Zeros of either sign are equal: whether a masked value was negative must not show.
            row.iter_mut().for_each(|x| *x += 0.0);
            let mut order: Vec<usize> = (0..row.len()).collect();
            match descending {
                true => order.sort_by(|&a, &b| row[b].total_cmp(&row[a])),
                false => order.sort_by(|&a, &b| row[a].total_cmp(&row[b])),
            }
            row.iter_mut().zip(order).for_each(|(x, i)| *x = i as f64);
        }),
        Op::ArgMax(axis) => {
            let (s, data) = operands[0];
            let mut best: Vec<Option<(f64, usize)>> = vec![None; n];
            let stride: usize = s[axis + 1..].iter().product();
            for (i, o) in reduced_index(s, &[*axis]).enumerate() {
                if best[o].is_none_or(|(x, _)| data[i] > x) {
                    best[o] = Some((data[i], i / stride % s[*axis]));
                }
            }
            best.iter().map(|b| b.map_or(0.0, |(_, i)| i as f64)).collect()
        }
        Op::Reshape => operands[0].1.to_vec(),
        Op::IndexAdd(_) | Op::ScatterAdd(_) => {
            let (base, index, src) = (operands[0], operands[1], operands[2]);
            let mut out = base.1.to_vec();
            for (i, to) in scatter_targets(op, base.0, index, src.0)?.into_iter().enumerate() {
                out[to] += src.1[i];
            }
            out
        }
        Op::SliceScatter { .. } => {
            let mut out = operands[0].1.to_vec();
            for (i, to) in slice_targets(op, operands[0].0, operands[1].0).into_iter().enumerate() {
                out[to] = operands[1].1[i];
            }
            out
        }
        Op::Cat(_) => cat_sources(op, &operands.iter().map(|o| o.0).collect::<Vec<_>>(), shape)
            .into_iter()
            .map(|(k, i)| operands[k].1[i])
            .collect(),
        Op::Pad { value, .. } => {
            let moved = movement(op, operands[0].0, shape)?;
            moved.into_iter().map(|i| if i == FILL { value.0 } else { operands[0].1[i] }).collect()
        }
        Op::Permute(_) | Op::Expand | Op::Slice { .. } => {
            Walk::of_view(op, operands[0].0, shape)?.map(|i| operands[0].1[i]).collect()
        }
        Op::Gather(_) | Op::IndexSelect(_) => {
            gather_sources(op, operands[0].0, operands[1], shape)?.into_iter().map(|i| operands[0].1[i]).collect()
        }
        Op::CircularConv => {
            let size = shape[shape.len() - 1];
            let (a, b) = (broadcast_index(operands[0].0, shape), broadcast_index(operands[1].0, shape));
            let mut y = vec![0.0; n];
            for start in (0..n).step_by(size) {
                for j in 0..size {
                    let left = operands[0].1[a[start + j]];
                    for i in 0..size {
                        y[start + (i + j) % size] += left * operands[1].1[b[start + i]];
                    }
                }
            }
            y
        }
        Op::DepthwiseConv { dilation } => {
            let ((x, data), (w, taps)) = (operands[0], operands[1]);
            let (channels, length, k, out) = (x[1], x[2], w[1], shape[2]);
            let mut y = Vec::with_capacity(n);
            for row in 0..x[0] * channels {
                for t in 0..out {
                    let base = row * length + t;
                    y.push((0..k).map(|j| taps[row % channels * k + j] * data[base + j * dilation]).sum());
                }
            }
            y
        }
    })
}

/// For each element of `shape`, the element of an operand of shape `from` that broadcasts to it.
pub fn broadcast_index(from: &[usize], shape: &[usize]) -> Vec<usize> {
    Walk::broadcast(from, shape).collect()
}

/// [`Walk::new`], written out.
pub fn walk(shape: &[usize], step: &[usize], base: usize) -> Vec<usize> {
    Walk::new(shape, step, base).collect()
}

/// A reduction's value after one more element; NaN stays NaN.
pub fn reduced(kind: Reduction, so_far: f64, x: f64) -> f64 {
    match kind {
        Reduction::Sum => so_far + x,
        Reduction::Prod => so_far * x,
        Reduction::Max => binary(Binary::Maximum, so_far, x, DType::F32),
        Reduction::Min => binary(Binary::Minimum, so_far, x, DType::F32),
    }
}

/// For each element of a tensor, the element of the reduction over `axes` that it falls into.
pub fn reduced_index(shape: &[usize], axes: &[Axis]) -> Walk {
    let mut kept = shape.to_vec();
    axes.iter().for_each(|&a| kept[a] = 1);
    Walk::broadcast(&kept, shape)
}

/// Stands for an element that padding makes.
pub const FILL: usize = usize::MAX;

/// Where each element of a moving operation's result comes from, [`FILL`] for padding; `None` for other operations.
pub fn movement(op: &Op, from: &[usize], shape: &[usize]) -> Option<Vec<usize>> {
    let own = strides(from);
    match op {
        Op::Reshape => Some((0..shape.iter().product()).collect()),
        Op::Permute(_) | Op::Expand | Op::Slice { .. } => Walk::of_view(op, from, shape).map(Iterator::collect),
        Op::Flip(axis) => {
            let (block, size) = (own[*axis], from[*axis]);
            let flipped = |i: usize| {
                let at = i / block % size;
                i - at * block + (size - 1 - at) * block
            };
            Some((0..shape.iter().product()).map(flipped).collect())
        }
        Op::Pad { axis, before, .. } => {
            let inner: usize = shape[axis + 1..].iter().product();
            let n: usize = shape.iter().product();
            let at = |i: usize| {
                let along = (i / inner % shape[*axis]).checked_sub(*before).filter(|&a| a < from[*axis])?;
                Some((i / inner / shape[*axis] * from[*axis] + along) * inner + i % inner)
            };
            Some((0..n).map(|i| at(i).unwrap_or(FILL)).collect())
        }
        _ => None,
    }
}

/// For each element of a slice assignment's value, the element of the base that it replaces.
pub fn slice_targets(op: &Op, base: &[usize], value: &[usize]) -> Vec<usize> {
    let Op::SliceScatter { axis, start, step } = op else { return Vec::new() };
    let own = strides(base);
    let first = start * own[*axis];
    walk(value, &stepped(own, *axis, *step), first)
}

/// For each element of a concatenation, the operand and the element within it.
pub fn cat_sources(op: &Op, operands: &[&[usize]], shape: &[usize]) -> Vec<(usize, usize)> {
    let Op::Cat(axis) = op else { return Vec::new() };
    let outer: usize = shape[..*axis].iter().product();
    let inner: usize = shape[axis + 1..].iter().product();
    let mut out = Vec::with_capacity(shape.iter().product());
    for o in 0..outer {
        for (k, s) in operands.iter().enumerate() {
            let block = s[*axis] * inner;
            out.extend((o * block..(o + 1) * block).map(|i| (k, i)));
        }
    }
    out
}

/// For each element of a gather, the element of x that it reads; `None` where an index is out of range.
pub fn gather_sources(op: &Op, x: &[usize], index: Operand<'_>, shape: &[usize]) -> Option<Vec<usize>> {
    let own = strides(x);
    match op {
        Op::Gather(axis) => {
            let mut by = own.clone();
            by[*axis] = 0;
            let bases = walk(shape, &by, 0);
            bases.into_iter().zip(index.1).map(|(b, &i)| row(i, x[*axis]).map(|i| b + i * own[*axis])).collect()
        }
        Op::IndexSelect(axis) => {
            let mut by = own.clone();
            by[*axis] = 0;
            let inner: usize = shape[axis + 1..].iter().product();
            let bases = walk(shape, &by, 0);
            let at =
                |(k, b): (usize, usize)| row(index.1[k / inner % shape[*axis]], x[*axis]).map(|i| b + i * own[*axis]);
            bases.into_iter().enumerate().map(at).collect()
        }
        _ => None,
    }
}

/// For each element of a scatter's source, the element of the base that it is added to.
pub fn scatter_targets(op: &Op, base: &[usize], index: Operand<'_>, src: &[usize]) -> Option<Vec<usize>> {
    let own = strides(base);
    let (Op::ScatterAdd(axis) | Op::IndexAdd(axis)) = op else { return None };
    let mut by = own.clone();
    by[*axis] = 0;
    let inner: usize = src[axis + 1..].iter().product();
    let at = |(k, b): (usize, usize)| {
        let i = match op {
            Op::ScatterAdd(_) => index.1[k],
            _ => index.1[k / inner % src[*axis]],
        };
        row(i, base[*axis]).map(|i| b + i * own[*axis])
    };
    walk(src, &by, 0).into_iter().enumerate().map(at).collect()
}

fn row(index: f64, size: usize) -> Option<usize> {
    (index >= 0.0 && (index as usize) < size).then_some(index as usize)
}

fn zip(a: Operand<'_>, b: Operand<'_>, shape: &[usize], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    if a.0 == shape && b.0 == shape {
        return a.1.iter().zip(b.1).map(|(&x, &y)| f(x, y)).collect();
    }
    let (i, j) = (Walk::broadcast(a.0, shape), Walk::broadcast(b.0, shape));
    i.into_iter().zip(j).map(|(i, j)| f(a.1[i], b.1[j])).collect()
}

fn along(x: Operand<'_>, axis: Axis, f: impl Fn(&mut [f64])) -> Vec<f64> {
    let (shape, data) = x;
    let (size, inner): (usize, usize) = (shape[axis], shape[axis + 1..].iter().product());
    let outer: usize = shape[..axis].iter().product();
    let mut out = data.to_vec();
    let mut row = vec![0.0; size];
    for o in 0..outer {
        for i in 0..inner {
            let at = |k: usize| (o * size + k) * inner + i;
            (0..size).for_each(|k| row[k] = data[at(k)]);
            f(&mut row);
            (0..size).for_each(|k| out[at(k)] = row[k]);
        }
    }
    out
}

/// Offsets of the matrices of a batched product: for each batch of the result, those of `a` and `b`.
pub fn matmul_batches(a: &[usize], b: &[usize], shape: &[usize]) -> Vec<(usize, usize)> {
    let batch = &shape[..shape.len() - 2];
    let (ab, am) = a.split_at(a.len() - 2);
    let (bb, bm) = b.split_at(b.len() - 2);
    Walk::broadcast(ab, batch)
        .zip(Walk::broadcast(bb, batch))
        .map(|(i, j)| (i * am[0] * am[1], j * bm[0] * bm[1]))
        .collect()
}

fn matmul(a: Operand<'_>, b: Operand<'_>, shape: &[usize]) -> Vec<f64> {
    let (m, n) = (shape[shape.len() - 2], shape[shape.len() - 1]);
    let k = a.0[a.0.len() - 1];
    let mut out = vec![0.0; shape.iter().product()];
    for (batch, (ao, bo)) in matmul_batches(a.0, b.0, shape).into_iter().enumerate() {
        for i in 0..m {
            let row = &mut out[(batch * m + i) * n..(batch * m + i + 1) * n];
            for p in 0..k {
                let x = a.1[ao + i * k + p];
                let other = &b.1[bo + p * n..bo + (p + 1) * n];
                row.iter_mut().zip(other).for_each(|(y, z)| *y += x * z);
            }
        }
    }
    out
}
