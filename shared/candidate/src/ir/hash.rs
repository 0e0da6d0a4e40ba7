//! The identity of a graph: what it computes, not how it is written.
//!
//! Names, formatting, dead code, the order and grouping of commutative operands, steps that change nothing
//! ([`super::canonical`]) and the way constants are made do not matter; shapes do. Parameters are known by shape, kind,
//! initial value and by where they are used.

use std::collections::HashMap;

use super::canonical::{MAX_FOLDED, canonical};
use super::constant::Constants;
use super::graph::{Graph, Node, NodeId, ParamKind};
use super::op::{Binary, Compare, DType, Op, Unary};
use super::sum::Sum;

/// A BLAKE3 digest.
pub type Digest = blake3::Hash;

/// The hash of everything that the outputs depend on.
pub fn canonical_hash(graph: &Graph) -> Digest {
    match canonical(graph) {
        Ok(canonical) => identity(&canonical),
        // Rewrites keep shapes, so this is a graph that was not built by its own rules.
        Err(_) => identity(graph),
    }
}

fn identity(graph: &Graph) -> Digest {
    let live = graph.reachable(&graph.outputs);
    let mut constants = Constants::default();
    let folded = fold(graph, &live, &mut constants);
    let plain: Vec<Digest> = graph.params.iter().map(|p| parameter(graph, p.init, p.kind, &p.shape)).collect();
    let first = upward(graph, &live, &folded, &plain);
    // Two parameters alike in shape and start differ by their uses; without this `a(x) * b(x)` were `a(x) * a(x)`.
    let contexts = downward(graph, &folded, &first);
    let mut used = Vec::new();
    let mut refined = plain.clone();
    for (i, node) in graph.nodes().iter().enumerate() {
        if let (true, Op::Param(p)) = (live[i], &node.op)
            && folded[i].is_none()
        {
            refined[*p as usize] = combine("param", &[plain[*p as usize], contexts[i]]);
            used.push(refined[*p as usize]);
        }
    }
    used.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    let second = upward(graph, &live, &folded, &refined);
    let mut parts: Vec<Digest> = graph.outputs.iter().map(|o| second[o.index()]).collect();
    parts.extend(used);
    combine("graph", &parts)
}

fn combine(tag: &str, parts: &[Digest]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(tag.as_bytes()).update(&[0]);
    for part in parts {
        hasher.update(part.as_bytes());
    }
    hasher.finalize()
}

/// Digests of nodes whose value is constant and small.
fn fold(graph: &Graph, live: &[bool], constants: &mut Constants) -> Vec<Option<Digest>> {
    let mut folded = vec![None; live.len()];
    for (i, node) in graph.nodes().iter().enumerate() {
        if !live[i] || node.elements() > MAX_FOLDED {
            continue;
        }
        if let Some(values) = constants.get(graph, NodeId(i as u32)) {
            let mut hasher = blake3::Hasher::new();
            hasher.update(format!("constant {:?} {:?}", node.dtype, node.shape).as_bytes());
            for value in values.iter() {
                // Negative zero is zero, and one NaN is all of them.
                let value = if *value == 0.0 { 0.0f32 } else { *value as f32 };
                let bits = if value.is_nan() { f32::NAN.to_bits() } else { value.to_bits() };
                hasher.update(&bits.to_le_bytes());
            }
            folded[i] = Some(hasher.finalize());
        }
    }
    folded
}

/// A parameter by kind, shape and the way its initial value is made (random draws by distribution alone).
fn parameter(graph: &Graph, init: NodeId, kind: ParamKind, shape: &[usize]) -> Digest {
    let live = graph.reachable(&[init]);
    let none = vec![None; live.len()];
    let start = upward(graph, &live, &none, &[])[init.index()];
    let trained = kind == ParamKind::Trained;
    let head = blake3::hash(format!("{trained} {shape:?}").as_bytes());
    combine("parameter", &[head, start])
}

/// Digests from the leaves up.
fn upward(graph: &Graph, live: &[bool], folded: &[Option<Digest>], params: &[Digest]) -> Vec<Digest> {
    let none = blake3::hash(b"");
    let mut digests = vec![none; live.len()];
    // Per node of a chain, the sum of all its terms however they are grouped.
    let mut sums: Vec<Option<(Binary, Sum)>> = vec![None; live.len()];
    let mut known: HashMap<(Sum, &[usize]), Digest> = HashMap::new();
    for (i, node) in graph.nodes().iter().enumerate().filter(|(i, _)| live[*i]) {
        let chained = chain(&node.op).filter(|_| folded[i].is_none());
        digests[i] = match (&node.op, folded[i], chained) {
            (_, Some(digest), _) => digest,
            (Op::Param(p), ..) => params.get(*p as usize).copied().unwrap_or(none),
            (_, _, Some(f)) => {
                let mut total = Sum::default();
                for (k, input) in node.inputs.iter().map(|n| n.index()).enumerate() {
                    let term = match sums[input] {
                        Some((g, sum)) if g == f => sum,
                        _ => Sum::of(digests[input]),
                    };
                    total = if negated(&node.op, k) { total.minus(term) } else { total.plus(term) };
                }
                sums[i] = Some((f, total));
                let made = combine("chain", &[head(&format!("{f:?}"), node), total.digest()]);
                known.get(&(total, &node.shape[..])).copied().unwrap_or(made)
            }
            _ => {
                let mut inputs: Vec<Digest> = node.inputs.iter().map(|n| digests[n.index()]).collect();
                if commutes(&node.op) {
                    inputs.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
                }
                let text = match &node.op {
                    Op::Random { distribution, .. } => format!("{distribution:?}"),
                    Op::Cast => format!("Cast {:?}", node.dtype),
                    op => format!("{op:?}"),
                };
                inputs.insert(0, head(&text, node));
                combine("node", &inputs)
            }
        };
        known.entry((Sum::of(digests[i]), &node.shape)).or_insert(digests[i]);
        if let Some((_, total)) = sums[i] {
            known.entry((total, &node.shape)).or_insert(digests[i]);
        }
    }
    digests
}

fn head(text: &str, node: &Node) -> Digest {
    let dtype = if matches!(node.op, Op::Input(_)) { node.dtype } else { DType::F32 };
    blake3::hash(format!("{text} {:?} {dtype:?}", node.shape).as_bytes())
}

/// Per node, a digest of all its uses: what uses it, and how that is used in turn. A link of a chain passes on what
/// uses the chain.
fn downward(graph: &Graph, folded: &[Option<Digest>], upward: &[Digest]) -> Vec<Digest> {
    let mut uses: Vec<Option<Sum>> = vec![None; upward.len()];
    let mut passed: Vec<Option<Sum>> = vec![None; upward.len()];
    let add = |place: &mut Option<Sum>, sum: Sum| *place = Some(place.unwrap_or_default().plus(sum));
    for (k, output) in graph.outputs.iter().enumerate() {
        add(&mut uses[output.index()], Sum::of(blake3::hash(format!("output {k}").as_bytes())));
    }
    let mut contexts = vec![blake3::hash(b""); upward.len()];
    for (i, node) in graph.nodes().iter().enumerate().rev() {
        if (uses[i].is_none() && passed[i].is_none()) || folded[i].is_some() {
            continue;
        }
        contexts[i] = uses[i].unwrap_or_default().plus(passed[i].unwrap_or_default()).digest();
        if let Some(f) = chain(&node.op) {
            let mut own = passed[i].unwrap_or_default();
            if let Some(uses) = uses[i] {
                own = own.plus(Sum::of(combine("use", &[upward[i], uses.digest()])));
            }
            for (k, input) in node.inputs.iter().map(|n| n.index()).enumerate() {
                let own = if negated(&node.op, k) { Sum::default().minus(own) } else { own };
                let inner = chain(&graph.nodes()[input].op) == Some(f) && folded[input].is_none();
                add(if inner { &mut passed[input] } else { &mut uses[input] }, own);
            }
            continue;
        }
        for (k, input) in node.inputs.iter().enumerate() {
            let place = blake3::hash(&[if commutes(&node.op) { 0 } else { k.min(255) as u8 }]);
            add(&mut uses[input.index()], Sum::of(combine("use", &[upward[i], contexts[i], place])));
        }
    }
    contexts
}

/// Operations whose operands can be grouped and ordered at will, by the one that they count as.
fn chain(op: &Op) -> Option<Binary> {
    match op {
        Op::Binary(Binary::Sub) | Op::Unary(Unary::Neg) => Some(Binary::Add),
        Op::Binary(
            f
            @ (Binary::Add | Binary::Mul | Binary::Maximum | Binary::Minimum | Binary::And | Binary::Or | Binary::Xor),
        ) => Some(*f),
        _ => None,
    }
}

fn negated(op: &Op, operand: usize) -> bool {
    matches!((op, operand), (Op::Binary(Binary::Sub), 1) | (Op::Unary(Unary::Neg), 0))
}

fn commutes(op: &Op) -> bool {
    matches!(op, Op::Compare(Compare::Eq | Compare::Ne))
}
