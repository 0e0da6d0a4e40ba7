//! Counting one graph.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ir::{DType, Graph, Node, Op, ParamKind, Unary};

/// What one forward pass costs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Elements of trained parameters that the output depends on or not.
    pub parameters: u64,
    /// Floating point operations.
    pub flops: u64,
    /// Bytes of all intermediate results (moves included), as training without recomputation keeps them.
    pub bytes: u64,
    /// Most bytes alive at once in a forward pass alone, parameters not included.
    pub peak_bytes: u64,
    /// The same by source line, dearest first.
    pub lines: Vec<LineCost>,
}

/// What one line costs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineCost {
    /// 1-based line.
    pub line: u32,
    /// Floating point operations.
    pub flops: u64,
    /// Bytes of results.
    pub bytes: u64,
    /// Elements of trained parameters made here.
    pub parameters: u64,
}

/// FLOPs are counted up to here, so that sums of several counts cannot overflow.
const MOST: u64 = 1 << 58;

/// Cost of everything that the outputs depend on.
pub fn cost(graph: &Graph) -> Cost {
    let live = graph.reachable(&graph.outputs);
    let varies = varying(graph);
    let mut lines: BTreeMap<u32, LineCost> = BTreeMap::new();
    let mut total = Cost { parameters: graph.parameter_count() as u64, ..Cost::default() };
    for param in graph.params.iter().filter(|p| p.kind == ParamKind::Trained) {
        lines.entry(param.span.line).or_default().parameters += param.shape.iter().product::<usize>() as u64;
    }
    for (i, node) in graph.nodes().iter().enumerate() {
        if !live[i] || !varies[i] || matches!(node.op, Op::Input(_) | Op::Param(_)) {
            continue;
        }
        let (flops, bytes) = (flops(graph, node).min(MOST), size(node));
        let line = lines.entry(node.span.line).or_default();
        line.flops = (line.flops + flops).min(MOST);
        line.bytes += bytes;
        total.flops = (total.flops + flops).min(MOST);
        total.bytes += bytes;
    }
    total.peak_bytes = peak(graph, &live, &varies);
    total.lines = lines.into_iter().map(|(line, cost)| LineCost { line, ..cost }).collect();
    total.lines.sort_by(|a, b| b.flops.cmp(&a.flops).then(a.line.cmp(&b.line)));
    total
}

/// Whether a node depends on an input or a parameter.
fn varying(graph: &Graph) -> Vec<bool> {
    let mut varies = Vec::with_capacity(graph.nodes().len());
    for node in graph.nodes() {
        let own = match node.op {
            Op::Input(_) => true,
            Op::Param(i) => graph.params[i as usize].kind == ParamKind::Trained,
            _ => node.inputs.iter().any(|i| varies[i.index()]),
        };
        varies.push(own);
    }
    varies
}

fn size(node: &Node) -> u64 {
    let each = match node.dtype {
        DType::F32 => 4,
        DType::I64 => 8,
        DType::Bool => 1,
    };
    node.elements() as u64 * each
}

/// Floating point operations of one node.
pub fn flops(graph: &Graph, node: &Node) -> u64 {
    let n = node.elements() as u64;
    let operand = |k: usize| graph.node(node.inputs[k]);
    match &node.op {
        Op::Unary(Unary::Detach) => 0,
        Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Where => n,
        Op::Matmul => 2 * n * operand(0).shape.last().copied().unwrap_or(1) as u64,
        Op::Reduce { .. } | Op::CumSum(_) | Op::CumProd(_) | Op::ArgMax(_) => operand(0).elements() as u64,
        Op::Softmax(_) => 5 * n,
        Op::LogSoftmax(_) => 4 * n,
        Op::ArgSort { axis, .. } => n * u64::from(usize::BITS - node.shape[*axis].max(1).leading_zeros()),
        Op::ScatterAdd(_) | Op::IndexAdd(_) => operand(2).elements() as u64,
        // Three real transforms of 2.5 N log2 N each, and a product of the spectra.
        Op::CircularConv => {
            let size = *node.shape.last().unwrap_or(&1) as f64;
            let rows = |x: &Node| x.elements() as f64;
            let transforms = rows(operand(0)) + rows(operand(1)) + n as f64;
            (2.5 * size.max(2.0).log2() * transforms) as u64 + 3 * n
        }
        Op::DepthwiseConv { .. } => 2 * n * operand(1).shape[1] as u64,
        Op::DepthwiseConvWeight { .. } => 2 * operand(1).elements() as u64 * node.shape[1] as u64,
        _ => 0,
    }
}

/// Reshapes and detached values share memory with their operand, so they neither need nor keep bytes of their own.
fn peak(graph: &Graph, live: &[bool], varies: &[bool]) -> u64 {
    let nodes = graph.nodes();
    let mut owner: Vec<usize> = (0..nodes.len()).collect();
    let mut last: Vec<usize> = (0..nodes.len()).collect();
    for (i, node) in nodes.iter().enumerate() {
        if !live[i] {
            continue;
        }
        if matches!(node.op, Op::Reshape | Op::Unary(Unary::Detach)) {
            owner[i] = owner[node.inputs[0].index()];
        }
        for input in &node.inputs {
            last[owner[input.index()]] = i;
        }
    }
    for output in &graph.outputs {
        last[owner[output.index()]] = nodes.len();
    }
    let counted = |i: usize| live[i] && varies[i] && owner[i] == i && !matches!(nodes[i].op, Op::Param(_));
    let mut dying: Vec<Vec<usize>> = vec![Vec::new(); nodes.len() + 1];
    (0..nodes.len()).filter(|&i| counted(i)).for_each(|i| dying[last[i]].push(i));
    let (mut now, mut most) = (0u64, 0u64);
    for i in 0..nodes.len() {
        if counted(i) {
            now += size(&nodes[i]);
            most = most.max(now);
        }
        now -= dying[i].iter().map(|&d| size(&nodes[d])).sum::<u64>();
    }
    most
}
