//! Values of nodes that depend on constants alone.

use std::collections::HashMap;
use std::sync::Arc;

use super::eval::evaluate;
use super::graph::{Graph, NodeId, ParamKind};
use super::op::Op;

/// The most elements that a constant (or a step on the way to it) may have.
const MAX_ELEMENTS: usize = 1 << 21;

/// The most elements of all constants of a graph together.
const MAX_KEPT: usize = 1 << 26;
/// The most steps of computing them, products counted by their terms.
const MAX_STEPS: usize = 1 << 31;

/// A memory of constants found so far; belongs to one graph. It is bounded: beyond that nothing more is found.
#[derive(Clone, Debug, Default)]
pub struct Constants {
    known: HashMap<NodeId, Option<Arc<[f64]>>>,
    kept: usize,
    steps: usize,
}

impl Constants {
    /// The row-major values of a node, if no input, trained parameter or random number decides them. A buffer counts
    /// by its initial value.
    pub fn get(&mut self, graph: &Graph, id: NodeId) -> Option<Arc<[f64]>> {
        if let Some(known) = self.known.get(&id) {
            return known.clone();
        }
        // Operands first, without recursion: graphs may be deep.
        let mut pending = vec![id];
        while let Some(&next) = pending.last() {
            if self.known.contains_key(&next) {
                pending.pop();
                continue;
            }
            let node = graph.node(next);
            let through = through(graph, next);
            let inputs: &[NodeId] = through.as_ref().map_or(&node.inputs[..], std::slice::from_ref);
            if let Some(&missing) = inputs.iter().find(|i| !self.known.contains_key(i)) {
                // One unknown operand settles it before the others are looked at.
                if inputs.iter().any(|i| self.known.get(i).is_some_and(Option::is_none)) {
                    self.known.insert(next, None);
                } else {
                    pending.push(missing);
                }
                continue;
            }
            let value = self.compute(graph, next, inputs);
            self.known.insert(next, value);
            pending.pop();
        }
        self.known.get(&id).cloned().flatten()
    }

    /// Whether something was not looked at because too much was before.
    pub fn exhausted(&self) -> bool {
        self.kept > MAX_KEPT || self.steps > MAX_STEPS
    }

    fn compute(&mut self, graph: &Graph, id: NodeId, inputs: &[NodeId]) -> Option<Arc<[f64]>> {
        let node = graph.node(id);
        if node.elements() > MAX_ELEMENTS {
            return None;
        }
        let values: Vec<Arc<[f64]>> =
            inputs.iter().map(|i| self.known.get(i).cloned().flatten()).collect::<Option<_>>()?;
        if through(graph, id).is_some() {
            return values.into_iter().next();
        }
        let terms = match node.op {
            Op::Matmul => graph.shape(inputs[0]).last().copied().unwrap_or(1),
            _ => inputs.len().max(1),
        };
        self.kept = self.kept.saturating_add(node.elements());
        self.steps = self.steps.saturating_add(node.elements().saturating_mul(terms));
        if self.exhausted() {
            return None;
        }
        let operands: Vec<_> = inputs.iter().zip(&values).map(|(&i, v)| (graph.shape(i), &v[..])).collect();
        evaluate(&node.op, &operands, &node.shape, node.dtype).map(Into::into)
    }
}

/// The node that a buffer's value is taken from.
fn through(graph: &Graph, id: NodeId) -> Option<NodeId> {
    match graph.node(id).op {
        Op::Param(i) => {
            let param = &graph.params[i as usize];
            (param.kind == ParamKind::Buffer).then_some(param.init)
        }
        _ => None,
    }
}
