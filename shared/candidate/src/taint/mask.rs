//! The mask under which an operation mixes.

use super::run::state;
use super::tensor::Tensor;
use crate::ir::{Graph, NodeId, Op, Span};

/// Where the mask over a mixture's operands is made: the comparison of places below the elementwise operations that
/// lead to it. `None` where it mixes without a mask.
pub fn mask(graph: &Graph, states: &[Option<Tensor>], mixture: NodeId) -> Option<Span> {
    let mut seen = vec![false; mixture.index() + 1];
    let mut open = graph.node(mixture).inputs.clone();
    let mut made: Option<NodeId> = None;
    while let Some(id) = open.pop() {
        let node = graph.node(id);
        if std::mem::replace(&mut seen[id.index()], true) {
            continue;
        }
        // Of two axes at least: one that marks steps alone says nothing of pairs.
        let pairs = node.shape.iter().filter(|&&n| n > 1).count() > 1;
        match node.op {
            Op::Compare(_) if pairs => {
                let constant = states[id.index()].is_some() && matches!(state(states, id), Tensor::Constant(_));
                if constant && made.is_none_or(|m| m < id) {
                    made = Some(id);
                }
            }
            Op::Unary(_)
            | Op::Binary(_)
            | Op::Where
            | Op::Cast
            | Op::Reshape
            | Op::Expand
            | Op::Cat(_)
            | Op::Pad { .. } => {
                open.extend(&node.inputs);
            }
            _ => {}
        }
    }
    made.map(|id| graph.node(id).span)
}
