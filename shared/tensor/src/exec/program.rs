//! A graph made ready to run many times.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use candle_core::{CpuStorage, DType as CandleDType, Storage, Tensor};
use move37_candidate::ir::{DType, Graph, NodeId, Op, Param};

use super::evaluate::{Machine, execute};
use super::kernels::copy;
use super::layout::Layout;
use super::plan::{Plan, Step, Work, constant};
use super::pool::Pool;
use super::threads::Threads;
use super::value::{Buffer, Data, Value};
use crate::Error;

/// How a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Threads of the program, the caller's included; 1 uses no other.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 1 }
    }
}

/// Time spent in one step of a profiled run.
#[derive(Clone, Debug, PartialEq)]
pub struct StepCost {
    /// The operation, or `cluster of n` for fused elementwise nodes.
    pub name: String,
    /// Line of the candidate's text (0: none).
    pub line: u32,
    /// Shape of the (first) result.
    pub shape: Vec<usize>,
    /// Wall time.
    pub time: Duration,
}

/// A graph with its plan and its constants.
#[derive(Debug)]
pub struct Program {
    graph: Graph,
    plan: Plan,
    constants: HashMap<NodeId, Value<'static>>,
    threads: Threads,
    pool: Mutex<Pool>,
}

impl Program {
    /// Plan the computation of `graph.outputs`; what depends on no input and no parameter is computed here, once.
    ///
    /// # Errors
    /// If a constant cannot be computed (an index out of range), or threads cannot be started.
    pub fn new(graph: Graph, options: Options) -> Result<Self, Error> {
        let threads = Threads::new(options.threads)?;
        let folded = constant(&graph);
        let leaf = |id: NodeId| matches!(graph.node(id).op, Op::Input(_) | Op::Param(_));
        let plan = Plan::new(&graph, &graph.outputs, |id| leaf(id) || folded[id.index()]);
        let mut wanted: Vec<NodeId> =
            plan.steps.iter().flat_map(|s| &s.inputs).chain(&graph.outputs).copied().collect();
        wanted.retain(|id| folded[id.index()]);
        wanted.sort_unstable();
        wanted.dedup();
        let mut pool = Pool::default();
        let values = constants_of(&graph, &wanted, &mut Machine { pool: &mut pool, threads: &threads })?;
        let constants = wanted.into_iter().zip(values).collect();
        Ok(Self { graph, plan, constants, threads, pool: Mutex::default() })
    }

    /// The graph that is run.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Compute the outputs. `params` and `inputs` are in the order of the graph's, CPU tensors of the declared shapes
    /// (F32; I64; Bool as U8). The results are new row-major tensors, detached from any graph of candle's.
    ///
    /// # Errors
    /// If a tensor does not fit its declaration or an index leaves its axis.
    pub fn run(&self, params: &[Tensor], inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        self.observed(params, inputs, |_, _| true)
    }

    /// [`Program::run`], unless `stop` says yes before one of its steps: it is asked before each.
    ///
    /// # Errors
    /// As [`Program::run`]; [`Error::Stopped`].
    pub fn run_unless(
        &self,
        params: &[Tensor],
        inputs: &[Tensor],
        stop: impl Fn() -> bool,
    ) -> Result<Vec<Tensor>, Error> {
        self.observed(params, inputs, |_, _| !stop())
    }

    /// [`Program::run`], with the time of each step.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn profile(&self, params: &[Tensor], inputs: &[Tensor]) -> Result<(Vec<Tensor>, Vec<StepCost>), Error> {
        let mut costs = Vec::with_capacity(self.plan.steps.len());
        let mut begun = Instant::now();
        let outputs = self.observed(params, inputs, |step, starts| {
            match starts {
                true => begun = Instant::now(),
                false => costs.push(self.cost(step, begun.elapsed())),
            }
            true
        })?;
        Ok((outputs, costs))
    }

    /// Number of steps that one run takes.
    pub fn steps(&self) -> usize {
        self.plan.steps.len()
    }

    /// Most bytes of intermediate results alive at once in the last run.
    pub fn peak_bytes(&self) -> usize {
        self.pool.lock().expect("a run does not panic").peak() * size_of::<f32>()
    }

    fn observed(
        &self,
        params: &[Tensor],
        inputs: &[Tensor],
        observe: impl FnMut(&Step, bool) -> bool,
    ) -> Result<Vec<Tensor>, Error> {
        count("parameters", self.graph.params.len(), params.len())?;
        count("inputs", self.graph.inputs.len(), inputs.len())?;
        let guards: Vec<_> = params.iter().chain(inputs).map(Tensor::storage_and_layout).collect();
        let mut pool = std::mem::take(&mut *self.pool.lock().expect("a run does not panic"));
        pool.begin();
        let mut values: Vec<Option<Value<'_>>> = vec![None; self.graph.nodes().len()];
        for (i, node) in self.graph.nodes().iter().enumerate() {
            let (name, position) = match node.op {
                Op::Param(p) => (&self.graph.params[p as usize].name, p as usize),
                Op::Input(k) => (&self.graph.inputs[k as usize].name, params.len() + k as usize),
                _ => continue,
            };
            let (storage, layout) = &guards[position];
            values[i] = Some(lent(name, (&node.shape, node.dtype), storage, layout)?);
        }
        for (id, value) in &self.constants {
            values[id.index()] = Some(value.clone());
        }
        let mut machine = Machine { pool: &mut pool, threads: &self.threads };
        execute(&self.graph, &self.plan, &mut values, &mut machine, observe)?;
        let outputs = self.collect(values);
        *self.pool.lock().expect("a run does not panic") = pool;
        outputs
    }

    fn collect(&self, mut values: Vec<Option<Value<'_>>>) -> Result<Vec<Tensor>, Error> {
        let outputs = &self.graph.outputs;
        let mut tensors = Vec::with_capacity(outputs.len());
        for (i, id) in outputs.iter().enumerate() {
            let again = outputs[i + 1..].contains(id);
            let slot = &mut values[id.index()];
            let value = if again { slot.clone() } else { slot.take() };
            tensors.push(dense(value.expect("the targets of a plan are computed")).into_tensor()?);
        }
        Ok(tensors)
    }

    fn cost(&self, step: &Step, time: Duration) -> StepCost {
        let (name, id) = match &step.work {
            Work::Node(id) => (label(&self.graph.node(*id).op), *id),
            Work::Cluster(c) => (format!("cluster of {}", c.instructions.len()), c.outputs[0].0),
        };
        let node = self.graph.node(id);
        StepCost { name, line: node.span.line, shape: node.shape.clone(), time }
    }
}

/// The values of nodes that depend on constants alone.
pub(crate) fn constants_of(
    graph: &Graph,
    wanted: &[NodeId],
    machine: &mut Machine<'_>,
) -> Result<Vec<Value<'static>>, Error> {
    let mut values: Vec<Option<Value<'static>>> = vec![None; graph.nodes().len()];
    execute(graph, &Plan::new(graph, wanted, |_| false), &mut values, machine, |_, _| true)?;
    let value = |id: &NodeId| values[id.index()].take().expect("the targets of a plan are computed");
    Ok(wanted.iter().map(value).collect())
}

/// Name of an operation, for messages.
pub(crate) fn label(op: &Op) -> String {
    let text = format!("{op:?}");
    text.split([' ', '(']).next().unwrap_or_default().to_lowercase()
}

fn count(what: &'static str, needed: usize, got: usize) -> Result<(), Error> {
    match needed == got {
        true => Ok(()),
        false => Err(Error::Count { what, needed, got }),
    }
}

/// The elements of a caller's tensor, without a copy where they lie row-major.
pub(crate) fn lent<'a>(
    name: &str,
    (shape, dtype): (&[usize], DType),
    storage: &'a Storage,
    layout: &candle_core::Layout,
) -> Result<Value<'a>, Error> {
    let own =
        Layout { shape: layout.dims().to_vec(), strides: layout.stride().to_vec(), offset: layout.start_offset() };
    let foreign = |got: CandleDType| Error::Binding {
        name: name.to_owned(),
        needed: format!("{dtype:?} {shape:?}"),
        got: format!("{got:?} {:?}", layout.dims()),
    };
    let Storage::Cpu(storage) = storage else {
        return Err(Error::Binding {
            name: name.to_owned(),
            needed: "a tensor on the CPU".to_owned(),
            got: "one on another device".to_owned(),
        });
    };
    let data = match (storage, dtype) {
        _ if layout.dims() != shape => return Err(foreign(storage_dtype(storage))),
        (CpuStorage::F32(data), DType::F32) => Data::F32(Buffer::Lent(data)),
        (CpuStorage::I64(data), DType::I64) => Data::I64(Buffer::Lent(data)),
        (CpuStorage::U8(data), DType::Bool) => Data::Bool(Buffer::Lent(data)),
        _ => return Err(foreign(storage_dtype(storage))),
    };
    Ok(Value { data, layout: own })
}

fn storage_dtype(storage: &CpuStorage) -> CandleDType {
    candle_core::backend::BackendStorage::dtype(storage)
}

/// Elements in row-major order.
pub(crate) fn dense(value: Value<'_>) -> Value<'_> {
    if value.layout.is_row_major() {
        return value;
    }
    let (n, shape) = (value.layout.elements(), value.shape().to_vec());
    match &value.data {
        Data::F32(b) => Value::f32(read(b.as_slice(), &value.layout, n), &shape),
        Data::I64(b) => Value::i64(read(b.as_slice(), &value.layout, n), &shape),
        Data::Bool(b) => Value::bool(read(b.as_slice(), &value.layout, n), &shape),
    }
}

fn read<T: Copy + Default>(src: &[T], layout: &Layout, n: usize) -> Vec<T> {
    let mut out = vec![T::default(); n];
    copy::copy(src, layout, &mut out);
    out
}

/// The initial value of a parameter; `draw` gives the elements of random leaves.
pub(crate) fn initial(
    graph: &Graph,
    param: &Param,
    draw: &dyn Fn(&Op, usize) -> Option<Vec<f32>>,
) -> Result<Tensor, Error> {
    let live = graph.reachable(&[param.init]);
    let mut values: Vec<Option<Value<'static>>> = vec![None; graph.nodes().len()];
    for (i, node) in graph.nodes().iter().enumerate().filter(|(i, _)| live[*i]) {
        match node.op {
            Op::Input(_) | Op::Param(_) => return Err(Error::Initial { name: param.name.clone() }),
            _ => values[i] = draw(&node.op, node.elements()).map(|data| Value::f32(data, &node.shape)),
        }
    }
    let given: Vec<bool> = values.iter().map(Option::is_some).collect();
    let plan = Plan::new(graph, &[param.init], |id| given[id.index()]);
    let (mut pool, threads) = (Pool::default(), Threads::new(1)?);
    let mut machine = Machine { pool: &mut pool, threads: &threads };
    execute(graph, &plan, &mut values, &mut machine, |_, _| true)?;
    dense(values[param.init.index()].take().expect("the target of a plan is computed")).into_tensor()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::cell::Cell;

    use candle_core::Device;
    use move37_candidate::ir::Unary;

    use super::*;

    #[test]
    fn a_run_that_is_stopped_ends_before_its_next_step_and_the_program_runs_again() {
        let mut graph = Graph::default();
        let x = graph.input("x", &[2, 2], DType::F32).unwrap();
        let mut y = x;
        for _ in 0..4 {
            y = graph.matmul(y, x).unwrap();
            y = graph.unary(Unary::Tanh, y).unwrap();
        }
        graph.outputs = vec![y];
        let program = Program::new(graph, Options::default()).unwrap();
        let inputs = [Tensor::new(&[[1f32, 0.5], [0.25, 1.0]], &Device::Cpu).unwrap()];
        let asked = Cell::new(0);
        let third = || {
            asked.set(asked.get() + 1);
            asked.get() == 3
        };
        assert!(matches!(program.run_unless(&[], &inputs, third), Err(Error::Stopped)));
        assert!(asked.get() == 3 && program.steps() > 3);
        let bits = |outputs: Vec<Tensor>| outputs[0].to_vec2::<f32>().unwrap();
        let whole = bits(program.run(&[], &inputs).unwrap());
        assert_eq!(bits(program.run_unless(&[], &inputs, || false).unwrap()), whole);
    }
}
