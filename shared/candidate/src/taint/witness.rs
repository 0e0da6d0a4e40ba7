//! Where a leak enters: a walk back from the output element towards the input.

use super::element::{Element, NONE};
use super::run::state;
use super::source::{Kind, Source, Sources, sources};
use super::tensor::Tensor;
use crate::ir::{Graph, NodeId, Span};

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
    fn carries(&self, e: Element) -> bool {
        match self.bound {
            Bound::Certain => e.certain[self.row] > self.limit,
            Bound::Latest => e.latest[self.row] > self.limit,
        }
    }
}

/// The place in the text to name for a forbidden dependency of an output element.
///
/// The walk follows operand elements that carry the dependency, first into operands all of whose contributions do.
/// An operation is to blame if it mixes elements of one operand of which some carry and some do not, and the one at
/// the result's own place does not; of several, the one nearest the input. Failing that, a shift or reversal whose
/// element at the same place does not carry, the one nearest the output. Where only the uncertain part of the bound is
/// beyond the limit, it is the operation at which the uncertainty starts.
pub fn blame(graph: &Graph, states: &[Option<Tensor>], output: NodeId, element: usize, forbidden: Forbidden) -> Span {
    let (mut id, mut at) = (output, element);
    let (mut mixed, mut moved) = (None, None);
    loop {
        let node = graph.node(id);
        let operands: Vec<_> = node.inputs.iter().map(|&i| (graph.shape(i), state(states, i))).collect();
        let of = |s: &Source| operands[s.0].1.at(s.1);
        let sources = sources(node, &operands, at);
        if forbidden.bound == Bound::Certain {
            match sources.kind {
                Kind::Mix if mixes(&sources, &forbidden, of) => mixed = Some(node.span),
                Kind::Move if sources.aligned.iter().any(|s| !forbidden.carries(of(s))) => {
                    moved = moved.or(Some(node.span));
                }
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
        (id, at) = (node.inputs[next.0], next.1);
    }
    mixed.or(moved).unwrap_or(graph.node(output).span)
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
    let operand = (0..operands).find(whole);
    let latest = |s: &&Source| of(s).latest[forbidden.row];
    let preferred = carriers.iter().filter(|s| operand.is_none_or(|k| s.0 == k));
    // The first of the latest.
    preferred.rev().max_by_key(latest).copied()
}
