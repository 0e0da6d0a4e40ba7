//! Running the analysis over a graph.

use super::element::{Element, Latest, NONE, ROWS};
use super::tensor::Tensor;
use super::transfer::{Operand, transfer};
use super::verdict::{Taint, Verdict, Witness};
use super::witness::{Bound, Forbidden, blame};
use crate::ir::{Graph, NodeId, Op, ParamKind};

/// Why a graph cannot be analysed. Completes "failed to ..".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An input is not `[2, T, ..]`.
    #[error("analyse the input {name} of shape {shape:?}: it must be [2, T, ..] with T below 32768")]
    Input {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// An output is not `[2, T, ..]`.
    #[error("analyse output {index} of shape {shape:?}: it must be [2, T, ..]")]
    Output {
        /// Its position.
        index: usize,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Its elements are too many to look at one by one.
    #[error(
        "look at {elements} elements one by one (at most {MAX_ELEMENTS}); the largest result is made at line {line}"
    )]
    Large {
        /// Line of the largest result.
        line: u32,
        /// Elements of all results.
        elements: u64,
    },
    /// Its products have too many terms to look at one by one.
    #[error("look at more than {MAX_TERMS} terms of products one by one; the last are those of line {line}")]
    Products {
        /// Line of the product that is too much.
        line: u32,
    },
}

/// Most elements of all results together; one takes 24 bytes and some 50 ns.
const MAX_ELEMENTS: u64 = 1 << 27;
/// Most terms of all products together; one takes some 5 ns.
const MAX_TERMS: u64 = 1 << 30;

/// Analyse a graph whose inputs and outputs are `[2, T, ..]`: batch, time, the rest.
pub fn analyse(graph: &Graph) -> Result<Taint, Error> {
    check(graph)?;
    analyse_split(graph, &|row| row)
}

/// Analyse a graph of any number of rows, told apart by the group (0 or 1) that each falls into: batch independence
/// means that no row depends on one of the other group.
pub fn analyse_split(graph: &Graph, group: &dyn Fn(usize) -> usize) -> Result<Taint, Error> {
    check_shapes(graph)?;
    let states = interpret(graph, false, group)?;
    let causality = |_: usize, time: usize| [i16::try_from(time).unwrap_or(i16::MAX); ROWS];
    let rows = |row: usize, _: usize| {
        let own = group(row);
        [if own == 0 { i16::MAX } else { -1 }, if own == 1 { i16::MAX } else { -1 }]
    };
    let found = [worst(graph, &states, causality), worst(graph, &states, rows)];
    // Only a leak needs the states of all nodes.
    let all = found.iter().any(Option::is_some).then(|| interpret(graph, true, group)).transpose()?;
    let [causality, batch_independence] = found.map(|leak| match (leak, &all) {
        (Some(leak), Some(states)) => leak.verdict(graph, states),
        _ => Verdict::Proved,
    });
    Ok(Taint { causality, batch_independence })
}

/// What is known of every element of every output, row-major.
pub fn output_elements(graph: &Graph) -> Result<Vec<Vec<Element>>, Error> {
    check(graph)?;
    let states = interpret(graph, false, &|row| row)?;
    let elements = |id: &NodeId| state(&states, *id).elements(graph.node(*id).elements()).to_vec();
    Ok(graph.outputs.iter().map(elements).collect())
}

fn check(graph: &Graph) -> Result<(), Error> {
    check_shapes(graph)?;
    match graph.inputs.iter().find(|input| input.shape[0] != ROWS) {
        Some(input) => Err(Error::Input { name: input.name.clone(), shape: input.shape.clone() }),
        None => Ok(()),
    }
}

fn check_shapes(graph: &Graph) -> Result<(), Error> {
    let rows = graph.inputs.first().and_then(|input| input.shape.first().copied());
    let fits = |s: &[usize]| s.len() >= 2 && Some(s[0]) == rows;
    for input in &graph.inputs {
        if !fits(&input.shape) || i16::try_from(input.shape[1]).is_err() {
            return Err(Error::Input { name: input.name.clone(), shape: input.shape.clone() });
        }
    }
    for (index, &output) in graph.outputs.iter().enumerate() {
        if !fits(graph.shape(output)) {
            return Err(Error::Output { index, shape: graph.shape(output).to_vec() });
        }
    }
    affordable(graph)
}

fn affordable(graph: &Graph) -> Result<(), Error> {
    let live = graph.reachable(&graph.outputs);
    let made = graph.nodes().iter().zip(&live).filter(|(_, live)| **live).map(|(node, _)| node);
    let elements = made.clone().fold(0u64, |n, node| n.saturating_add(node.elements() as u64));
    let largest = made.max_by_key(|node| node.elements()).map_or(0, |node| node.span.line);
    match elements > MAX_ELEMENTS {
        true => Err(Error::Large { line: largest, elements }),
        false => Ok(()),
    }
}

/// Terms that a product is looked at by; one without exact zeros is looked at by rows and columns.
fn terms(op: &Op, shape: &[usize], operands: &[Operand<'_>]) -> u64 {
    let n = shape.iter().product::<usize>() as u64;
    let each = match op {
        Op::Matmul if operands.iter().any(|o| o.1.has_zero()) => operands[0].0.last(),
        Op::CircularConv => shape.last(),
        Op::DepthwiseConv { .. } => operands[1].0.last(),
        _ => None,
    };
    each.map_or(0, |&each| n.saturating_mul(each as u64))
}

/// The state of a node that has been kept.
pub fn state(states: &[Option<Tensor>], id: NodeId) -> &Tensor {
    states[id.index()].as_ref().expect("an operand of a live node is kept until its last use")
}

/// What is known of every live node; all rows count as one.
pub(crate) fn all_elements(graph: &Graph) -> Result<Vec<Option<Tensor>>, Error> {
    check_shapes(graph)?;
    interpret(graph, true, &|_| 0)
}

fn interpret(graph: &Graph, keep: bool, group: &dyn Fn(usize) -> usize) -> Result<Vec<Option<Tensor>>, Error> {
    let nodes = graph.nodes();
    let init = |op: &Op| match op {
        Op::Param(i) if graph.params[*i as usize].kind == ParamKind::Buffer => Some(graph.params[*i as usize].init),
        _ => None,
    };
    let mut last_use: Vec<Option<usize>> = vec![None; nodes.len()];
    for output in &graph.outputs {
        last_use[output.index()] = Some(usize::MAX);
    }
    for (i, node) in nodes.iter().enumerate().rev() {
        if last_use[i].is_some() {
            for operand in node.inputs.iter().copied().chain(init(&node.op)) {
                last_use[operand.index()].get_or_insert(i);
            }
        }
    }
    let mut states: Vec<Option<Tensor>> = vec![None; nodes.len()];
    let mut products = 0u64;
    for (i, node) in nodes.iter().enumerate() {
        if last_use[i].is_none() {
            continue;
        }
        let value = match &node.op {
            Op::Input(_) => input(&node.shape, group),
            Op::Param(_) => match init(&node.op) {
                Some(value) => state(&states, value).clone(),
                None => Tensor::Uniform(Element::FREE),
            },
            _ => {
                let operands: Vec<_> = node.inputs.iter().map(|&id| (graph.shape(id), state(&states, id))).collect();
                products = products.saturating_add(terms(&node.op, &node.shape, &operands));
                if products > MAX_TERMS {
                    return Err(Error::Products { line: node.span.line });
                }
                transfer(node, &operands)
            }
        };
        states[i] = Some(value);
        if !keep {
            for operand in node.inputs.iter().copied().chain(init(&node.op)) {
                if last_use[operand.index()] == Some(i) {
                    states[operand.index()] = None;
                }
            }
        }
    }
    Ok(states)
}

fn input(shape: &[usize], group: &dyn Fn(usize) -> usize) -> Tensor {
    let inner: usize = shape[2..].iter().product();
    let element = |i: usize| {
        let time = i16::try_from(i / inner % shape[1]).expect("checked: time fits");
        Element::input(group(i / inner / shape[1]), time)
    };
    Tensor::of((0..shape.iter().product()).map(element).collect())
}

/// An output element that depends on what is forbidden.
struct Leak {
    node: NodeId,
    element: usize,
    forbidden: Forbidden,
}

impl Leak {
    fn verdict(&self, graph: &Graph, states: &[Option<Tensor>]) -> Verdict {
        let (shape, f) = (graph.shape(self.node), self.forbidden);
        let inner: usize = shape[2..].iter().product();
        let span = blame(graph, states, self.node, self.element, f);
        match f.bound {
            Bound::Certain => {
                let latest = state(states, self.node).at(self.element).certain[f.row];
                Verdict::Refuted(Witness {
                    output_row: self.element / inner / shape[1],
                    output_time: self.element / inner % shape[1],
                    output_channel: self.element % inner,
                    depends_on_row: f.row,
                    depends_on_time: usize::try_from(latest).expect("above a limit of at least -1"),
                    span,
                })
            }
            Bound::Latest => Verdict::Unproved {
                why: "data decides which elements are read or chosen here, and some would be forbidden".to_owned(),
                line: span.line,
            },
        }
    }
}

/// The first output element beyond its limit, a certain one if there is one.
fn worst(graph: &Graph, states: &[Option<Tensor>], limit: impl Fn(usize, usize) -> Latest) -> Option<Leak> {
    let mut possible = None;
    for &node in &graph.outputs {
        let (shape, tensor) = (graph.shape(node), state(states, node));
        let inner: usize = shape[2..].iter().product();
        for element in 0..shape.iter().product() {
            let e = tensor.at(element);
            if e.latest == NONE {
                continue;
            }
            let limit = limit(element / inner / shape[1], element / inner % shape[1]);
            for (row, &limit) in limit.iter().enumerate() {
                let leak = |bound| Leak { node, element, forbidden: Forbidden { row, limit, bound } };
                if e.certain[row] > limit {
                    return Some(leak(Bound::Certain));
                }
                if e.latest[row] > limit && possible.is_none() {
                    possible = Some(leak(Bound::Latest));
                }
            }
        }
    }
    possible
}
