//! Which elementwise nodes form a cluster together.
//!
//! A node's height is the number of barriers (steps into another shape or a heavy operation) on the longest way from it
//! to a result. Two elementwise nodes of one shape and one height cannot have anything else between them, since that
//! would be a barrier; so the connected ones among them can be computed in one pass without making a cycle. Height counts
//! from the results, which puts what only the backward pass reads into the backward pass.

use move37_candidate::ir::{Graph, NodeId};

use super::cluster::fusable;

/// Most nodes of one cluster.
const LARGEST: usize = 192;

/// The steps of a plan as sets of nodes (ascending): clusters, and single other nodes.
pub(crate) fn groups(graph: &Graph, needed: &[bool]) -> Vec<Vec<NodeId>> {
    let heights = heights(graph, needed);
    let joined = |a: NodeId, b: NodeId| {
        fusable(graph, a)
            && fusable(graph, b)
            && heights[a.index()] == heights[b.index()]
            && graph.shape(a) == graph.shape(b)
    };
    let mut leaders: Vec<usize> = (0..graph.nodes().len()).collect();
    for id in ids(needed) {
        for &input in &graph.node(id).inputs {
            if needed[input.index()] && joined(id, input) {
                let (a, b) = (find(&mut leaders, id.index()), find(&mut leaders, input.index()));
                leaders[a.max(b)] = a.min(b);
            }
        }
    }
    let mut groups: Vec<Vec<NodeId>> = Vec::new();
    let mut group_of: Vec<Option<usize>> = vec![None; graph.nodes().len()];
    for id in ids(needed) {
        let leader = find(&mut leaders, id.index());
        match group_of[leader] {
            Some(group) if groups[group].len() < LARGEST => groups[group].push(id),
            _ => {
                group_of[leader] = Some(groups.len());
                groups.push(vec![id]);
            }
        }
    }
    groups
}

fn ids(needed: &[bool]) -> impl Iterator<Item = NodeId> {
    needed.iter().enumerate().filter(|(_, n)| **n).map(|(i, _)| id(i))
}

/// Id of the i-th node.
pub(crate) fn id(i: usize) -> NodeId {
    NodeId(u32::try_from(i).expect("node ids have 32 bits"))
}

fn heights(graph: &Graph, needed: &[bool]) -> Vec<u32> {
    let mut heights = vec![0; graph.nodes().len()];
    for i in (0..heights.len()).rev().filter(|&i| needed[i]) {
        let node = graph.node(id(i));
        for &input in &node.inputs {
            let light = fusable(graph, id(i)) && fusable(graph, input) && graph.shape(input) == node.shape;
            let height = heights[i] + u32::from(!light);
            heights[input.index()] = heights[input.index()].max(height);
        }
    }
    heights
}

fn find(leaders: &mut [usize], mut i: usize) -> usize {
    while leaders[i] != i {
        leaders[i] = leaders[leaders[i]];
        i = leaders[i];
    }
    i
}
