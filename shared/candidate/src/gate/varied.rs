//! The numbers of a program that change with its sizes.
//!
//! The graphs of two sizes are walked together from their outputs. Where both have a constant at the same place, the
//! part that they share must be the same; where it is not, the program computes with a number that depends on the
//! size, and that is the line to name. Graphs of different make (loops that run more often) are compared as far as they
//! are alike.

use std::collections::HashSet;

use crate::ir::{DType, Graph, Node, NodeId, Op, Span};

/// A number that depends on the size.
pub struct Varied {
    /// Where it enters.
    pub span: Span,
    /// How it differs, in words.
    pub what: String,
}

/// The first float constant, from the inputs on, whose shared part differs between two graphs of one program.
pub fn varied(a: &Graph, b: &Graph) -> Option<Varied> {
    let mut pending: Vec<(NodeId, NodeId, Span)> =
        a.outputs.iter().zip(&b.outputs).map(|(&x, &y)| (x, y, a.node(x).span)).collect();
    let mut seen: HashSet<(NodeId, NodeId)> = HashSet::new();
    let mut found: Option<(NodeId, Varied)> = None;
    while let Some((x, y, user)) = pending.pop() {
        if !seen.insert((x, y)) {
            continue;
        }
        let (m, n) = (a.node(x), b.node(y));
        let constants = (leaf(m), leaf(n));
        if constants == (true, true) {
            // Integers are positions and counts; they matter where they become floats.
            let differs = difference(m, n).filter(|_| m.dtype == DType::F32 && n.dtype == DType::F32);
            if let Some(what) = differs
                && found.as_ref().is_none_or(|(first, _)| x < *first)
            {
                let span = if m.span.line > 0 { m.span } else { user };
                found = Some((x, Varied { span, what }));
            }
            continue;
        }
        if std::mem::discriminant(&m.op) == std::mem::discriminant(&n.op) && m.inputs.len() == n.inputs.len() {
            pending.extend(m.inputs.iter().zip(&n.inputs).map(|(&i, &j)| (i, j, m.span)));
        }
    }
    found.map(|(_, varied)| varied)
}

fn leaf(node: &Node) -> bool {
    matches!(node.op, Op::Full(_) | Op::Arange { .. } | Op::Literal(_))
}

fn difference(a: &Node, b: &Node) -> Option<String> {
    let first = |node: &Node, i: usize| match &node.op {
        Op::Full(v) => Some(v.0),
        Op::Arange { start, step } => Some(start.0 + step.0 * i as f64),
        Op::Literal(data) => data.get(i).map(|v| v.0),
        _ => None,
    };
    // Only along the first axis of one-dimensional data do equal indices mean equal places.
    let shared = match (&a.shape[..], &b.shape[..]) {
        ([n], [m]) => *n.min(m),
        (s, r) if s == r => a.elements(),
        _ => 1,
    };
    (0..shared.min(4096)).find_map(|i| {
        let (x, y) = (first(a, i)?, first(b, i)?);
        (x != y && !(x.is_nan() && y.is_nan())).then(|| format!("{x} in one and {y} in the other"))
    })
}
