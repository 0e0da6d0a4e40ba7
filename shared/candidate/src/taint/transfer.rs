//! One rule per operation: from what is known of the operands to what is known of the result.

use super::element::{self, Element};
use super::index;
use super::mix;
use super::tensor::Tensor;
use crate::ir::eval::{FILL, Walk, broadcast_index, cat_sources, evaluate, movement, slice_targets};
use crate::ir::{Node, Op};

/// An operand: its shape and what is known of it.
pub type Operand<'a> = (&'a [usize], &'a Tensor);

/// What is known of a node that is neither an input nor a parameter.
pub fn transfer(node: &Node, operands: &[Operand<'_>]) -> Tensor {
    if let Op::Full(value) = &node.op {
        return Tensor::Uniform(Element::known(value.0));
    }
    if let Some(folded) = fold(node, operands) {
        return folded;
    }
    let free = |t: &Tensor| matches!(t, Tensor::Uniform(e) if *e == Element::FREE);
    // What is put around a parameter is known.
    if operands.iter().all(|(_, t)| free(t)) && !matches!(node.op, Op::Pad { .. }) {
        return Tensor::Uniform(Element::FREE);
    }
    let n = node.elements();
    let shape = &node.shape[..];
    match &node.op {
        Op::Input(_) | Op::Param(_) | Op::Random { .. } | Op::Full(_) | Op::Arange { .. } | Op::Literal(_) => {
            Tensor::Uniform(Element::FREE)
        }
        Op::Unary(f) => map(operands[0].1, n, |x| element::unary(*f, x)),
        Op::Cast => map(operands[0].1, n, |x| element::cast(x, node.dtype)),
        Op::Binary(f) => zip(operands[0], operands[1], shape, |a, b| element::binary(*f, a, b, node.dtype)),
        Op::Compare(c) => zip(operands[0], operands[1], shape, |a, b| element::compare(*c, a, b)),
        Op::Where => {
            let at: Vec<_> = operands.iter().map(|(s, _)| broadcast_index(s, shape)).collect();
            let pick = |k: usize, i: usize| operands[k].1.at(at[k][i]);
            Tensor::of((0..n).map(|i| element::select(pick(0, i), pick(1, i), pick(2, i))).collect())
        }
        Op::Matmul => mix::matmul(operands[0], operands[1], shape),
        Op::Reduce { kind, axes } => mix::reduce(operands[0], axes, *kind, n),
        Op::Softmax(axis) => mix::softmax(operands[0], *axis, false),
        Op::LogSoftmax(axis) => mix::softmax(operands[0], *axis, true),
        Op::CumSum(axis) => mix::cumulative(operands[0], *axis, false),
        Op::CumProd(axis) => mix::cumulative(operands[0], *axis, true),
        Op::ArgMax(axis) => mix::argmax(operands[0], *axis, n),
        Op::ArgSort { axis, .. } => mix::argsort(operands[0], *axis),
        Op::DepthwiseConv { dilation } => mix::convolve(operands[0], operands[1], shape, *dilation),
        Op::CircularConv => mix::circular(operands[0], operands[1], shape),
        Op::DepthwiseConvWeight { .. } => {
            let all = operands.iter().flat_map(|(s, t)| (0..s.iter().product()).map(|i| t.at(i)));
            Tensor::Uniform(all.fold(Element::FREE, Element::join))
        }
        Op::Reshape => operands[0].1.clone(),
        Op::Permute(_) | Op::Expand | Op::Slice { .. } | Op::Flip(_) | Op::Pad { .. } => {
            let (from, x) = operands[0];
            let fill = match &node.op {
                Op::Pad { value, .. } => Element::known(value.0),
                _ => Element::FREE,
            };
            match (x, &node.op) {
                (Tensor::Uniform(e), Op::Permute(_) | Op::Expand | Op::Slice { .. } | Op::Flip(_)) => {
                    Tensor::Uniform(*e)
                }
                (_, Op::Permute(_) | Op::Expand | Op::Slice { .. }) => {
                    let moved = Walk::of_view(&node.op, from, shape).expect("a view");
                    Tensor::of(moved.map(|i| x.at(i)).collect())
                }
                _ => {
                    let moved = movement(&node.op, from, shape).expect("a moving operation");
                    Tensor::of(moved.into_iter().map(|i| if i == FILL { fill } else { x.at(i) }).collect())
                }
            }
        }
        Op::Cat(_) => {
            let shapes: Vec<_> = operands.iter().map(|o| o.0).collect();
            Tensor::of(cat_sources(&node.op, &shapes, shape).into_iter().map(|(k, i)| operands[k].1.at(i)).collect())
        }
        Op::SliceScatter { .. } => {
            let mut out = operands[0].1.elements(n).to_vec();
            for (i, to) in slice_targets(&node.op, operands[0].0, operands[1].0).into_iter().enumerate() {
                out[to] = operands[1].1.at(i);
            }
            Tensor::of(out)
        }
        Op::Gather(_) | Op::IndexSelect(_) => index::gather(&node.op, operands[0], operands[1], shape),
        Op::ScatterAdd(_) | Op::IndexAdd(_) => index::scatter(&node.op, operands[0], operands[1], operands[2]),
    }
}

/// The value, where all operands are constants.
fn fold(node: &Node, operands: &[Operand<'_>]) -> Option<Tensor> {
    if matches!(node.op, Op::Input(_) | Op::Param(_) | Op::Random { .. }) {
        return None;
    }
    let values = operands.iter().map(|(s, t)| t.constants(s.iter().product())).collect::<Option<Vec<_>>>()?;
    let operands: Vec<_> = operands.iter().zip(&values).map(|((s, _), v)| (*s, &v[..])).collect();
    evaluate(&node.op, &operands, &node.shape, node.dtype).map(|v| Tensor::Constant(v.into()))
}

fn map(x: &Tensor, n: usize, f: impl Fn(Element) -> Element) -> Tensor {
    match x {
        Tensor::Uniform(e) => Tensor::Uniform(f(*e)),
        _ => Tensor::of((0..n).map(|i| f(x.at(i))).collect()),
    }
}

fn zip(a: Operand<'_>, b: Operand<'_>, shape: &[usize], f: impl Fn(Element, Element) -> Element) -> Tensor {
    let n: usize = shape.iter().product();
    match (a, b) {
        ((_, Tensor::Uniform(x)), (_, Tensor::Uniform(y))) => Tensor::Uniform(f(*x, *y)),
        ((s, x), (_, Tensor::Uniform(y))) if s == shape => Tensor::of((0..n).map(|i| f(x.at(i), *y)).collect()),
        ((_, Tensor::Uniform(x)), (s, y)) if s == shape => Tensor::of((0..n).map(|i| f(*x, y.at(i))).collect()),
        ((s, x), (r, y)) if s == shape && r == shape => Tensor::of((0..n).map(|i| f(x.at(i), y.at(i))).collect()),
        _ => {
            let (i, j) = (Walk::broadcast(a.0, shape), Walk::broadcast(b.0, shape));
            Tensor::of(i.zip(j).map(|(i, j)| f(a.1.at(i), b.1.at(j))).collect())
        }
    }
}
