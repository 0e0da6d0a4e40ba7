//! One node on the CPU, for what candle lacks.

use candle_core::{Device, Tensor};
use move37_candidate::ir::{Graph, NodeId};

use crate::Error;
use crate::exec::{Worker, given};

/// Compute a node by our own kernels from tensors on any device; the result is on the CPU.
pub(super) fn compute(graph: &Graph, id: NodeId, inputs: &[Tensor], worker: &Worker) -> Result<Tensor, Error> {
    let here = |tensor: &Tensor| tensor.to_device(&Device::Cpu)?.contiguous();
    let inputs = inputs.iter().map(here).collect::<candle_core::Result<Vec<Tensor>>>()?;
    let guards: Vec<_> = inputs.iter().map(Tensor::storage_and_layout).collect();
    let mut values = Vec::with_capacity(inputs.len());
    for (&operand, (storage, layout)) in graph.node(id).inputs.iter().zip(&guards) {
        values.push(given(graph.node(operand), storage, layout)?);
    }
    worker.node(graph, id, values)
}
