//! Whole layers have PyTorch's outputs and gradients; `candidate/tests/candidate/reference/layers.py` made the numbers.

use std::collections::HashMap;

use candle_core::Tensor;
use move37_candidate::ir::{DType, NodeId, Op, ParamKind};
use move37_candidate::language::{Dims, Options as TraceOptions, trace};
use move37_tensor::{Options, Program, gradients, init_params};

use super::programs::{SIZES, programs};
use super::support::{floats, tensor};

/// Of single precision against double, relative to the root mean square.
const TOLERANCE: f64 = 1e-4;

const EXPECTED: &str = include_str!("../../../candidate/tests/candidate/reference/layers.json");
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
    println!("{:28} {:10} {:>9} {:>9}", "program", "size", "output", "gradient");
    let pairs = programs().into_iter().flat_map(|p| SIZES.map(|size| (p.clone(), size)));
    for ((name, source), (size, [batch, time, d_model, num_heads])) in pairs {
        let dims = Dims { batch, time, d_model, num_heads, args: Default::default() };
        let expected = &expected[&name][size];
        let mut graph = trace(&source, &dims, &TraceOptions::default()).unwrap().graph;
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
        let results = program.run(&params, &[wave(&[batch, time, d_model], 0.0, 1.0, 0.0)]).unwrap();
        let got = floats(&results[0]);
        let scale = expected["norm"].as_f64().unwrap() / (got.len() as f64).sqrt();
        let probes = expected["output"].as_array().unwrap().iter().enumerate();
        let apart = probes.map(|(k, want)| (f64::from(got[k * 29]) - want.as_f64().unwrap()).abs() / scale);
        let apart = apart.fold(0.0f64, f64::max);
        if apart.is_nan() || apart > TOLERANCE {
            wrong.push(format!("{name} at {size}: outputs apart by {apart:.1e}"));
        }
        let mut computed = results.iter().skip(1);
        let mut steepest = 0.0f64;
        for ((p, _), gradient) in nodes.iter().zip(&found) {
            let values = gradient.map_or_else(Vec::new, |_| floats(computed.next().unwrap()));
            let sum: f64 = values.iter().enumerate().map(|(j, g)| f64::from(*g) * (j as f64).cos()).sum();
            let norm = values.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            let param = &graph.params[*p].name;
            let want = &expected["gradients"][param];
            let (dot, length) = (want[0].as_f64().unwrap(), want[1].as_f64().unwrap());
            // The sum runs over all elements, so that its error grows with their number.
            let scale = length * (values.len() as f64).sqrt().max(1.0) + 1e-4;
            let apart = (sum - dot).abs().max((norm - length).abs()) / scale;
            steepest = steepest.max(apart);
            if apart.is_nan() || apart > TOLERANCE {
                wrong.push(format!("{name} at {size}: gradient of {param}: {sum}, {norm} are not {dot}, {length}"));
            }
        }
        println!("{name:28} {size:10} {apart:9.1e} {steepest:9.1e}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
