//! Operations give PyTorch's numbers; `reference/make.py` made them.

use std::collections::HashMap;

use move37_candidate::ir::{Graph, NodeId, Op, eval::evaluate};
use move37_candidate::language::{Options, trace};

use super::language::layer;
use super::seeds::dims;

/// Values of a node, given those of the input.
fn values(graph: &Graph, output: NodeId, input: &[f64]) -> Vec<f64> {
    let live = graph.reachable(&[output]);
    let mut known: HashMap<NodeId, Vec<f64>> = HashMap::new();
    for (i, node) in graph.nodes().iter().enumerate().filter(|(i, _)| live[*i]) {
        let operands: Vec<_> = node.inputs.iter().map(|n| (graph.shape(*n), &known[n][..])).collect();
        let value = match node.op {
            Op::Input(_) => input.to_vec(),
            ref op => evaluate(op, &operands, &node.shape, node.dtype).unwrap(),
        };
        known.insert(NodeId(i as u32), value);
    }
    known.remove(&output).unwrap()
}

#[test]
fn operations_give_the_numbers_of_pytorch() {
    let programs: Vec<String> = serde_json::from_str(include_str!("reference/programs.json")).unwrap();
    let expected: Vec<Vec<f64>> = serde_json::from_str(include_str!("reference/expected.json")).unwrap();
    let input: Vec<f64> = (0..2 * 8 * 32).map(f64::from).map(|i| (0.37 * i * i + 0.11 * i).sin()).collect();
    let mut wrong = Vec::new();
    for (program, expected) in programs.iter().zip(&expected) {
        // The first 512 values of y, in the input's shape.
        let forward = format!(
            "from einops import einsum\n{program}\ny = y.float().flatten()[:512]\nreturn F.pad(y, (0, 512 - y.numel())).view(2, 8, 32)"
        );
        let traced = match trace(&layer("", &forward), &dims(2, 8), &Options::default()) {
            Ok(traced) => traced,
            Err(findings) => {
                wrong.push(format!("{program}\n    {}", findings[0]));
                continue;
            }
        };
        let got = values(&traced.graph, traced.graph.outputs[0], &input);
        let off = |(i, e): (usize, &f64)| (got[i * 7] - e).abs() > 1e-6 * (1.0 + e.abs());
        if let Some(i) = expected.iter().enumerate().position(off) {
            wrong.push(format!("{program}\n    element {}: {} is not {}", i * 7, got[i * 7], expected[i]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
