//! Gradients against central finite differences.

use candle_core::Tensor;
use move37_candidate::ir::{DType, Graph, NodeId};
use move37_tensor::gradients;
use move37_tensor::rng::Stream;

use super::support::{floats, graph, random, run, tensor};

/// Where the inputs of a check lie.
pub struct Check<'a> {
    pub shapes: &'a [&'a [usize]],
    pub low: f32,
    pub high: f32,
    /// Step of the difference.
    pub step: f32,
    /// Largest deviation, relative to the larger of 1 and the gradient.
    pub tolerance: f32,
}

impl<'a> Check<'a> {
    pub fn new(shapes: &'a [&'a [usize]]) -> Self {
        Self { shapes, low: -1.0, high: 1.0, step: 1e-2, tolerance: 5e-3 }
    }

    pub fn on(self, low: f32, high: f32) -> Self {
        Self { low, high, ..self }
    }

    /// Compare the gradient of `sum(output * w)` for fixed random w with differences, for every element of every input.
    pub fn run(&self, name: &str, build: impl FnOnce(&mut Graph, &[NodeId]) -> NodeId) {
        let (mut g, ids) = graph(self.shapes);
        let out = build(&mut g, &ids);
        let shape = g.shape(out).to_vec();
        let mut stream = Stream::new(11, name);
        let weights = random(&mut stream, shape.iter().product(), -1.0, 1.0);
        let w = g.literal(&shape, weights.iter().map(|&x| f64::from(x)).collect(), DType::F32).unwrap();
        let grads = gradients(&mut g, out, w, &ids).unwrap();
        assert!(grads.iter().all(Option::is_some), "{name}: an input has no gradient");
        let data: Vec<Vec<f32>> =
            self.shapes.iter().map(|s| random(&mut stream, s.iter().product(), self.low, self.high)).collect();
        let mut analytic = g.clone();
        analytic.outputs = grads.iter().map(|d| d.unwrap()).collect();
        g.outputs = vec![out];
        let results = run(&analytic, &self.tensors(&data));
        // The weighted sum in f64, so that the difference does not drown in rounding.
        let value = |data: &[Vec<f32>]| -> f64 {
            let y = floats(&run(&g, &self.tensors(data))[0]);
            y.iter().zip(&weights).map(|(&y, &w)| f64::from(y) * f64::from(w)).sum()
        };
        for (i, result) in results.iter().enumerate() {
            assert_eq!(result.dims(), self.shapes[i], "{name}: shape of gradient {i}");
            for (j, &got) in floats(result).iter().enumerate() {
                let moved = |by: f32| {
                    let mut data = data.clone();
                    data[i][j] += by;
                    value(&data)
                };
                let want = ((moved(self.step) - moved(-self.step)) / (2.0 * f64::from(self.step))) as f32;
                let allowed = self.tolerance * want.abs().max(1.0);
                assert!((got - want).abs() <= allowed, "{name}: input {i} element {j}: {got}, differences say {want}");
            }
        }
    }

    fn tensors(&self, data: &[Vec<f32>]) -> Vec<Tensor> {
        data.iter().zip(self.shapes).map(|(d, s)| tensor(d, s)).collect()
    }
}
