//! A graph made ready to run many times on a device.

use std::collections::HashMap;

use candle_core::{DType as CandleDType, Device, Tensor};
use move37_candidate::ir::{DType, Graph, Node, NodeId, Op};

use super::Compute;
use super::rules::{self, Machine};
use crate::Error;
use crate::exec::{Worker, constant};

/// A graph with its order and its constants on a device.
#[derive(Debug)]
pub struct DeviceProgram {
    graph: Graph,
    device: Device,
    half: bool,
    /// Nodes in order, each with the values that nobody reads after it.
    order: Vec<(NodeId, Vec<NodeId>)>,
    constants: HashMap<NodeId, Tensor>,
    worker: Worker,
}

impl DeviceProgram {
    /// Order the computation of `graph.outputs`; what depends on no input and no parameter is computed here, once, on the CPU.
    ///
    /// # Errors
    /// There is no such device, or a constant cannot be computed.
    pub fn new(graph: Graph, compute: Compute) -> Result<Self, Error> {
        let device = compute.open()?;
        let worker = Worker::new()?;
        let (live, folded) = (graph.reachable(&graph.outputs), constant(&graph));
        let at = |i: usize| NodeId(u32::try_from(i).expect("node ids are u32"));
        let is_leaf = |node: &Node| matches!(node.op, Op::Input(_) | Op::Param(_));
        let computed: Vec<NodeId> = (0..graph.nodes().len())
            .filter(|&i| live[i] && !folded[i] && !is_leaf(&graph.nodes()[i]))
            .map(at)
            .collect();
        let mut wanted: Vec<NodeId> =
            computed.iter().flat_map(|id| &graph.node(*id).inputs).chain(&graph.outputs).copied().collect();
        wanted.retain(|id| folded[id.index()]);
        wanted.sort_unstable();
        wanted.dedup();
        let mut constants = HashMap::new();
        for (id, tensor) in wanted.iter().zip(worker.constants(&graph, &wanted)?) {
            constants.insert(*id, tensor.to_device(&device)?);
        }
        let order = buried(&graph, computed);
        Ok(Self { graph, device, half: compute.half(), order, constants, worker })
    }

    /// The graph that is run.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Compute the outputs on the device, unless `stop` says yes before one of its nodes. `params` and `inputs` are in the order
    /// of the graph's, of the declared shapes (F32; I64; Bool as U8), on any device; the results are on the CPU.
    ///
    /// # Errors
    /// If a tensor does not fit its declaration; [`Error::Stopped`].
    pub fn run_unless(
        &self,
        params: &[Tensor],
        inputs: &[Tensor],
        stop: impl Fn() -> bool,
    ) -> Result<Vec<Tensor>, Error> {
        let mut values: Vec<Option<Tensor>> = vec![None; self.graph.nodes().len()];
        for (i, node) in self.graph.nodes().iter().enumerate() {
            let (name, tensor) = match node.op {
                Op::Param(p) => (&self.graph.params[p as usize].name, params.get(p as usize)),
                Op::Input(k) => (&self.graph.inputs[k as usize].name, inputs.get(k as usize)),
                _ => continue,
            };
            values[i] = Some(bound(name, node, tensor)?.to_device(&self.device)?);
        }
        for (id, tensor) in &self.constants {
            values[id.index()] = Some(tensor.clone());
        }
        let machine = Machine { device: &self.device, half: self.half, worker: &self.worker };
        for (id, dead) in &self.order {
            if stop() {
                return Err(Error::Stopped);
            }
            let value = {
                let read =
                    |input: &NodeId| values[input.index()].clone().expect("operands come before what reads them");
                let inputs: Vec<Tensor> = self.graph.node(*id).inputs.iter().map(read).collect();
                rules::compute(&self.graph, *id, &inputs, &machine)?
            };
            values[id.index()] = Some(value);
            for id in dead {
                values[id.index()] = None;
            }
        }
        let output = |id: &NodeId| {
            let value = values[id.index()].as_ref().expect("outputs are computed");
            Ok(value.to_device(&Device::Cpu)?.contiguous()?)
        };
        self.graph.outputs.iter().map(output).collect()
    }
}

/// The nodes, each with what dies behind it.
fn buried(graph: &Graph, computed: Vec<NodeId>) -> Vec<(NodeId, Vec<NodeId>)> {
    let mut last: HashMap<NodeId, NodeId> = HashMap::new();
    for id in &computed {
        last.extend(graph.node(*id).inputs.iter().map(|input| (*input, *id)));
    }
    last.retain(|value, _| !graph.outputs.contains(value));
    let mut dead: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    last.into_iter().for_each(|(value, reader)| dead.entry(reader).or_default().push(value));
    computed.into_iter().map(|id| (id, dead.remove(&id).unwrap_or_default())).collect()
}

/// A caller's tensor, if it is what the graph declares.
fn bound<'t>(name: &str, node: &Node, tensor: Option<&'t Tensor>) -> Result<&'t Tensor, Error> {
    let needed = || format!("{:?} {:?}", node.dtype, node.shape);
    let misfit = |got: String| Error::Binding { name: name.to_owned(), needed: needed(), got };
    let tensor = tensor.ok_or_else(|| misfit("nothing".to_owned()))?;
    match tensor.dtype() == stored(node.dtype) && tensor.dims() == node.shape {
        true => Ok(tensor),
        false => Err(misfit(format!("{:?} {:?}", tensor.dtype(), tensor.dims()))),
    }
}

/// Candle's name of a dtype; truth values are stored as 0 and 1.
pub(super) fn stored(dtype: DType) -> CandleDType {
    match dtype {
        DType::F32 => CandleDType::F32,
        DType::I64 => CandleDType::I64,
        DType::Bool => CandleDType::U8,
    }
}
