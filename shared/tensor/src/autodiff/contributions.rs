//! The gradient contributions that reach one node, and their sum.

use std::collections::BTreeMap;

use move37_candidate::ir::{Axis, DType, Error, Graph, NodeId};

/// One contribution to a node's gradient.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// Of the node's whole shape.
    Whole(NodeId),
    /// Zero outside `start .. start + len` of an axis.
    Window {
        /// Axis that is restricted.
        axis: Axis,
        /// First index.
        start: usize,
        /// Values inside.
        value: NodeId,
    },
}

/// All contributions to one node.
#[derive(Default)]
pub(super) struct Contributions(Vec<Part>);

impl Contributions {
    pub(super) fn add(&mut self, value: NodeId) {
        self.push(Part::Whole(value));
    }

    pub(super) fn push(&mut self, part: Part) {
        self.0.push(part);
    }

    /// Their sum, of the shape of `of`. Disjoint windows are laid side by side instead of padded and added.
    pub(super) fn total(self, graph: &mut Graph, of: NodeId) -> Result<NodeId, Error> {
        let shape = graph.shape(of).to_vec();
        let mut terms = Vec::new();
        let mut windows: BTreeMap<Axis, Vec<(usize, NodeId)>> = BTreeMap::new();
        for part in self.0 {
            match part {
                Part::Whole(value) => terms.push(value),
                Part::Window { axis, start, value } => windows.entry(axis).or_default().push((start, value)),
            }
        }
        for (axis, mut list) in windows {
            list.sort_by_key(|&(start, _)| start);
            for row in rows(graph, axis, list) {
                terms.push(lay(graph, &shape, axis, &row)?);
            }
        }
        let mut terms = terms.into_iter();
        let first = terms.next().expect("a node is pending because something was added");
        terms.try_fold(first, |sum, term| graph.add(sum, term))
    }
}

/// Split windows, sorted by start, into rows of disjoint ones.
fn rows(graph: &Graph, axis: Axis, windows: Vec<(usize, NodeId)>) -> Vec<Vec<(usize, NodeId)>> {
    let mut rows: Vec<(usize, Vec<(usize, NodeId)>)> = Vec::new();
    for (start, value) in windows {
        let end = start + graph.shape(value)[axis];
        match rows.iter_mut().find(|(taken, _)| *taken <= start) {
            Some((taken, row)) => {
                *taken = end;
                row.push((start, value));
            }
            None => rows.push((end, vec![(start, value)])),
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

/// One tensor of `shape` from disjoint windows in order, zero in the gaps.
fn lay(graph: &mut Graph, shape: &[usize], axis: Axis, row: &[(usize, NodeId)]) -> Result<NodeId, Error> {
    if let &[(start, value)] = row {
        let after = shape[axis] - start - graph.shape(value)[axis];
        return graph.pad(value, axis, start, after, 0.0);
    }
    let mut pieces = Vec::new();
    let mut at = 0;
    for &(start, value) in row {
        gap(graph, shape, axis, start - at, &mut pieces)?;
        pieces.push(value);
        at = start + graph.shape(value)[axis];
    }
    gap(graph, shape, axis, shape[axis] - at, &mut pieces)?;
    graph.cat(&pieces, axis)
}

fn gap(graph: &mut Graph, shape: &[usize], axis: Axis, len: usize, pieces: &mut Vec<NodeId>) -> Result<(), Error> {
    if len > 0 {
        let mut shape = shape.to_vec();
        shape[axis] = len;
        pieces.push(graph.full(&shape, 0.0, DType::F32)?);
    }
    Ok(())
}
