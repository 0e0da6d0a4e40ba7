//! Finite values, and a gradient for every live parameter.

use candle_core::Tensor;
use move37_candidate::ir::{DType, Graph, NodeId, Op, ParamKind};

use super::run::{ProbeFinding, ProbeKind};
use crate::exec::constant;
use crate::rng::Stream;
use crate::{Error, Options, Program, gradients};

pub(super) fn check(graph: &Graph, params: &[Tensor], x: &Tensor, seed: u64) -> Result<Vec<ProbeFinding>, Error> {
    let mut graph = graph.clone();
    let forward = graph.nodes().len();
    let output = graph.outputs[0];
    let trained = trained_and_live(&graph);
    let nodes: Vec<NodeId> = trained.iter().map(|&(_, id)| id).collect();
    let shape = graph.shape(output).to_vec();
    let mut stream = Stream::new(seed, "probe cotangent");
    let weights = (0..shape.iter().product()).map(|_| f64::from(stream.normal())).collect();
    let line = graph.node(output).span.line;
    let cotangent = graph.literal(&shape, weights, DType::F32).map_err(|source| Error::Graph { line, source })?;
    let found = gradients(&mut graph, output, cotangent, &nodes)?;
    graph.outputs = [output].into_iter().chain(found.iter().flatten().copied()).collect();
    let program = Program::new(graph.clone(), Options::default())?;
    let results = program.run(params, std::slice::from_ref(x))?;
    for tensor in &results {
        if !floats(tensor)?.iter().all(|v| v.is_finite()) {
            return Ok(vec![locate(graph, forward, params, x)?]);
        }
    }
    let mut findings = Vec::new();
    let mut computed = results.iter().skip(1);
    for (&(index, _), gradient) in trained.iter().zip(&found) {
        let zero = match gradient {
            None => true,
            Some(_) => floats(computed.next().expect("one result per gradient"))?.iter().all(|&v| v == 0.0),
        };
        if zero {
            let param = &graph.params[index];
            findings.push(ProbeFinding {
                kind: ProbeKind::NoGradient,
                line: param.span.line,
                message: format!("the output depends on parameter {}, but no gradient reaches it", param.name),
            });
        }
    }
    Ok(findings)
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

fn floats(tensor: &Tensor) -> Result<Vec<f32>, Error> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}
