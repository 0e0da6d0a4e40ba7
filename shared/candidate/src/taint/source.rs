//! The operand elements that one element of a result is made of, for walking back.

use super::index::{known_row, places};
use super::tensor::Tensor;
use crate::ir::eval::{
    FILL, broadcast_index, cat_sources, matmul_batches, movement, reduced_index, slice_targets, strides, walk,
};
use crate::ir::{Axis, Node, Op};

/// Element `.1` of operand `.0`.
pub type Source = (usize, usize);

/// What an element is made of.
pub struct Sources {
    /// Contributing operand elements.
    pub from: Vec<Source>,
    /// Of a mixing or moving operation: for each operand, the element at the result's own place.
    pub aligned: Vec<Source>,
    /// How elements come together.
    pub kind: Kind,
}

/// How elements come together in an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Each operand's element at the same place.
    Elementwise,
    /// Several elements of one operand.
    Mix,
    /// An element from elsewhere.
    Move,
}

/// What element `at` of a node is made of; operands as (shape, state).
pub fn sources(node: &Node, operands: &[(&[usize], &Tensor)], at: usize) -> Sources {
    let shape = &node.shape[..];
    let make = |kind, from, aligned| Sources { from, aligned, kind };
    match &node.op {
        Op::Input(_) | Op::Param(_) | Op::Full(_) | Op::Arange { .. } | Op::Literal(_) | Op::Random { .. } => {
            make(Kind::Elementwise, vec![], vec![])
        }
        Op::Unary(_) | Op::Cast | Op::Reshape => make(Kind::Elementwise, vec![(0, at)], vec![]),
        Op::Binary(_) | Op::Compare(_) | Op::Where => {
            let place = |k: usize| broadcast_index(operands[k].0, shape)[at];
            let mut from: Vec<Source> = (0..operands.len()).map(|k| (k, place(k))).collect();
            if node.op == Op::Where
                && let Some(c) = operands[0].1.at(from[0].1).constant()
            {
                from = vec![from[if c != 0.0 { 1 } else { 2 }]];
            }
            make(Kind::Elementwise, from, vec![])
        }
        Op::Matmul => matmul(node, operands, at),
        Op::Reduce { axes, .. } => {
            let to: Vec<usize> = reduced_index(operands[0].0, axes).collect();
            make(Kind::Mix, (0..to.len()).filter(|&i| to[i] == at).map(|i| (0, i)).collect(), vec![])
        }
        Op::Softmax(axis) | Op::LogSoftmax(axis) => {
            let lane = lane(shape, *axis, at);
            let own = at / strides(shape)[*axis] % shape[*axis];
            // Square scores: the query's own key.
            let row = match axis.checked_sub(1) {
                Some(q) if shape[q] == shape[*axis] => at / strides(shape)[q] % shape[q],
                _ => own,
            };
            let open = |&i: &usize| !operands[0].1.at(i).masked();
            let all = !lane.iter().any(open);
            let from = lane.iter().copied().filter(|i| all || open(i) || *i == at).map(|i| (0, i)).collect();
            make(Kind::Mix, from, vec![(0, lane[row])])
        }
        Op::CumSum(axis) | Op::CumProd(axis) => {
            let from = lane(shape, *axis, at).into_iter().filter(|&i| i <= at).map(|i| (0, i)).collect();
            make(Kind::Mix, from, vec![(0, at)])
        }
        Op::ArgSort { axis, .. } => {
            make(Kind::Mix, lane(shape, *axis, at).into_iter().map(|i| (0, i)).collect(), vec![])
        }
        Op::ArgMax(axis) => {
            let to: Vec<usize> = reduced_index(operands[0].0, &[*axis]).collect();
            make(Kind::Mix, (0..to.len()).filter(|&i| to[i] == at).map(|i| (0, i)).collect(), vec![])
        }
        Op::Permute(_) | Op::Expand | Op::Slice { .. } | Op::Flip(_) | Op::Pad { .. } => {
            let from = movement(&node.op, operands[0].0, shape).map(|m| m[at]).filter(|&i| i != FILL);
            let kind = match node.op {
                Op::Slice { .. } | Op::Flip(_) => Kind::Move,
                _ => Kind::Elementwise,
            };
            let aligned = same_place(operands[0].0, shape, at).map(|i| (0, i));
            make(kind, from.map(|i| (0, i)).into_iter().collect(), aligned.into_iter().collect())
        }
        Op::Cat(_) => {
            let shapes: Vec<_> = operands.iter().map(|o| o.0).collect();
            make(Kind::Elementwise, vec![cat_sources(&node.op, &shapes, shape)[at]], vec![])
        }
        Op::SliceScatter { .. } => {
            let written = slice_targets(&node.op, operands[0].0, operands[1].0).iter().position(|&to| to == at);
            make(Kind::Elementwise, vec![written.map_or((0, at), |i| (1, i))], vec![])
        }
        Op::Gather(axis) | Op::IndexSelect(axis) => {
            let (x, own) = (operands[0].0, strides(operands[0].0));
            let mut bases = own.clone();
            bases[*axis] = 0;
            let base = walk(shape, &bases, 0)[at];
            let place = places(&node.op, *axis, shape)[at];
            let mut from: Vec<Source> = match known_row(operands[1].1.at(place), x[*axis]) {
                Some(i) => vec![(0, base + i * own[*axis])],
                None => (0..x[*axis]).map(|i| (0, base + i * own[*axis])).collect(),
            };
            from.push((1, place));
            let aligned = same_place(x, shape, at).map(|i| (0, i));
            make(Kind::Move, from, aligned.into_iter().collect())
        }
        Op::ScatterAdd(axis) | Op::IndexAdd(axis) => {
            let own = strides(operands[0].0);
            let (size, src) = (operands[0].0[*axis], operands[2].0);
            let mut bases = own.clone();
            bases[*axis] = 0;
            let mut from = vec![(0, at)];
            let mine = at - at / own[*axis] % size * own[*axis];
            for ((i, to), place) in walk(src, &bases, 0).into_iter().enumerate().zip(places(&node.op, *axis, src)) {
                let row = known_row(operands[1].1.at(place), size);
                if to == mine && row.is_none_or(|r| to + r * own[*axis] == at) {
                    from.extend([(1, place), (2, i)]);
                }
            }
            let aligned = same_place(src, shape, at).map(|i| (2, i));
            make(Kind::Mix, from, aligned.into_iter().chain([(0, at)]).collect())
        }
        Op::DepthwiseConv { dilation } => {
            let (x, taps, steps) = (operands[0].0, operands[1].0[1], shape[2]);
            let (row, t) = (at / steps, at % steps);
            let pairs = (0..taps).map(|j| (row * x[2] + t + j * dilation, row % x[1] * taps + j));
            let open = pairs.filter(|&(i, w)| !operands[0].1.at(i).zero() && !operands[1].1.at(w).zero());
            make(Kind::Mix, open.flat_map(|(i, w)| [(0, i), (1, w)]).collect(), vec![(0, row * x[2] + t)])
        }
        Op::CircularConv => {
            let size = shape[shape.len() - 1];
            let (i, j) = (broadcast_index(operands[0].0, shape), broadcast_index(operands[1].0, shape));
            let (start, t) = (at - at % size, at % size);
            let pairs = (0..size).map(|p| (i[start + p], j[start + (t + size - p) % size]));
            let open = pairs.filter(|&(p, q)| !operands[0].1.at(p).zero() && !operands[1].1.at(q).zero());
            make(Kind::Mix, open.flat_map(|(p, q)| [(0, p), (1, q)]).collect(), vec![(0, i[at]), (1, j[at])])
        }
        Op::DepthwiseConvWeight { .. } => {
            let all = |k: usize| (0..operands[k].0.iter().product()).map(move |i| (k, i));
            make(Kind::Mix, all(0).chain(all(1)).collect(), vec![])
        }
    }
}

fn matmul(node: &Node, operands: &[(&[usize], &Tensor)], at: usize) -> Sources {
    let shape = &node.shape[..];
    let (m, n, k) = (shape[shape.len() - 2], shape[shape.len() - 1], operands[0].0[operands[0].0.len() - 1]);
    let (ao, bo) = matmul_batches(operands[0].0, operands[1].0, shape)[at / (m * n)];
    let (i, j) = (at / n % m, at % n);
    let term = |p: usize| ((0, ao + i * k + p), (1, bo + p * n + j));
    let open = (0..k).map(term).filter(|(a, b)| !operands[0].1.at(a.1).zero() && !operands[1].1.at(b.1).zero());
    let from = open.flat_map(|(a, b)| [a, b]).collect();
    // A square contraction: the term at the result's own row (or column).
    let own = if k == m { Some(i) } else { (k == n).then_some(j) };
    let aligned = own.map(term).map_or_else(Vec::new, |(a, b)| vec![a, b]);
    Sources { from, aligned, kind: Kind::Mix }
}

fn lane(shape: &[usize], axis: Axis, at: usize) -> Vec<usize> {
    let stride = strides(shape)[axis];
    let start = at - at / stride % shape[axis] * stride;
    (0..shape[axis]).map(|k| start + k * stride).collect()
}

/// The operand's element at the same indices as element `at` of the result, where it has one.
fn same_place(operand: &[usize], shape: &[usize], at: usize) -> Option<usize> {
    let (own, of) = (strides(operand), strides(shape));
    if operand.len() != shape.len() {
        return None;
    }
    (0..shape.len()).try_fold(0, |sum, axis| {
        let i = at / of[axis] % shape[axis];
        (i < operand[axis]).then_some(sum + i * own[axis])
    })
}
