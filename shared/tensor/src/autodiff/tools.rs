//! Small graph builders that several rules share.

use move37_candidate::ir::{Axis, DType, Error, Graph, NodeId, Op, Reduction, Unary};

/// Sum `g` over the axes that broadcasting added or grew, back to `shape`.
pub(super) fn unbroadcast(graph: &mut Graph, g: NodeId, shape: &[usize]) -> Result<NodeId, Error> {
    let from = graph.shape(g).to_vec();
    let extra = from.len() - shape.len();
    let axes: Vec<Axis> = (0..from.len()).filter(|&i| i < extra || (shape[i - extra] == 1 && from[i] != 1)).collect();
    let sum = graph.reduce(Reduction::Sum, g, &axes)?;
    graph.reshape(sum, shape)
}

/// Broadcast to `shape`; a constant stays a constant.
pub(super) fn expand(graph: &mut Graph, x: NodeId, shape: &[usize]) -> Result<NodeId, Error> {
    match graph.node(x).op {
        Op::Full(value) => graph.full(shape, value.0, DType::F32),
        _ => graph.expand(x, shape),
    }
}

/// `-x`
pub(super) fn neg(graph: &mut Graph, x: NodeId) -> Result<NodeId, Error> {
    graph.unary(Unary::Neg, x)
}

/// `x + value`
pub(super) fn shift(graph: &mut Graph, x: NodeId, value: f64) -> Result<NodeId, Error> {
    let value = graph.scalar(value)?;
    graph.add(x, value)
}

/// `value - x`
pub(super) fn from(graph: &mut Graph, value: f64, x: NodeId) -> Result<NodeId, Error> {
    let value = graph.scalar(value)?;
    graph.sub(value, x)
}

/// Zeros of a shape.
pub(super) fn zeros(graph: &mut Graph, shape: &[usize]) -> Result<NodeId, Error> {
    graph.full(shape, 0.0, DType::F32)
}

/// The value of a node whose elements are all one known constant.
pub(super) fn constant(graph: &Graph, x: NodeId) -> Option<f64> {
    match graph.node(x).op {
        Op::Full(value) => Some(value.0),
        _ => None,
    }
}
