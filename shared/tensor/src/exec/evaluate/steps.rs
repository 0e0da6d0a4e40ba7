//! Running the steps of a plan.

use move37_candidate::ir::{Graph, NodeId};

use super::node::compute;
use crate::Error;
use crate::exec::kernels::compute as cluster;
use crate::exec::plan::{Plan, Step, Work};
use crate::exec::pool::Pool;
use crate::exec::threads::Threads;
use crate::exec::value::Value;

/// What kernels may use.
pub(crate) struct Machine<'m> {
    pub(crate) pool: &'m mut Pool,
    pub(crate) threads: &'m Threads,
}

/// Run all steps. `values` holds what is given and receives what is computed; a value goes when its last reader is done.
/// `observe` is called before (true) and after each step; before one it says whether to go on.
pub(crate) fn execute<'a>(
    graph: &Graph,
    plan: &Plan,
    values: &mut [Option<Value<'a>>],
    machine: &mut Machine<'_>,
    mut observe: impl FnMut(&Step, bool) -> bool,
) -> Result<(), Error> {
    for step in &plan.steps {
        if !observe(step, true) {
            return Err(Error::Stopped);
        }
        let mut inputs = read(step, values);
        match &step.work {
            Work::Node(id) => values[id.index()] = Some(compute(graph, *id, &mut inputs, machine)?),
            Work::Cluster(c) => {
                let results = cluster::run(c, &inputs, machine.pool, machine.threads);
                for (&(id, _), value) in c.outputs.iter().zip(results) {
                    values[id.index()] = Some(value);
                }
            }
        }
        for value in inputs {
            machine.pool.release(value);
        }
        // Only before a step is it asked whether to go on.
        let _ = observe(step, false);
    }
    Ok(())
}

/// The operands of a step; a value that dies here is moved, so that the step may reuse its buffer.
fn read<'a>(step: &Step, values: &mut [Option<Value<'a>>]) -> Vec<Value<'a>> {
    let mut left: Vec<NodeId> = step.inputs.clone();
    let mut inputs = Vec::with_capacity(left.len());
    left.reverse();
    while let Some(id) = left.pop() {
        let slot = &mut values[id.index()];
        let dies = step.last.contains(&id) && !left.contains(&id);
        let value = if dies { slot.take() } else { slot.clone() };
        inputs.push(value.expect("steps follow what they read"));
    }
    inputs
}
