//! Finite values, and a gradient for every live parameter.

use candle_core::Tensor;
use move37_candidate::cost::cost;
use move37_candidate::ir::{DType, Graph, NodeId, Op, ParamKind};

use super::cut::cut;
use super::run::{ProbeFinding, ProbeKind};
use crate::exec::constant;
use crate::rng::Stream;
use crate::{Error, Options, Program, gradients};

/// Most bytes of all results, parameters and their gradients, and most FLOPs, of one forward and backward pass that is run.
const MAX_BYTES: u64 = 4 << 30;
const MAX_FLOPS: u64 = 100_000_000_000;

/// A graph together with its gradients.
pub(super) struct Differentiated {
    graph: Graph,
    /// Number of nodes of the forward pass.
    forward: usize,
    /// What the output is weighed with before it is differentiated.
    pub(super) cotangent: Vec<f64>,
    trained: Vec<(usize, NodeId)>,
    /// The gradient of each of `trained`.
    found: Vec<Option<NodeId>>,
}

impl Differentiated {
    pub(super) fn new(graph: &Graph, seed: u64) -> Result<Self, Error> {
        let mut graph = graph.clone();
        let (forward, output) = (graph.nodes().len(), graph.outputs[0]);
        let trained = trained_and_live(&graph);
        let nodes: Vec<NodeId> = trained.iter().map(|&(_, id)| id).collect();
        let shape = graph.shape(output).to_vec();
        let mut stream = Stream::new(seed, "probe cotangent");
        let cotangent: Vec<f64> = (0..shape.iter().product()).map(|_| f64::from(stream.normal())).collect();
        let line = graph.node(output).span.line;
        let weights = graph.literal(&shape, cotangent.clone(), DType::F32);
        let weights = weights.map_err(|source| Error::Graph { line, source })?;
        let found = gradients(&mut graph, output, weights, &nodes)?;
        graph.outputs = [output].into_iter().chain(found.iter().flatten().copied()).collect();
        let mut size = cost(&graph);
        size.bytes = size.bytes.saturating_add(size.parameters.saturating_mul(8));
        if size.bytes > MAX_BYTES || size.flops > MAX_FLOPS {
            let line = size.lines.first().map_or(0, |dearest| dearest.line);
            return Err(Error::Large { line, bytes: size.bytes, flops: size.flops });
        }
        Ok(Self { graph, forward, cotangent, trained, found })
    }

    /// The output, then the gradients that there are; or the finding that they are not finite at this input.
    pub(super) fn run(
        &self,
        params: &[Tensor],
        x: &Tensor,
        what: &str,
    ) -> Result<Result<Vec<Tensor>, ProbeFinding>, Error> {
        let program = Program::new(self.graph.clone(), Options::default())?;
        let results = program.run(params, std::slice::from_ref(x))?;
        for tensor in &results {
            if !floats(tensor)?.iter().all(|v| v.is_finite()) {
                let mut finding = locate(self.graph.clone(), self.forward, params, x)?;
                finding.message += what;
                return Ok(Err(finding));
            }
        }
        Ok(Ok(results))
    }

    /// Live parameters whose gradients are all zero, by where the gradient ends.
    pub(super) fn without_gradient(
        &self,
        original: &Graph,
        params: &[Tensor],
        (x, results): (&Tensor, &[Tensor]),
    ) -> Result<Vec<ProbeFinding>, Error> {
        let mut computed = results.iter().skip(1);
        let mut ends: Vec<(u32, Vec<&str>)> = Vec::new();
        for (&(index, node), gradient) in self.trained.iter().zip(&self.found) {
            let zero = match gradient {
                None => true,
                Some(_) => floats(computed.next().expect("one result per gradient"))?.iter().all(|&v| v == 0.0),
            };
            if zero {
                let param = &self.graph.params[index];
                let end = cut(original, node, &self.cotangent, params, x)?;
                let line = end.map_or(param.span.line, |id| original.node(id).span.line);
                match ends.iter_mut().find(|(l, _)| *l == line) {
                    Some((_, names)) => names.push(&param.name),
                    None => ends.push((line, vec![&param.name])),
                }
            }
        }
        let told = |(line, names): (u32, Vec<&str>)| {
            let more = if names.len() > 4 { format!(" and {} more", names.len() - 4) } else { String::new() };
            let names = names[..names.len().min(4)].join(", ");
            let message = format!("no gradient reaches {names}{more}, although the output depends on it: it ends here");
            ProbeFinding { kind: ProbeKind::NoGradient, line, message }
        };
        Ok(ends.into_iter().map(told).collect())
    }
}

/// (number of the parameter, its node) of those that the output depends on.
fn trained_and_live(graph: &Graph) -> Vec<(usize, NodeId)> {
    let live = graph.reachable(&graph.outputs[..1]);
    let leaf = |i: usize| match graph.nodes()[i].op {
        Op::Param(p) if live[i] && graph.params[p as usize].kind == ParamKind::Trained => Some(p as usize),
        _ => None,
    };
    (0..graph.nodes().len())
        .filter_map(|i| Some((leaf(i)?, NodeId(u32::try_from(i).expect("node ids have 32 bits")))))
        .collect()
}

/// Name the node at which finite values end.
fn locate(mut graph: Graph, forward: usize, params: &[Tensor], x: &Tensor) -> Result<ProbeFinding, Error> {
    let live = graph.reachable(&graph.outputs);
    let fixed = constant(&graph);
    let ids: Vec<NodeId> = (0..graph.nodes().len())
        .filter(|&i| live[i] && !fixed[i] && graph.nodes()[i].dtype == DType::F32)
        .map(|i| NodeId(u32::try_from(i).expect("node ids have 32 bits")))
        .collect();
    graph.outputs.clone_from(&ids);
    let program = Program::new(graph.clone(), Options::default())?;
    let values = program.run(params, std::slice::from_ref(x))?;
    let mut states = vec![State::Finite; graph.nodes().len()];
    for (id, value) in ids.iter().zip(&values) {
        states[id.index()] = state(&floats(value)?);
    }
    let first = |wanted: State| ids.iter().copied().find(|id| states[id.index()] == wanted);
    let mut at = first(State::Nan)
        .or_else(|| first(State::Overflow))
        .or_else(|| first(State::Masked))
        .expect("a result that is not finite was seen");
    // Behind a NaN often stands an overflow; masks of -inf are meant and are not followed.
    while let Some(&cause) = graph.node(at).inputs.iter().find(|i| states[i.index()] == State::Overflow) {
        at = cause;
    }
    let node = graph.node(at);
    let (what, pass) = (
        if states[at.index()] == State::Nan { "NaN" } else { "infinity" },
        if at.index() < forward { "forward" } else { "backward" },
    );
    let operation = crate::exec::label(&node.op);
    Ok(ProbeFinding {
        kind: ProbeKind::NotFinite,
        line: node.span.line,
        message: format!("the {pass} pass gives {what}, first in {operation} of shape {:?}", node.shape),
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Finite,
    /// Only -inf besides finite values.
    Masked,
    Overflow,
    Nan,
}

fn state(values: &[f32]) -> State {
    if values.iter().any(|v| v.is_nan()) {
        State::Nan
    } else if values.contains(&f32::INFINITY) {
        State::Overflow
    } else if values.contains(&f32::NEG_INFINITY) {
        State::Masked
    } else {
        State::Finite
    }
}

pub(super) fn floats(tensor: &Tensor) -> Result<Vec<f32>, Error> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}
