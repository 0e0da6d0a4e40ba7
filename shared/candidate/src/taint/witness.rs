//! Where a leak enters: a walk back from the output element towards the input.

use super::element::{Element, NONE, ROWS};
use super::mask::mask;
use super::run::state;
use super::shift::Shift;
use super::source::{Kind, Source, Sources, sources};
use super::tensor::Tensor;
use crate::ir::eval::strides;
use crate::ir::{Graph, NodeId, Op, Span};

/// Which bound is beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The certain part.
    Certain,
    /// Only the whole bound.
    Latest,
}

/// A dependency that an element must not have: on steps of a row later than the limit.
#[derive(Clone, Copy, Debug)]
pub struct Forbidden {
    /// Row of the input.
    pub row: usize,
    /// Latest step of it that is allowed; -1 for none.
    pub limit: i16,
    /// Which bound counts.
    pub bound: Bound,
}

impl Forbidden {
    pub fn carries(&self, e: Element) -> bool {
        match self.bound {
            Bound::Certain => e.certain[self.row] > self.limit,
            Bound::Latest => e.latest[self.row] > self.limit,
        }
    }
}

/// What was met on the walk, as places in the text.
#[derive(Default)]
struct Met {
    /// The net shift or reversal nearest the input.
    shifted: Option<Span>,
    /// The mixture nearest the input.
    mixed: Option<NodeId>,
    /// The sum of a row's and another row's values nearest the input.
    joined: Option<Span>,
    /// The permutation that interlaces rows nearest the input.
    misplaced: Option<Span>,
    /// The move nearest the output.
    moved: Option<Span>,
}

/// The place in the text to name for a forbidden dependency of an output element.
///
/// The walk follows operand elements that carry the dependency, first into operands all of whose contributions do, and
/// weighs what it meets:
/// 1. a run of moves (slices, pads, reversals) which as a whole brings a later element to an earlier place, where the
///    element at the place itself reaches less far; of several, the one nearest the input;
/// 2. for a leak between rows, a permutation that exchanges them: it is given rows apart and its batch axis
///    interlaces them;
/// 3. an operation that mixes elements of one operand of which some carry and some do not, and the one at the result's
///    own place does not; of several, the one nearest the input. Where it mixes under a mask, the line of the mask;
/// 4. for a leak between rows, a sum in which they meet;
/// 5. a move whose element at the same place does not carry, the one nearest the output.
///
/// Where only the uncertain part of the bound is beyond the limit, it is the operation at which the uncertainty starts.
pub fn blame(graph: &Graph, states: &[Option<Tensor>], output: NodeId, element: usize, forbidden: Forbidden) -> Span {
    let (mut id, mut at) = (output, element);
    let mut met = Met::default();
    let between_rows = 2 * element / graph.node(output).elements().max(1) != forbidden.row && forbidden.limit < 0;
    let furthest = state(states, output).at(element).certain[forbidden.row];
    let late = Forbidden { limit: furthest - 1, ..forbidden };
    let mut shift = Shift::at(graph, id, at);
    loop {
        let node = graph.node(id);
        let operands: Vec<_> = node.inputs.iter().map(|&i| (graph.shape(i), state(states, i))).collect();
        let of = |s: &Source| operands[s.0].1.at(s.1);
        let sources = sources(node, &operands, at);
        if forbidden.bound == Bound::Certain {
            match sources.kind {
                Kind::Mix if mixes(&sources, &forbidden, of) => met.mixed = Some(id),
                Kind::Move if sources.aligned.iter().any(|s| !forbidden.carries(of(s))) => {
                    met.moved = met.moved.or(Some(node.span));
                }
                Kind::Elementwise if between_rows && joins(&sources, &forbidden, of) => met.joined = Some(node.span),
                _ => {}
            }
        }
        let Some(next) = follow(&sources, operands.len(), &forbidden, of) else {
            break;
        };
        let uncertain = |e: Element| e.certain[forbidden.row] <= forbidden.limit;
        if forbidden.bound == Bound::Latest && !uncertain(of(&next)) {
            return node.span;
        }
        let from = (node.inputs[next.0], next.1);
        if forbidden.bound == Bound::Certain {
            let apart = |id: NodeId| rows_apart(graph.shape(id), state(states, id));
            let batched = matches!(node.op, Op::Permute(_)) && node.shape[0] == ROWS;
            if between_rows && batched && apart(from.0) && !apart(id) {
                met.misplaced = Some(node.span);
            }
            if shift.step(graph, id, from) {
                let own = shift.own(graph, from.0);
                if own.is_some_and(|i| !late.carries(operands[next.0].1.at(i))) {
                    met.shifted = shift.span.or(met.shifted);
                }
            } else {
                shift = Shift::at(graph, from.0, from.1);
            }
        }
        (id, at) = from;
    }
    let mixed = met.mixed.map(|id| mask(graph, states, id).unwrap_or(graph.node(id).span));
    let candidates = [met.shifted, met.misplaced, mixed, met.joined, met.moved];
    candidates.into_iter().flatten().next().unwrap_or(graph.node(output).span)
}

fn mixes(sources: &Sources, forbidden: &Forbidden, of: impl Fn(&Source) -> Element) -> bool {
    let operand = |k: usize| {
        let own = || sources.from.iter().filter(move |s| s.0 == k);
        let carried = own().any(|s| forbidden.carries(of(s)));
        let clean = own().any(|s| of(s).latest != NONE && !forbidden.carries(of(s)));
        let aligned = sources.aligned.iter().filter(|s| s.0 == k).any(|s| forbidden.carries(of(s)));
        carried && clean && !aligned
    };
    sources.from.iter().any(|s| operand(s.0))
}

/// Whether the rows of the batch lie apart: along an axis of two, or each in its half.
fn rows_apart(shape: &[usize], tensor: &Tensor) -> bool {
    let n: usize = shape.iter().product();
    let row = |e: Element| match (e.latest[0] >= 0, e.latest[1] >= 0) {
        (true, false) => Some(0),
        (false, true) => Some(1),
        _ => None,
    };
    let own = |place: &dyn Fn(usize) -> usize| (0..n).all(|i| row(tensor.at(i)).is_none_or(|r| r == place(i)));
    own(&|i| 2 * i / n)
        || strides(shape).into_iter().zip(shape).any(|(stride, &size)| size == 2 && own(&|i| i / stride % 2))
}

fn joins(sources: &Sources, forbidden: &Forbidden, of: impl Fn(&Source) -> Element) -> bool {
    let clean = |s: &Source| of(s).latest != NONE && !forbidden.carries(of(s));
    sources.from.iter().any(|s| forbidden.carries(of(s))) && sources.from.iter().any(clean)
}

/// The next element on the walk.
fn follow(
    sources: &Sources,
    operands: usize,
    forbidden: &Forbidden,
    of: impl Fn(&Source) -> Element,
) -> Option<Source> {
    let carriers: Vec<Source> = sources.from.iter().copied().filter(|s| forbidden.carries(of(s))).collect();
    let whole = |k: &usize| {
        let mut own = sources.from.iter().filter(|s| s.0 == *k && of(s).latest != NONE).peekable();
        own.peek().is_some() && own.all(|s| forbidden.carries(of(s)))
    };
    let latest = |s: &&Source| of(s).latest[forbidden.row];
    let reach = |k: &usize| carriers.iter().filter(|s| s.0 == *k).map(|s| latest(&s)).max();
    let operand = (0..operands).rev().filter(whole).max_by_key(reach);
    let preferred = carriers.iter().filter(|s| operand.is_none_or(|k| s.0 == k));
    // The first of the latest.
    preferred.rev().max_by_key(latest).copied()
}
