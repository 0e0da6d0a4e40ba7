//! Where in the candidate's text a number stopped being one.

use candle_core::Tensor;
use move37_candidate::ir::{Compare, DType, Graph, NodeId, Op, Reduction};
use move37_tensor::{Error, Options, Program};

/// Line of the first value that has a NaN while what it is computed from has none; none if there is no such value or it
/// belongs to no line. Infinities are not looked for: masks make them on purpose.
///
/// The graph is run once more with a count of NaNs beside every value; gradients carry the line of the operation that they
/// belong to.
pub(super) fn origin(graph: &Graph, params: &[Tensor], inputs: &[Tensor]) -> Option<u32> {
    let found = first_nan(graph, params, inputs).inspect_err(|error| tracing::warn!(%error, "failed to find the NaN"));
    let line = graph.node(found.ok().flatten()?).span.line;
    (line > 0).then_some(line)
}

fn first_nan(graph: &Graph, params: &[Tensor], inputs: &[Tensor]) -> Result<Option<NodeId>, Error> {
    let mut counting = graph.clone();
    let live = graph.reachable(&graph.outputs);
    let mut counted = Vec::new();
    counting.outputs.clear();
    for (i, node) in graph.nodes().iter().enumerate() {
        let leaf = matches!(node.op, Op::Input(_) | Op::Full(_) | Op::Arange { .. } | Op::Literal(_));
        if live[i] && !leaf && node.dtype == DType::F32 {
            let id = NodeId(u32::try_from(i).expect("node ids are u32"));
            let count =
                count_nans(&mut counting, id).map_err(|source| Error::Graph { line: node.span.line, source })?;
            counted.push(id);
            counting.outputs.push(count);
        }
    }
    let counts = Program::new(counting, Options::default())?.run(params, inputs)?;
    for (id, count) in counted.into_iter().zip(counts) {
        if count.to_scalar::<f32>()? > 0.0 {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn count_nans(graph: &mut Graph, x: NodeId) -> Result<NodeId, move37_candidate::ir::Error> {
    let is_nan = graph.compare(Compare::Ne, x, x)?;
    let ones = graph.cast(is_nan, DType::F32)?;
    let axes: Vec<_> = (0..graph.shape(x).len()).collect();
    let sum = graph.reduce(Reduction::Sum, ones, &axes)?;
    graph.reshape(sum, &[])
}
