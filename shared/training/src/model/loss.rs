//! What is minimised and what is counted.

use move37_candidate::ir::{DType, Error, NodeId, Op, Reduction};

use super::network::Network;

/// What is minimised, and what is told of every position.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Weighted mean cross-entropy, nats per scored position (rank 0).
    pub mean_loss: NodeId,
    /// Cross-entropy of each position times its weight, nats: `[rows * length, 1]`.
    pub losses: NodeId,
    /// The token with the greatest logit at each position: `[rows * length, 1]`.
    pub predictions: NodeId,
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
    let losses = graph.scale(weighted, -1.0)?;
    let total = sum(graph, losses)?;
    let count = sum(graph, weights)?;
    let one = graph.scalar(1.0)?;
    let count = graph.binary(move37_candidate::ir::Binary::Maximum, count, one)?;
    let mean_loss = graph.div(total, count)?;

    let predictions = graph.apply(Op::ArgMax(1), &[logits])?;
    let predictions = graph.reshape(predictions, &[positions, 1])?;
    Ok(Measure { mean_loss, losses, predictions })
}

fn sum(graph: &mut move37_candidate::ir::Graph, x: NodeId) -> Result<NodeId, Error> {
    let axes: Vec<_> = (0..graph.shape(x).len()).collect();
    let sum = graph.reduce(Reduction::Sum, x, &axes)?;
    graph.reshape(sum, &[])
}
