//! Building, running and comparing small graphs.

use candle_core::{DType as CandleDType, Device, Tensor};
use move37_candidate::ir::{DType, Graph, NodeId};
use move37_tensor::device::DeviceProgram;
use move37_tensor::rng::Stream;
use move37_tensor::{Compute, Options, Program};

/// A graph with float inputs of these shapes.
pub fn graph(shapes: &[&[usize]]) -> (Graph, Vec<NodeId>) {
    let mut g = Graph::default();
    let ids = shapes.iter().enumerate().map(|(i, s)| g.input(&format!("x{i}"), s, DType::F32).unwrap()).collect();
    (g, ids)
}

/// A float tensor.
pub fn tensor(data: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_vec(data.to_vec(), shape, &Device::Cpu).unwrap()
}

/// Uniform draws on `low .. high`.
pub fn random(stream: &mut Stream, n: usize, low: f32, high: f32) -> Vec<f32> {
    (0..n).map(|_| low + (high - low) * stream.uniform()).collect()
}

/// Run a graph on inputs only, by our own kernels; candle's operations must agree.
pub fn run(g: &Graph, inputs: &[Tensor]) -> Vec<Tensor> {
    let outputs = Program::new(g.clone(), Options::default()).unwrap().run(&[], inputs).unwrap();
    let device = DeviceProgram::new(g.clone(), Compute::Candle { half: false }).unwrap();
    for (own, candle) in outputs.iter().zip(device.run_unless(&[], inputs, || false).unwrap()) {
        assert_eq!((own.dims(), own.dtype()), (candle.dims(), candle.dtype()));
        alike(&floats(&candle), &floats(own));
    }
    outputs
}

/// Panics unless all pairs are as near as two orders of summation let them be, or the same kind of no number.
fn alike(got: &[f32], want: &[f32]) {
    let scale = want.iter().filter(|x| x.is_finite()).fold(0f32, |most, x| most.max(x.abs()));
    for (i, (a, b)) in got.iter().zip(want).enumerate() {
        let same = a == b || (a.is_nan() && b.is_nan());
        assert!(same || (a - b).abs() <= 2e-5 * (1.0 + scale), "element {i}: candle {a}, own kernels {b}");
    }
}

/// Elements as floats whatever the dtype.
pub fn floats(t: &Tensor) -> Vec<f32> {
    t.to_dtype(CandleDType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The single output of a graph made from float inputs.
pub fn output(
    inputs: &[(&[f32], &[usize])],
    build: impl FnOnce(&mut Graph, &[NodeId]) -> NodeId,
) -> (Vec<f32>, Vec<usize>) {
    let shapes: Vec<&[usize]> = inputs.iter().map(|i| i.1).collect();
    let (mut g, ids) = graph(&shapes);
    let out = build(&mut g, &ids);
    g.outputs = vec![out];
    let tensors: Vec<Tensor> = inputs.iter().map(|(d, s)| tensor(d, s)).collect();
    let result = run(&g, &tensors).remove(0);
    (floats(&result), result.dims().to_vec())
}

/// Panics unless all pairs are near.
pub fn near(got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len());
    for (i, (a, b)) in got.iter().zip(want).enumerate() {
        let allowed = 1e-5 + 1e-5 * b.abs();
        assert!((a - b).abs() <= allowed || a == b, "element {i} of {}: {a}, expected {b}", got.len());
    }
}
