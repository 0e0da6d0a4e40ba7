//! Whole layers have PyTorch's outputs and gradients; `candidate/tests/candidate/reference/layers.py` made the numbers.

use std::collections::HashMap;

use candle_core::Tensor;
use move37_candidate::ir::{DType, NodeId, Op, ParamKind};
use move37_candidate::language::{Dims, Options as TraceOptions, trace};
use move37_tensor::{Options, Program, gradients, init_params};

use super::support::{floats, tensor};

const EXPECTED: &str = include_str!("../../../candidate/tests/candidate/reference/layers.json");
const LAYERS: &[(&str, &str)] = &[
    ("annealed_memory", include_str!("../../../candidate/tests/candidate/programs/annealed_memory.py")),
    ("delta_fir_router", include_str!("../../../candidate/tests/candidate/programs/delta_fir_router.py")),
    ("fla_delta_net", include_str!("../../../candidate/tests/candidate/programs/fla_delta_net.py")),
    ("fla_gated_delta_net", include_str!("../../../candidate/tests/candidate/programs/fla_gated_delta_net.py")),
    ("fla_gla", include_str!("../../../candidate/tests/candidate/programs/fla_gla.py")),
    ("fla_linear_attn", include_str!("../../../candidate/tests/candidate/programs/fla_linear_attn.py")),
    ("fla_retention", include_str!("../../../candidate/tests/candidate/programs/fla_retention.py")),
    ("fla_simple_gla", include_str!("../../../candidate/tests/candidate/programs/fla_simple_gla.py")),
    ("gated_long_filter", include_str!("../../../candidate/tests/candidate/programs/gated_long_filter.py")),
    ("statistics_router", include_str!("../../../candidate/tests/candidate/programs/statistics_router.py")),
    (
        "straight_through_experts",
        include_str!("../../../candidate/tests/candidate/programs/straight_through_experts.py"),
    ),
    ("window_and_state", include_str!("../../../candidate/tests/candidate/programs/window_and_state.py")),
];

fn wave(shape: &[usize], phase: f64, scale: f64, shift: f64) -> Tensor {
    let n = shape.iter().product::<usize>();
    let data: Vec<f32> =
        (0..n).map(|j| j as f64).map(|j| (shift + scale * (0.37 * j * j + 0.11 * j + phase).sin()) as f32).collect();
    tensor(&data, shape)
}

#[test]
fn layers_have_the_outputs_and_gradients_of_pytorch() {
    let expected: serde_json::Value = serde_json::from_str(EXPECTED).unwrap();
    let mut wrong = Vec::new();
    for (name, source) in LAYERS {
        let dims = Dims { batch: 2, time: 37, d_model: 16, num_heads: 2, args: Default::default() };
        let mut graph = trace(source, &dims, &TraceOptions::default()).unwrap().graph;
        let mut names: Vec<&str> =
            graph.params.iter().filter(|p| p.kind == ParamKind::Trained).map(|p| p.name.as_str()).collect();
        names.sort_unstable();
        let order: HashMap<String, usize> = names.iter().enumerate().map(|(i, n)| ((*n).to_owned(), i)).collect();
        let mut params = init_params(&graph, 0).unwrap();
        for (param, value) in graph.params.iter().zip(&mut params) {
            if let Some(&i) = order.get(&param.name) {
                *value = wave(&param.shape, i as f64, 0.2, if param.shape.len() == 1 { 1.0 } else { 0.0 });
            }
        }
        let output = graph.outputs[0];
        let shape = graph.shape(output).to_vec();
        let weight = (0..shape.iter().product()).map(|j: usize| (j as f64).cos()).collect();
        let cotangent = graph.literal(&shape, weight, DType::F32).unwrap();
        let nodes: Vec<(usize, NodeId)> = (0..graph.nodes().len())
            .filter_map(|i| match graph.nodes()[i].op {
                Op::Param(p) if graph.params[p as usize].kind == ParamKind::Trained => {
                    Some((p as usize, NodeId(i as u32)))
                }
                _ => None,
            })
            .collect();
        let wrt: Vec<NodeId> = nodes.iter().map(|n| n.1).collect();
        let found = gradients(&mut graph, output, cotangent, &wrt).unwrap();
        graph.outputs = [output].into_iter().chain(found.iter().flatten().copied()).collect();
        let program = Program::new(graph.clone(), Options::default()).unwrap();
        let results = program.run(&params, &[wave(&[2, 37, 16], 0.0, 1.0, 0.0)]).unwrap();
        let got = floats(&results[0]);
        let largest = got.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        for (k, want) in expected[name]["output"].as_array().unwrap().iter().enumerate() {
            if (f64::from(got[k * 13]) - want.as_f64().unwrap()).abs() > 1e-4 * f64::from(largest) {
                wrong.push(format!("{name}: element {}: {} is not {want}", k * 13, got[k * 13]));
                break;
            }
        }
        let mut computed = results.iter().skip(1);
        for ((p, _), gradient) in nodes.iter().zip(&found) {
            let values = gradient.map_or_else(Vec::new, |_| floats(computed.next().unwrap()));
            let sum: f64 = values.iter().enumerate().map(|(j, g)| f64::from(*g) * (j as f64).cos()).sum();
            let scale: f64 = values.iter().map(|g| f64::from(g.abs())).sum();
            let param = &graph.params[*p].name;
            let want = expected[name]["gradients"][param].as_f64().unwrap();
            if (sum - want).abs() > 1e-4 * scale + 1e-9 {
                wrong.push(format!("{name}: gradient of {param}: {sum} is not {want} (scale {scale})"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
