//! Where in the candidate's text numbers ceased to be sane.
//!
//! The graph is run once more with figures beside every value: how many NaNs it has, its greatest number and magnitude.
//! Gradients carry the line of the operation that they belong to, so they are covered too. What the same graph does with its
//! first weights says which magnitudes, and which infinities (masks), belong to it.

use candle_core::Tensor;
use move37_candidate::ir::{Compare, DType, Graph, NodeId, Op, Reduction, Unary};
use move37_tensor::{Error, Options, Program};

/// How far beyond its own first magnitude, and beyond 1, a value may be: the greatest of these that some value exceeds
/// finds the operation, so that the wildest is blamed and not one that merely grew.
const SANE: [f32; 4] = [1e6, 1e4, 1e2, 10.0];

/// What an operation made out of sane operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    NotANumber,
    Infinity,
    Magnitude,
}

/// The operation with which it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// Line of the candidate's text; 0 in the model around it.
    pub(super) line: u32,
    pub(super) begun: Begun,
}

/// The first operation whose result is insane while what it is computed from is not; none if there is no such one.
/// `first` are the weights that the run began with, where they are others.
pub(super) fn origin(graph: &Graph, params: &[Tensor], first: Option<&[Tensor]>, inputs: &[Tensor]) -> Option<Origin> {
    let found = find(graph, params, first, inputs);
    let found = found.inspect_err(|error| tracing::warn!(%error, "failed to find where a run diverged"));
    let (id, begun) = found.ok().flatten()?;
    Some(Origin { line: graph.node(id).span.line, begun })
}

/// Figures of one value.
#[derive(Clone, Copy)]
struct Figures {
    nans: bool,
    most: f32,
    greatest: f32,
}

fn find(
    graph: &Graph,
    params: &[Tensor],
    first: Option<&[Tensor]>,
    inputs: &[Tensor],
) -> Result<Option<(NodeId, Begun)>, Error> {
    let (program, measured) = figured(graph)?;
    let now = figures(&program, graph, &measured, params, inputs)?;
    let then = first.map(|first| figures(&program, graph, &measured, first, inputs)).transpose()?;
    let varies = varying(graph);
    let candidates = || (0..graph.nodes().len()).filter(|&i| varies[i] && now[i].is_some());
    // Begins at a node: it holds there, and for none of its operands.
    let begins = |i: usize, holds: &dyn Fn(usize) -> bool| {
        holds(i) && !graph.nodes()[i].inputs.iter().any(|operand| holds(operand.index()))
    };
    let nan = |i: usize| now[i].is_some_and(|figures| figures.nans);
    let infinite = |i: usize| now[i].is_some_and(|figures| figures.most == f32::INFINITY);
    let always = |i: usize| then.as_ref().is_some_and(|then| then[i].is_some_and(|f| f.most == f32::INFINITY));
    let above = |i: usize| now[i].is_some_and(|figures| figures.greatest == f32::INFINITY);
    // A mask below is nothing to an exponential: what is infinite above arose there.
    let exponential = |i: usize| graph.nodes()[i].op == Op::Unary(Unary::Exp);
    let born = |i: usize| (begins(i, &infinite) || exponential(i) && begins(i, &above)) && !always(i);
    if let Some(nan) = candidates().find(|&i| begins(i, &nan)) {
        // A NaN out of an infinity is the infinity's fault.
        let causes = graph.reachable(&[id(nan)]);
        let infinity = candidates().take_while(|&i| i < nan).find(|&i| causes[i] && born(i));
        return Ok(Some(infinity.map_or((id(nan), Begun::NotANumber), |i| (id(i), Begun::Infinity))));
    }
    if let Some(infinity) = candidates().find(|&i| born(i)) {
        return Ok(Some((id(infinity), Begun::Infinity)));
    }
    for limit in SANE {
        let usual = |i: usize| then.as_ref().and_then(|then| then[i]).map_or(1.0, |figures| figures.most.max(1.0));
        let wild = |i: usize| now[i].is_some_and(|figures| figures.most > limit * usual(i));
        if let Some(wild) = candidates().find(|&i| begins(i, &wild)) {
            return Ok(Some((id(wild), Begun::Magnitude)));
        }
    }
    Ok(None)
}

fn id(i: usize) -> NodeId {
    NodeId(u32::try_from(i).expect("node ids are u32"))
}

/// What depends on an input or a parameter, and is neither.
fn varying(graph: &Graph) -> Vec<bool> {
    let mut varies = vec![false; graph.nodes().len()];
    let leaf = |node: &Op| matches!(node, Op::Input(_) | Op::Param(_));
    for (i, node) in graph.nodes().iter().enumerate() {
        varies[i] = node.inputs.iter().any(|j| varies[j.index()] || leaf(&graph.node(*j).op));
    }
    varies
}

/// The graph with the figures of every live value as its outputs, and the values in that order.
fn figured(graph: &Graph) -> Result<(Program, Vec<NodeId>), Error> {
    let mut figured = graph.clone();
    let live = graph.reachable(&graph.outputs);
    let mut measured = Vec::new();
    figured.outputs.clear();
    for (i, node) in graph.nodes().iter().enumerate() {
        if live[i] && node.dtype == DType::F32 && node.elements() > 0 {
            let of = |source| Error::Graph { line: node.span.line, source };
            let figures = of_value(&mut figured, id(i)).map_err(of)?;
            figured.outputs.extend(figures);
            measured.push(id(i));
        }
    }
    Ok((Program::new(figured, Options::default())?, measured))
}

fn figures(
    program: &Program,
    graph: &Graph,
    measured: &[NodeId],
    params: &[Tensor],
    inputs: &[Tensor],
) -> Result<Vec<Option<Figures>>, Error> {
    let outputs = program.run(params, inputs)?;
    let mut figures = vec![None; graph.nodes().len()];
    for (id, three) in measured.iter().zip(outputs.chunks(3)) {
        let number = |i: usize| three[i].to_scalar::<f32>();
        figures[id.index()] = Some(Figures { nans: number(0)? > 0.0, most: number(1)?, greatest: number(2)? });
    }
    Ok(figures)
}

/// Number of NaNs, greatest magnitude and greatest number; NaNs have none.
fn of_value(graph: &mut Graph, x: NodeId) -> Result<[NodeId; 3], move37_candidate::ir::Error> {
    let is_nan = graph.compare(Compare::Ne, x, x)?;
    let nothing = graph.scalar(0.0)?;
    let numbers = graph.select(is_nan, nothing, x)?;
    let nans = graph.cast(is_nan, DType::F32)?;
    let magnitude = graph.unary(Unary::Abs, numbers)?;
    Ok([
        scalar(graph, Reduction::Sum, nans)?,
        scalar(graph, Reduction::Max, magnitude)?,
        scalar(graph, Reduction::Max, numbers)?,
    ])
}

fn scalar(graph: &mut Graph, reduction: Reduction, x: NodeId) -> Result<NodeId, move37_candidate::ir::Error> {
    let axes: Vec<_> = (0..graph.shape(x).len()).collect();
    let x = if axes.is_empty() { x } else { graph.reduce(reduction, x, &axes)? };
    graph.reshape(x, &[])
}
