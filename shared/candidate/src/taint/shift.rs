//! Runs of moves: what slices, pads and reversals do together to the place of an element.

use crate::ir::eval::strides;
use crate::ir::{Graph, NodeId, Op, Span};

/// A walk back through operations that keep the axes apart, since it entered the run.
pub struct Shift {
    /// Indices at which the run's result was entered.
    place: Vec<usize>,
    /// Where it is now.
    now: Vec<usize>,
    /// The last move towards a later place that was met.
    pub span: Option<Span>,
}

impl Shift {
    /// A run that starts at an element.
    pub fn at(graph: &Graph, id: NodeId, at: usize) -> Self {
        let place = indices(graph.shape(id), at);
        Self { now: place.clone(), place, span: None }
    }

    /// Go on from `id` to an operand's element. False where the operation ends the run.
    pub fn step(&mut self, graph: &Graph, id: NodeId, from: (NodeId, usize)) -> bool {
        let (node, operand) = (graph.node(id), graph.shape(from.0));
        let keeps = match node.op {
            // A short piece is a choice, not a shift.
            Op::Slice { axis, .. } => 2 * node.shape[axis] > operand[axis],
            Op::Flip(_) | Op::Pad { .. } | Op::Cat(_) | Op::Unary(_) | Op::Cast | Op::SliceScatter { .. } => true,
            Op::Binary(_) | Op::Where => operand == node.shape,
            _ => false,
        };
        if !keeps || operand.len() != self.now.len() {
            return false;
        }
        let now = indices(operand, from.1);
        let later = now.iter().zip(&self.now).any(|(a, b)| a > b);
        // A pad or a piece before a place moves it, and is undone by a slice: neither starts a shift.
        if later && matches!(node.op, Op::Slice { .. } | Op::Flip(_)) {
            self.span = Some(node.span);
        }
        self.now = now;
        true
    }

    /// The element of an operand at the place where the run was entered, if the run as a whole leads to a later one.
    pub fn own(&self, graph: &Graph, operand: NodeId) -> Option<usize> {
        let shape = graph.shape(operand);
        let later = self.now.iter().zip(&self.place).any(|(now, place)| now > place);
        // A piece of a longer axis (of channels put side by side) lies where it lies.
        let index = |axis: usize| match self.place[axis] < shape[axis] {
            true => self.place[axis],
            false => self.now[axis],
        };
        let at = strides(shape).iter().enumerate().map(|(axis, stride)| index(axis) * stride).sum();
        (later && self.span.is_some()).then_some(at)
    }
}

fn indices(shape: &[usize], at: usize) -> Vec<usize> {
    strides(shape).iter().zip(shape).map(|(stride, n)| at / stride.max(&1) % n.max(&1)).collect()
}
