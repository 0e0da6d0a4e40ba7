//! Single nodes on the CPU, for whoever executes the rest elsewhere.

use std::sync::Mutex;

use candle_core::{Storage, Tensor};
use move37_candidate::ir::{Graph, Node, NodeId};

use super::evaluate::{Machine, execute};
use super::plan::Plan;
use super::pool::Pool;
use super::program::{constants_of, dense, label, lent};
use super::threads::Threads;
use super::value::Value;
use crate::Error;

/// Buffers and a thread for nodes one by one.
#[derive(Debug)]
pub(crate) struct Worker {
    threads: Threads,
    pool: Mutex<Pool>,
}

impl Worker {
    pub(crate) fn new() -> Result<Worker, Error> {
        Ok(Worker { threads: Threads::new(1)?, pool: Mutex::default() })
    }

    /// The values of nodes that depend on constants alone.
    pub(crate) fn constants(&self, graph: &Graph, wanted: &[NodeId]) -> Result<Vec<Tensor>, Error> {
        let mut pool = self.pool.lock().expect("kernels do not panic");
        let values = constants_of(graph, wanted, &mut Machine { pool: &mut pool, threads: &self.threads })?;
        values.into_iter().map(|value| dense(value).into_tensor()).collect()
    }

    /// The value of a node from its operands.
    pub(crate) fn node(&self, graph: &Graph, id: NodeId, operands: Vec<Value<'_>>) -> Result<Tensor, Error> {
        let mut values: Vec<Option<Value<'_>>> = vec![None; graph.nodes().len()];
        for (operand, value) in graph.node(id).inputs.iter().zip(operands) {
            values[operand.index()] = Some(value);
        }
        let plan = Plan::new(graph, &[id], |other| other != id);
        let mut pool = self.pool.lock().expect("kernels do not panic");
        pool.begin();
        let mut machine = Machine { pool: &mut pool, threads: &self.threads };
        execute(graph, &plan, &mut values, &mut machine, |_, _| true)?;
        dense(values[id.index()].take().expect("the target of a plan is computed")).into_tensor()
    }
}

/// A tensor on the CPU as the value of a node.
pub(crate) fn given<'a>(node: &Node, storage: &'a Storage, layout: &candle_core::Layout) -> Result<Value<'a>, Error> {
    lent(&label(&node.op), (&node.shape, node.dtype), storage, layout)
}
