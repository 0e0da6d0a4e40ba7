//! The one pass from the output back to what is asked for.

use std::collections::BTreeMap;

use move37_candidate::ir::{DType, Graph, NodeId};

use super::contributions::Contributions;
use super::rules;
use crate::Error;

/// Add to `graph` the gradients of `sum(output * cotangent)` with respect to each node of `wrt`.
///
/// `cotangent` has the shape of `output`. The answer has one entry per entry of `wrt`, of its shape; `None` where no
/// differentiable path leads from it to `output`. Maxima share their gradient equally among ties, rounding, comparisons,
/// indices and casts have none, `relu` and `abs` have 0 at 0.
pub fn gradients(
    graph: &mut Graph,
    output: NodeId,
    cotangent: NodeId,
    wrt: &[NodeId],
) -> Result<Vec<Option<NodeId>>, Error> {
    let span = graph.span;
    let result = sweep(graph, output, cotangent, wrt);
    let line = graph.span.line;
    graph.span = span;
    result.map_err(|source| Error::Graph { line, source })
}

fn sweep(
    graph: &mut Graph,
    output: NodeId,
    cotangent: NodeId,
    wrt: &[NodeId],
) -> Result<Vec<Option<NodeId>>, move37_candidate::ir::Error> {
    if graph.shape(output) != graph.shape(cotangent) {
        return Err(move37_candidate::ir::Error::Broadcast(
            graph.shape(output).to_vec(),
            graph.shape(cotangent).to_vec(),
        ));
    }
    let wanted = influenced(graph, output, wrt);
    let asked: std::collections::BTreeSet<_> = wrt.iter().copied().collect();
    let mut pending: BTreeMap<NodeId, Contributions> = BTreeMap::new();
    let mut found: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    if wanted[output.index()] {
        pending.entry(output).or_default().add(cotangent);
    }
    // Operands precede users, so the largest pending node has all its contributions.
    while let Some((id, contributions)) = pending.pop_last() {
        graph.span = graph.node(id).span;
        let gradient = contributions.total(graph, id)?;
        if asked.contains(&id) {
            found.insert(id, gradient);
        }
        let node = graph.node(id).clone();
        let needs: Vec<bool> = node.inputs.iter().map(|i| wanted[i.index()]).collect();
        for (operand, part) in rules::parts(graph, id, &node, gradient, &needs)? {
            pending.entry(node.inputs[operand]).or_default().push(part);
        }
    }
    Ok(wrt.iter().map(|id| found.get(id).copied()).collect())
}

/// For each node up to `output`: whether it is float and depends on one of `wrt` (or is one).
fn influenced(graph: &Graph, output: NodeId, wrt: &[NodeId]) -> Vec<bool> {
    let mut wanted = vec![false; output.index() + 1];
    for id in wrt {
        if id.index() < wanted.len() {
            wanted[id.index()] = true;
        }
    }
    for (i, node) in graph.nodes()[..=output.index()].iter().enumerate() {
        wanted[i] = node.dtype == DType::F32
            && (wanted[i] || (rules::differentiable(&node.op) && node.inputs.iter().any(|j| wanted[j.index()])));
    }
    wanted
}
