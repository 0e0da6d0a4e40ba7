//! Where the gradient of a parameter ends on its way back from the output.

use candle_core::Tensor;
use move37_candidate::ir::{DType, Graph, NodeId};

use super::numbers::floats;
use crate::{Error, Options, Program, gradients};

/// The operation that has a gradient and hands none on towards `param`: the first of them in the order of the text, or,
/// where it is made of integers or truth values, the operation that made those of floats.
pub(super) fn cut(
    graph: &Graph,
    param: NodeId,
    cotangent: &[f64],
    params: &[Tensor],
    x: &Tensor,
) -> Result<Option<NodeId>, Error> {
    let output = graph.outputs[0];
    let live = graph.reachable(&[output]);
    let mut below = vec![false; graph.nodes().len()];
    below[param.index()] = true;
    for (i, node) in graph.nodes().iter().enumerate() {
        below[i] |= live[i] && node.inputs.iter().any(|n| below[n.index()]);
    }
    let id = |i: usize| NodeId(u32::try_from(i).expect("node ids have 32 bits"));
    let floating: Vec<NodeId> =
        (0..below.len()).filter(|&i| below[i] && graph.nodes()[i].dtype == DType::F32).map(id).collect();
    let mut own = graph.clone();
    let line = own.node(output).span.line;
    let shape = own.shape(output).to_vec();
    let weights = own.literal(&shape, cotangent.to_vec(), DType::F32);
    let weights = weights.map_err(|source| Error::Graph { line, source })?;
    let found = gradients(&mut own, output, weights, &floating)?;
    own.outputs = found.iter().flatten().copied().collect();
    let results = Program::new(own, Options::default())?.run(params, std::slice::from_ref(x))?;
    let mut reached = vec![false; below.len()];
    let mut results = results.iter();
    for (node, gradient) in floating.iter().zip(&found) {
        if gradient.is_some() {
            let values = floats(results.next().expect("one result per gradient"))?;
            reached[node.index()] = values.iter().any(|&v| v != 0.0);
        }
    }
    let lost = |n: &NodeId| below[n.index()] && !reached[n.index()];
    let end = floating.iter().find(|n| reached[n.index()] && graph.node(**n).inputs.iter().any(lost));
    let Some(&(mut at)) = end else { return Ok(None) };
    while let Some(&made) = graph.node(at).inputs.iter().find(|n| lost(n) && graph.dtype(**n) != DType::F32) {
        at = made;
    }
    Ok(Some(at))
}
