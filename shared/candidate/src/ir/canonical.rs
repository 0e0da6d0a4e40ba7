//! A graph of the same meaning without the steps that change nothing.
//!
//! Rewrites are exact in real arithmetic: neutral operands, double negation, chains of reshapes and of permutations,
//! mirrored comparisons, and the several spellings of one function.

use super::constant::Constants;
use super::graph::{Graph, NodeId};
use super::op::{Binary, Compare, DType, Op, Real, Unary};
use super::shape::Error;

/// Constants of more elements are not looked into.
pub(super) const MAX_FOLDED: usize = 1 << 16;

/// The same program in canonical spelling. Parameters, inputs and outputs keep their order.
pub fn canonical(graph: &Graph) -> Result<Graph, Error> {
    let mut out = Graph::default();
    let mut constants = Constants::default();
    let mut places: Vec<NodeId> = Vec::with_capacity(graph.nodes().len());
    for (i, node) in graph.nodes().iter().enumerate() {
        out.span = node.span;
        let inputs: Vec<NodeId> = node.inputs.iter().map(|n| places[n.index()]).collect();
        let mut value = |k: usize| uniform(graph, &mut constants, node.inputs[k]);
        let place = match (&node.op, &inputs[..]) {
            (Op::Binary(f), &[a, b]) if node.dtype == DType::F32 => {
                binary(&mut out, *f, (a, value(0)), (b, value(1)), &node.shape)?
            }
            (Op::Unary(f), &[x]) => unary(&mut out, *f, x)?,
            (Op::Compare(Compare::Gt), &[a, b]) => out.compare(Compare::Lt, b, a)?,
            (Op::Compare(Compare::Ge), &[a, b]) => out.compare(Compare::Le, b, a)?,
            (Op::Reshape, &[x]) => {
                let x = if out.node(x).op == Op::Reshape { out.node(x).inputs[0] } else { x };
                out.reshape(x, &node.shape)?
            }
            (Op::Permute(perm), &[x]) => match out.node(x).op.clone() {
                Op::Permute(first) => {
                    let both: Vec<_> = perm.iter().map(|&p| first[p]).collect();
                    let x = out.node(x).inputs[0];
                    out.permute(x, &both)?
                }
                _ => out.permute(x, perm)?,
            },
            _ => out.push(node.op.clone(), &inputs, (&node.shape, node.dtype))?,
        };
        debug_assert_eq!(out.shape(place), graph.shape(NodeId(i as u32)));
        places.push(place);
    }
    out.inputs.clone_from(&graph.inputs);
    out.params.clone_from(&graph.params);
    out.params.iter_mut().for_each(|p| p.init = places[p.init.index()]);
    out.outputs = graph.outputs.iter().map(|o| places[o.index()]).collect();
    Ok(out)
}

/// The one value that all elements have, where that is known.
fn uniform(graph: &Graph, constants: &mut Constants, id: NodeId) -> Option<f64> {
    let node = graph.node(id);
    match node.op {
        Op::Full(value) => return Some(value.0),
        _ if node.elements() > MAX_FOLDED => return None,
        _ => {}
    }
    let values = constants.get(graph, id)?;
    let (&first, rest) = values.split_first()?;
    rest.iter().all(|&v| v == first).then_some(first)
}

type Operand = (NodeId, Option<f64>);

fn binary(
    out: &mut Graph,
    f: Binary,
    (a, left): Operand,
    (b, right): Operand,
    shape: &[usize],
) -> Result<NodeId, Error> {
    let whole = |out: &Graph, x: NodeId| out.shape(x) == shape;
    match (f, left, right) {
        (Binary::Add, Some(0.0), _) if whole(out, b) => Ok(b),
        (Binary::Add | Binary::Sub, _, Some(0.0)) if whole(out, a) => Ok(a),
        (Binary::Sub, Some(0.0), _) if whole(out, b) => unary(out, Unary::Neg, b),
        (Binary::Mul, Some(1.0), _) if whole(out, b) => Ok(b),
        (Binary::Mul | Binary::Div | Binary::Pow, _, Some(1.0)) if whole(out, a) => Ok(a),
        (Binary::Mul, Some(-1.0), _) if whole(out, b) => unary(out, Unary::Neg, b),
        (Binary::Mul | Binary::Div, _, Some(-1.0)) if whole(out, a) => unary(out, Unary::Neg, a),
        (Binary::Pow, _, Some(2.0)) if whole(out, a) => out.mul(a, a),
        (Binary::Pow, _, Some(0.5)) if whole(out, a) => out.unary(Unary::Sqrt, a),
        (Binary::Pow, _, Some(-1.0)) if whole(out, a) => unary(out, Unary::Recip, a),
        (Binary::Pow, _, Some(-0.5)) if whole(out, a) => out.unary(Unary::Rsqrt, a),
        (Binary::Div, Some(1.0), _) if whole(out, b) => unary(out, Unary::Recip, b),
        // Division by a number is multiplication by another.
        (Binary::Div, _, Some(d)) if d != 0.0 && whole(out, a) => {
            let shape = out.shape(b).to_vec();
            let inverse = out.push(Op::Full(Real(f64::from(1.0 / d as f32))), &[], (&shape, DType::F32))?;
            out.mul(a, inverse)
        }
        (Binary::Mul | Binary::Div, _, _) if negative(out, a) || negative(out, b) => {
            let plain = |x: NodeId| if negative(out, x) { out.node(x).inputs[0] } else { x };
            let (c, d) = (plain(a), plain(b));
            let product = binary(out, f, (c, left.filter(|_| a == c)), (d, right.filter(|_| b == d)), shape)?;
            if (a == c) == (b == d) { Ok(product) } else { unary(out, Unary::Neg, product) }
        }
        (Binary::Mul, _, _) if gate(out, a, b) => out.unary(Unary::Silu, a),
        (Binary::Mul, _, _) if gate(out, b, a) => out.unary(Unary::Silu, b),
        _ => out.binary(f, a, b),
    }
}

fn negative(out: &Graph, x: NodeId) -> bool {
    out.node(x).op == Op::Unary(Unary::Neg)
}

/// Whether `b` is `sigmoid(a)`.
fn gate(out: &Graph, a: NodeId, b: NodeId) -> bool {
    out.node(b).op == Op::Unary(Unary::Sigmoid) && out.node(b).inputs[0] == a
}

fn unary(out: &mut Graph, f: Unary, x: NodeId) -> Result<NodeId, Error> {
    match (f, &out.node(x).op) {
        (Unary::Neg, Op::Unary(Unary::Neg)) => Ok(out.node(x).inputs[0]),
        (Unary::Not, Op::Unary(Unary::Not)) => Ok(out.node(x).inputs[0]),
        (Unary::Recip, Op::Unary(Unary::Sqrt)) => {
            let x = out.node(x).inputs[0];
            out.unary(Unary::Rsqrt, x)
        }
        (Unary::Detach, Op::Unary(Unary::Detach)) => Ok(x),
        _ => out.unary(f, x),
    }
}
