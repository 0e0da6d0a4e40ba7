//! The identity of a graph: what it computes, not how it is written.
//!
//! Names, formatting, dead code, the order of commutative operands, no-op reshapes and the way constants are made do
//! not matter; shapes do. Parameters are known by shape, kind, initial value and by where they are used.

use super::constant::Constants;
use super::graph::{Graph, NodeId, ParamKind};
use super::op::{Binary, Compare, DType, Op};

/// A BLAKE3 digest.
pub type Digest = blake3::Hash;

/// Constants of more elements are hashed by how they are made.
const MAX_FOLDED: usize = 1 << 16;

/// The hash of everything that the outputs depend on.
pub fn canonical_hash(graph: &Graph) -> Digest {
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
    sort(&mut used);
    let second = upward(graph, &live, &folded, &refined);
    let mut parts: Vec<Digest> = graph.outputs.iter().map(|o| second[o.index()]).collect();
    parts.extend(used);
    combine("graph", &parts)
}

fn sort(digests: &mut [Digest]) {
    digests.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
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
    for (i, node) in graph.nodes().iter().enumerate() {
        if !live[i] {
            continue;
        }
        if let Some(digest) = folded[i] {
            digests[i] = digest;
            continue;
        }
        let mut inputs: Vec<Digest> = node.inputs.iter().map(|n| digests[n.index()]).collect();
        match &node.op {
            op if commutes(op) => sort(&mut inputs),
            Op::Compare(Compare::Gt | Compare::Ge) => inputs.reverse(),
            _ => {}
        }
        let head = match &node.op {
            Op::Param(p) => {
                digests[i] = params.get(*p as usize).copied().unwrap_or(none);
                continue;
            }
            Op::Random { distribution, .. } => format!("{distribution:?}"),
            Op::Binary(f) => format!("{f:?}"),
            Op::Compare(Compare::Gt) => "Lt".to_owned(),
            Op::Compare(Compare::Ge) => "Le".to_owned(),
            Op::Compare(c) => format!("{c:?}"),
            Op::Reshape => {
                // Only the first and the last shape of a chain of reshapes matter.
                let source = reshape_source(graph, folded, node.inputs[0]);
                if graph.shape(source) == node.shape {
                    digests[i] = digests[source.index()];
                    continue;
                }
                inputs = vec![digests[source.index()]];
                "Reshape".to_owned()
            }
            Op::Cast => format!("Cast {:?}", node.dtype),
            op => format!("{op:?}"),
        };
        let dtype = if matches!(node.op, Op::Input(_)) { node.dtype } else { DType::F32 };
        let head = blake3::hash(format!("{head} {:?} {dtype:?}", node.shape).as_bytes());
        inputs.insert(0, head);
        digests[i] = combine("node", &inputs);
    }
    digests
}

/// The node that stands for another: reshapes that change nothing stand for their source.
fn stand_in(graph: &Graph, folded: &[Option<Digest>], id: NodeId) -> NodeId {
    let source = reshape_source(graph, folded, id);
    if graph.shape(source) == graph.shape(id) { source } else { id }
}

/// Where a chain of reshapes starts.
fn reshape_source(graph: &Graph, folded: &[Option<Digest>], mut id: NodeId) -> NodeId {
    while matches!(graph.node(id).op, Op::Reshape) && folded[id.index()].is_none() {
        id = graph.node(id).inputs[0];
    }
    id
}

/// Per node, a digest of all its uses: what uses it, and how that is used in turn. Only nodes that count are visited:
/// the middle of a chain of reshapes does not, nor does what lies below a folded constant.
fn downward(graph: &Graph, folded: &[Option<Digest>], upward: &[Digest]) -> Vec<Digest> {
    let mut uses: Vec<Vec<Digest>> = vec![Vec::new(); upward.len()];
    for (k, &output) in graph.outputs.iter().enumerate() {
        let output = stand_in(graph, folded, output);
        uses[output.index()].push(blake3::hash(format!("output {k}").as_bytes()));
    }
    let mut contexts = vec![blake3::hash(b""); upward.len()];
    for (i, node) in graph.nodes().iter().enumerate().rev() {
        if uses[i].is_empty() || folded[i].is_some() {
            continue;
        }
        sort(&mut uses[i]);
        contexts[i] = combine("uses", &uses[i]);
        let inputs: Vec<NodeId> = match node.op {
            Op::Reshape => vec![reshape_source(graph, folded, node.inputs[0])],
            _ => node.inputs.iter().map(|&input| stand_in(graph, folded, input)).collect(),
        };
        for (k, input) in inputs.into_iter().enumerate() {
            let place = blake3::hash(&[if commutes(&node.op) { 0 } else { turned(&node.op, k) }]);
            uses[input.index()].push(combine("use", &[upward[i], contexts[i], place]));
        }
    }
    contexts
}

fn commutes(op: &Op) -> bool {
    matches!(
        op,
        Op::Binary(
            Binary::Add | Binary::Mul | Binary::Maximum | Binary::Minimum | Binary::And | Binary::Or | Binary::Xor
        ) | Op::Compare(Compare::Eq | Compare::Ne)
    )
}

/// The place of an operand: `a > b` is `b < a`.
fn turned(op: &Op, place: usize) -> u8 {
    match op {
        Op::Compare(Compare::Gt | Compare::Ge) => 1 - place as u8,
        _ => place.min(255) as u8,
    }
}
