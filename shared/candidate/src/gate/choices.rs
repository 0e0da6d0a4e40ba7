//! The choices that a graph makes by constants: masks and factors that are zero in places.
//!
//! A window of 512 steps masks nothing in a sequence of 70, so a proof at 70 says nothing about it. Where comparisons
//! fall is told from the bounds of their operands, without computing them; where a constant meets numbers, from the
//! zeros in its first row and first column.

use std::collections::BTreeSet;

use super::points::Points;
use crate::ir::eval::{self, strides};
use crate::ir::{Binary, Compare, DType, Graph, Node, NodeId, Op, ParamKind, Reduction, Unary};
use crate::language::{Choice, Decision, Path};

/// Longer rows and columns are looked at so far.
const LONGEST: usize = 1 << 13;

/// Least and greatest value.
type Bounds = (f64, f64);

/// Everything that a trace decided: in the program, and by constants in its graph.
pub(super) fn choices(graph: &Graph, path: &Path) -> BTreeSet<Decision> {
    let mut decisions = path.decisions.clone();
    let live = graph.reachable(&graph.outputs);
    let bounds = bounds(graph, &live);
    let fixed = fixed(graph);
    let mut points = Points::new(graph);
    let mut zeros: Vec<Option<u32>> = vec![None; live.len()];
    for (i, node) in graph.nodes().iter().enumerate().filter(|(i, _)| live[*i]) {
        let mut decide = |outcome: u32, inner: u32| {
            decisions.insert(Decision { span: node.span, inner, choice: Choice::Mask, outcome });
        };
        if let (Op::Compare(_), Some(b)) = (&node.op, bounds[i]) {
            decide(side(b), 0);
        }
        if let (Op::Binary(Binary::Maximum | Binary::Minimum), [a, b]) = (&node.op, &node.inputs[..])
            && let (Some(a), Some(b)) = (bounds[a.index()], bounds[b.index()])
        {
            decide(side(compared(Compare::Lt, a, b)), 1);
        }
        if fixed[i] || !matches!(node.op, Op::Where | Op::Matmul | Op::Binary(Binary::Mul | Binary::Add)) {
            continue;
        }
        for (k, input) in node.inputs.iter().enumerate().filter(|(_, n)| fixed[n.index()]) {
            let pattern = *zeros[input.index()].get_or_insert_with(|| match bounds[input.index()] {
                Some((0.0, 0.0)) => 0,
                Some((low, high)) if low > 0.0 || high < 0.0 => 1,
                _ => pattern(graph, &mut points, *input),
            });
            decide(pattern, 2 + k as u32);
        }
    }
    decisions
}

/// 0: never; 1: always; 2: here and there.
fn side(truth: Bounds) -> u32 {
    match truth {
        (0.0, 0.0) => 0,
        (1.0, 1.0) => 1,
        _ => 2,
    }
}

/// Which nodes no input and no trained parameter decides.
fn fixed(graph: &Graph) -> Vec<bool> {
    let mut fixed = Vec::with_capacity(graph.nodes().len());
    for node in graph.nodes() {
        fixed.push(match node.op {
            Op::Input(_) | Op::Random { .. } => false,
            Op::Param(p) => {
                let param = &graph.params[p as usize];
                param.kind == ParamKind::Buffer && fixed[param.init.index()]
            }
            _ => node.inputs.iter().all(|n| fixed[n.index()]),
        });
    }
    fixed
}

/// How zeros lie along the first row and the first column: where each begins and how often it changes.
fn pattern(graph: &Graph, points: &mut Points<'_>, id: NodeId) -> u32 {
    let shape = graph.shape(id);
    let own = strides(shape);
    let mut changes = |axis: Option<usize>| -> Option<u32> {
        let Some(axis) = axis.filter(|_| !shape.contains(&0)) else { return Some(0) };
        let mut before = points.at(id, 0)? == 0.0;
        let (first, mut changes) = (u32::from(before), 0);
        for k in 1..shape[axis].min(LONGEST) {
            let zero = points.at(id, k * own[axis])? == 0.0;
            changes += u32::from(zero != before);
            before = zero;
        }
        Some(8 + 2 * changes.min(3) + first)
    };
    let rank = shape.len();
    match (changes(rank.checked_sub(1)), changes(rank.checked_sub(2))) {
        (Some(row), Some(column)) => (row * 32 + column) * 4 + 3,
        _ => 2,
    }
}

fn bounds(graph: &Graph, live: &[bool]) -> Vec<Option<Bounds>> {
    let mut found: Vec<Option<Bounds>> = Vec::with_capacity(live.len());
    for node in graph.nodes() {
        let of = |k: usize| node.inputs.get(k).and_then(|n| found[n.index()]);
        let bound = match &node.op {
            Op::Param(p) if graph.params[*p as usize].kind == ParamKind::Buffer => {
                found[graph.params[*p as usize].init.index()]
            }
            _ => bound(node, of),
        };
        found.push(bound.filter(|(low, high)| !low.is_nan() && !high.is_nan()));
    }
    found
}

fn bound(node: &Node, of: impl Fn(usize) -> Option<Bounds>) -> Option<Bounds> {
    if node.elements() == 0 {
        return None;
    }
    let union = |a: Bounds, b: Bounds| (a.0.min(b.0), a.1.max(b.1));
    match &node.op {
        Op::Full(v) => Some((v.0, v.0)),
        Op::Arange { start, step } => {
            let last = start.0 + step.0 * (node.elements() - 1) as f64;
            Some((start.0.min(last), start.0.max(last)))
        }
        Op::Literal(data) => data.iter().map(|x| (x.0, x.0)).reduce(union),
        Op::Cast => of(0).map(|(a, b)| (eval::cast(a, node.dtype), eval::cast(b, node.dtype))),
        Op::Unary(Unary::Neg) => of(0).map(|(a, b)| (-b, -a)),
        Op::Unary(Unary::Not) => of(0).map(|(a, b)| (1.0 - b, 1.0 - a)),
        Op::Unary(Unary::Abs) => of(0).map(|(a, b)| match a <= 0.0 && b >= 0.0 {
            true => (0.0, b.max(-a)),
            false => (a.abs().min(b.abs()), a.abs().max(b.abs())),
        }),
        Op::Unary(
            Unary::Recip | Unary::Rsqrt | Unary::Sin | Unary::Cos | Unary::Silu | Unary::Gelu | Unary::GeluTanh,
        ) => {
            let (a, b) = of(0)?;
            let only = |f: Unary| (eval::unary(f, a), eval::unary(f, a));
            match &node.op {
                Op::Unary(f) if a == b => Some(only(*f)),
                _ => None,
            }
        }
        // The others never fall.
        Op::Unary(f) => of(0).map(|(a, b)| (eval::unary(*f, a), eval::unary(*f, b))),
        Op::Binary(f) => binary(*f, of(0)?, of(1)?, node.dtype),
        Op::Compare(c) => Some(compared(*c, of(0)?, of(1)?)),
        Op::Where => match of(0)? {
            (0.0, 0.0) => of(2),
            (1.0, 1.0) => of(1),
            _ => Some(union(of(1)?, of(2)?)),
        },
        Op::Reduce { kind: Reduction::Max | Reduction::Min, .. } => of(0),
        Op::Reshape | Op::Permute(_) | Op::Expand | Op::Slice { .. } | Op::Flip(_) => of(0),
        Op::Pad { value, .. } => of(0).map(|b| union(b, (value.0, value.0))),
        Op::Cat(_) | Op::SliceScatter { .. } => {
            (1..node.inputs.len()).try_fold(of(0)?, |sum, k| Some(union(sum, of(k)?)))
        }
        _ => None,
    }
}

fn binary(f: Binary, a: Bounds, b: Bounds, dtype: DType) -> Option<Bounds> {
    let corners = || [(a.0, b.0), (a.0, b.1), (a.1, b.0), (a.1, b.1)].map(|(x, y)| eval::binary(f, x, y, dtype));
    let spread = |c: [f64; 4]| c.into_iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    match f {
        Binary::Add | Binary::Sub | Binary::Mul | Binary::Maximum | Binary::Minimum | Binary::And | Binary::Or => {
            Some(spread(corners()))
        }
        Binary::Div | Binary::FloorDiv if b.0 > 0.0 || b.1 < 0.0 => Some(spread(corners())),
        Binary::Rem if b.0 == b.1 && b.0 > 0.0 => match (a.0 / b.0).floor() == (a.1 / b.0).floor() {
            true => Some(spread(corners())),
            false => Some((0.0, b.0 - if dtype == DType::I64 { 1.0 } else { 0.0 })),
        },
        _ if a.0 == a.1 && b.0 == b.1 => Some(spread(corners())),
        Binary::Xor => Some((0.0, 1.0)),
        _ => None,
    }
}

fn compared(c: Compare, a: Bounds, b: Bounds) -> Bounds {
    let (always, never) = match c {
        Compare::Lt => (a.1 < b.0, a.0 >= b.1),
        Compare::Le => (a.1 <= b.0, a.0 > b.1),
        Compare::Gt => (a.0 > b.1, a.1 <= b.0),
        Compare::Ge => (a.0 >= b.1, a.1 < b.0),
        Compare::Eq | Compare::Ne => {
            let (same, apart) = (a.0 == a.1 && a == b, a.1 < b.0 || a.0 > b.1);
            if c == Compare::Eq { (same, apart) } else { (apart, same) }
        }
    };
    match (always, never) {
        (true, _) => (1.0, 1.0),
        (_, true) => (0.0, 0.0),
        _ => (0.0, 1.0),
    }
}
