//! Whether a hand-written pullback is what it is taken for: a product with the gradient, or the derivative of a map.

use std::collections::HashMap;

use super::constant::Constants;
use super::eval::evaluate;
use super::graph::{Graph, NodeId};
use super::op::{Binary, DType, Op, Unary};

/// The most work of one evaluation.
const MAX_WORK: usize = 20_000_000;
/// Step of the central difference.
const STEP: f64 = 1e-6;
/// Distance at which two directional derivatives are the same.
const TOLERANCE: f64 = 1e-5;

/// A map and its pullback, as nodes of one graph.
#[derive(Debug)]
pub struct Pullback<'a> {
    /// Where the map begins; everything else that it depends on stays fixed.
    pub inputs: &'a [NodeId],
    /// What it makes.
    pub outputs: &'a [NodeId],
    /// Stands for the gradient of each output.
    pub cotangents: &'a [NodeId],
    /// The gradient of each input, where there is one.
    pub gradients: &'a [Option<NodeId>],
}

/// What a comparison of a pullback with differences came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// It is the derivative.
    Equal,
    /// It is something else.
    Different,
    /// The map is too large to be tried, or it has no value at the points that were tried.
    Unknown,
}

/// Whether `to` is `from` times something that does not depend on it, element by element.
pub fn is_product(graph: &Graph, constants: &mut Constants, from: NodeId, to: NodeId) -> bool {
    if from == to {
        return true;
    }
    let shape = graph.shape(from);
    let mut zero = |id: NodeId| constants.get(graph, id).is_some_and(|v| v.iter().all(|x| *x == 0.0));
    let needed = graph.reachable(&[to]);
    let mut depends = vec![false; graph.nodes().len()];
    depends[from.index()] = true;
    for i in from.index() + 1..=to.index() {
        let node = &graph.nodes()[i];
        let on: Vec<bool> = node.inputs.iter().map(|n| depends[n.index()]).collect();
        if !needed[i] || !on.contains(&true) {
            continue;
        }
        let rest_is_zero = |zero: &mut dyn FnMut(NodeId) -> bool, skip: usize| {
            node.inputs.iter().zip(&on).skip(skip).all(|(n, on)| *on || zero(*n))
        };
        let linear = match node.op {
            Op::Unary(Unary::Neg | Unary::Detach) | Op::Cast | Op::Reshape | Op::Expand => true,
            Op::Binary(Binary::Mul) => on != [true, true],
            Op::Binary(Binary::Div) => on == [true, false],
            Op::Binary(Binary::Add | Binary::Sub) => rest_is_zero(&mut zero, 0),
            Op::Where => !on[0] && rest_is_zero(&mut zero, 1),
            _ => false,
        };
        if !linear || node.shape != shape || node.dtype != DType::F32 {
            return false;
        }
        depends[i] = true;
    }
    depends[to.index()] || zero(to)
}

/// Compare directional derivatives at random points: those that differences tell and those that the pullback tells.
pub fn agrees(graph: &Graph, pullback: &Pullback<'_>) -> Agreement {
    let roots: Vec<NodeId> =
        pullback.outputs.iter().copied().chain(pullback.gradients.iter().flatten().copied()).collect();
    let needed = needed(graph, &roots, pullback.inputs);
    let work: usize = (0..needed.len()).filter(|&i| needed[i]).map(|i| work(graph, i)).sum();
    if work > MAX_WORK {
        return Agreement::Unknown;
    }
    // Half of what there is has no value left of zero.
    for positive in [false, true] {
        let mut seen = Vec::new();
        for probe in 0..2 {
            match directional(graph, pullback, &needed, probe, positive) {
                Some((told, found)) if told.is_finite() && found.is_finite() => {
                    seen.push((told - found).abs() <= TOLERANCE * (1.0 + told.abs().max(found.abs())));
                }
                _ => {}
            }
        }
        if seen.len() == 2 {
            return if seen == [true, true] { Agreement::Equal } else { Agreement::Different };
        }
    }
    Agreement::Unknown
}

/// Along one direction: what the pullback says, and what differences say.
fn directional(
    graph: &Graph,
    pullback: &Pullback<'_>,
    needed: &[bool],
    probe: u64,
    positive: bool,
) -> Option<(f64, f64)> {
    let leaf = |id: NodeId, salt: u64| -> Vec<f64> {
        let value = |j: usize| {
            let x = noise(id.0 as u64 * 4 + salt + 977 * probe, j as u64);
            if positive && salt == 0 { 0.6 + 0.4 * x } else { 1.5 * x }
        };
        (0..graph.node(id).elements()).map(value).collect()
    };
    let at = |step: f64| -> Option<HashMap<NodeId, Vec<f64>>> {
        let mut known: HashMap<NodeId, Vec<f64>> = HashMap::new();
        for &input in pullback.inputs {
            let (x, d) = (leaf(input, 0), leaf(input, 1));
            known.insert(input, x.iter().zip(&d).map(|(x, d)| x + step * d).collect());
        }
        for (i, node) in graph.nodes().iter().enumerate().filter(|(i, _)| needed[*i]) {
            let id = NodeId(i as u32);
            if known.contains_key(&id) {
                continue;
            }
            let operands: Vec<_> = node.inputs.iter().map(|n| (graph.shape(*n), &known[n][..])).collect();
            let value = match node.op {
                Op::Input(_) | Op::Param(_) | Op::Random { .. } => leaf(id, 2),
                ref op => evaluate(op, &operands, &node.shape, node.dtype)?,
            };
            known.insert(id, value);
        }
        Some(known)
    };
    let objective = |known: &HashMap<NodeId, Vec<f64>>| -> f64 {
        let pairs = pullback.outputs.iter().zip(pullback.cotangents);
        pairs.map(|(y, c)| y_dot(&known[y], &leaf(*c, 2))).sum()
    };
    let here = at(0.0)?;
    let told = pullback.inputs.iter().zip(pullback.gradients);
    let told = told.filter_map(|(x, g)| g.map(|g| y_dot(&here[&g], &leaf(*x, 1)))).sum();
    let found = (objective(&at(STEP)?) - objective(&at(-STEP)?)) / (2.0 * STEP);
    Some((told, found))
}

fn y_dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// What must be known for the roots where the inputs are given.
fn needed(graph: &Graph, roots: &[NodeId], inputs: &[NodeId]) -> Vec<bool> {
    let mut needed = vec![false; graph.nodes().len()];
    roots.iter().chain(inputs).for_each(|r| needed[r.index()] = true);
    for i in (0..needed.len()).rev().filter(|&i| needed[i]).collect::<Vec<_>>() {
        mark(graph, NodeId(i as u32), inputs, &mut needed);
    }
    needed
}

fn mark(graph: &Graph, root: NodeId, inputs: &[NodeId], needed: &mut [bool]) {
    let mut pending = vec![root];
    while let Some(id) = pending.pop() {
        if inputs.contains(&id) {
            continue;
        }
        for n in &graph.node(id).inputs {
            if !std::mem::replace(&mut needed[n.index()], true) {
                pending.push(*n);
            }
        }
    }
}

fn work(graph: &Graph, i: usize) -> usize {
    let node = &graph.nodes()[i];
    let inner = match node.op {
        Op::Matmul => graph.shape(node.inputs[0]).last().copied().unwrap_or(1),
        Op::DepthwiseConv { .. } | Op::CircularConv => graph.shape(node.inputs[1]).last().copied().unwrap_or(1),
        Op::Reduce { .. } => graph.node(node.inputs[0]).elements() / node.elements().max(1),
        _ => 1,
    };
    node.elements().saturating_mul(inner.max(1))
}

/// A number within (-1, 1) that looks random.
fn noise(seed: u64, j: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ j.wrapping_mul(0xD1B5_4A32_D192_ED03);
    for _ in 0..3 {
        x ^= x >> 31;
        x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    }
    (x >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}
