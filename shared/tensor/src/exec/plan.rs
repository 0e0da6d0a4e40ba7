//! The order of execution, and where each value dies.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use move37_candidate::ir::{Graph, NodeId, Op};

use super::cluster::{Cluster, fusable};
use super::schedule::{groups, id};

/// What a step computes.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// One node.
    Node(NodeId),
    /// Several elementwise nodes in one pass.
    Cluster(Box<Cluster>),
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) work: Work,
    /// Values read, in the order that the work wants them.
    pub(crate) inputs: Vec<NodeId>,
    /// Values that nobody reads after this step.
    pub(crate) last: Vec<NodeId>,
}

/// Steps in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
}

impl Plan {
    /// Compute `targets` from values that are `given` and from constants.
    pub(crate) fn new(graph: &Graph, targets: &[NodeId], given: impl Fn(NodeId) -> bool) -> Self {
        let needed = needed(graph, targets, &given);
        let groups = groups(graph, &needed);
        let mut group_of = vec![usize::MAX; graph.nodes().len()];
        for (g, members) in groups.iter().enumerate() {
            for member in members {
                group_of[member.index()] = g;
            }
        }
        let visible = visible(graph, &needed, targets, &group_of);
        let steps = order(graph, &groups, &group_of)
            .into_iter()
            .map(|g| step(graph, &groups[g], |x| visible[x.index()]))
            .collect();
        let mut plan = Self { steps };
        plan.bury(targets);
        plan
    }

    /// Note for each value the last step that reads it.
    fn bury(&mut self, targets: &[NodeId]) {
        let mut seen: HashSet<NodeId> = targets.iter().copied().collect();
        for step in self.steps.iter_mut().rev() {
            for &input in &step.inputs {
                if seen.insert(input) {
                    step.last.push(input);
                }
            }
        }
    }
}

fn needed(graph: &Graph, targets: &[NodeId], given: &impl Fn(NodeId) -> bool) -> Vec<bool> {
    let mut needed = vec![false; graph.nodes().len()];
    for &target in targets {
        needed[target.index()] = !given(target);
    }
    for i in (0..needed.len()).rev() {
        if needed[i] {
            for &input in &graph.node(id(i)).inputs {
                needed[input.index()] = needed[input.index()] || !given(input);
            }
        }
    }
    needed
}

/// Values that are read outside the group that computes them.
fn visible(graph: &Graph, needed: &[bool], targets: &[NodeId], group_of: &[usize]) -> Vec<bool> {
    let mut visible = vec![false; needed.len()];
    for target in targets {
        visible[target.index()] = true;
    }
    for (i, node) in graph.nodes().iter().enumerate().filter(|(i, _)| needed[*i]) {
        for input in &node.inputs {
            visible[input.index()] |= group_of[input.index()] != group_of[i];
        }
    }
    visible
}

fn step(graph: &Graph, members: &[NodeId], visible: impl Fn(NodeId) -> bool) -> Step {
    if fusable(graph, members[0]) {
        let cluster = Cluster::new(graph, members, visible);
        let inputs = cluster.inputs.clone();
        return Step { work: Work::Cluster(Box::new(cluster)), inputs, last: Vec::new() };
    }
    Step { work: Work::Node(members[0]), inputs: graph.node(members[0]).inputs.clone(), last: Vec::new() }
}

/// Groups so that each follows what it reads; among the ready ones, that whose last node was made first.
fn order(graph: &Graph, groups: &[Vec<NodeId>], group_of: &[usize]) -> Vec<usize> {
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); groups.len()];
    let mut waiting = vec![0usize; groups.len()];
    for (g, members) in groups.iter().enumerate() {
        let mut sources: Vec<usize> = members
            .iter()
            .flat_map(|&m| graph.node(m).inputs.iter().map(|i| group_of[i.index()]))
            .filter(|&s| s != usize::MAX && s != g)
            .collect();
        sources.sort_unstable();
        sources.dedup();
        waiting[g] = sources.len();
        for source in sources {
            users[source].push(g);
        }
    }
    let key = |g: usize| {
        let members: &Vec<NodeId> = &groups[g];
        (members[members.len() - 1], g)
    };
    let mut ready: BinaryHeap<Reverse<(NodeId, usize)>> =
        (0..groups.len()).filter(|&g| waiting[g] == 0).map(|g| Reverse(key(g))).collect();
    let mut order = Vec::with_capacity(groups.len());
    while let Some(Reverse((_, g))) = ready.pop() {
        order.push(g);
        for &user in &users[g] {
            waiting[user] -= 1;
            if waiting[user] == 0 {
                ready.push(Reverse(key(user)));
            }
        }
    }
    debug_assert_eq!(order.len(), groups.len(), "clusters make no cycles");
    order
}

/// For each node: whether it depends on no input, parameter or random draw.
pub(crate) fn constant(graph: &Graph) -> Vec<bool> {
    let mut constant: Vec<bool> = Vec::with_capacity(graph.nodes().len());
    for node in graph.nodes() {
        let leaf = matches!(node.op, Op::Input(_) | Op::Param(_) | Op::Random { .. });
        constant.push(!leaf && node.inputs.iter().all(|i| constant[i.index()]));
    }
    constant
}
