//! What is minimised and what is counted.

use move37_candidate::ir::{Compare, DType, Error, NodeId, Op, Reduction};

use super::network::Network;

/// Scalars (rank 0) over the positions whose weight is not 0.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Weighted mean cross-entropy, nats per scored position.
    pub mean_loss: NodeId,
    /// Weighted sum of the cross-entropy, nats.
    pub total_loss: NodeId,
    /// Weighted number of positions where the greatest logit is the target's.
    pub correct: NodeId,
}

/// Add inputs 1 and 2, `targets: I64` and `weights: F32` of shape `[rows, length]`, and what follows from them and the
/// logits.
pub fn measured(network: &mut Network) -> Result<Measure, Error> {
    let (graph, logits) = (&mut network.graph, network.logits);
    let shape = graph.inputs[0].shape.clone();
    let positions = shape.iter().product();
    let targets = graph.input("targets", &shape, DType::I64)?;
    let weights = graph.input("weights", &shape, DType::F32)?;
    let targets = graph.reshape(targets, &[positions, 1])?;
    let weights = graph.reshape(weights, &[positions, 1])?;

    let log_probabilities = graph.apply(Op::LogSoftmax(1), &[logits])?;
    let chosen = graph.apply(Op::Gather(1), &[log_probabilities, targets])?;
    let weighted = graph.mul(chosen, weights)?;
    let minus = graph.scale(weighted, -1.0)?;
    let total_loss = sum(graph, minus)?;
    let count = sum(graph, weights)?;
    let one = graph.scalar(1.0)?;
    let count = graph.binary(move37_candidate::ir::Binary::Maximum, count, one)?;
    let mean_loss = graph.div(total_loss, count)?;

    let best = graph.apply(Op::ArgMax(1), &[logits])?;
    let hit = graph.compare(Compare::Eq, best, targets)?;
    let hit = graph.cast(hit, DType::F32)?;
    let hit = graph.mul(hit, weights)?;
    let correct = sum(graph, hit)?;
    Ok(Measure { mean_loss, total_loss, correct })
}

fn sum(graph: &mut move37_candidate::ir::Graph, x: NodeId) -> Result<NodeId, Error> {
    let axes: Vec<_> = (0..graph.shape(x).len()).collect();
    let sum = graph.reduce(Reduction::Sum, x, &axes)?;
    graph.reshape(sum, &[])
}
