//! First weights: each parameter's initial value, drawn from streams of its own.

use candle_core::Tensor;
use move37_candidate::ir::{Distribution, Graph, Op};

use crate::Error;
use crate::exec::initial;
use crate::rng::Stream;

/// The initial value of every parameter, in order. A random draw depends on the seed, the parameter's name and the draw's
/// number within the program only, so adding a parameter does not change the others.
///
/// # Errors
/// If an initial value depends on an input or another parameter.
pub fn init_params(graph: &Graph, seed: u64) -> Result<Vec<Tensor>, Error> {
    graph
        .params
        .iter()
        .map(|param| {
            initial(graph, param, &|op, n| match op {
                Op::Random { distribution, stream } => Some(draw(seed, &param.name, *distribution, *stream, n)),
                _ => None,
            })
        })
        .collect()
}

fn draw(seed: u64, name: &str, distribution: Distribution, number: u32, n: usize) -> Vec<f32> {
    let mut stream = Stream::new(seed, &format!("initial value of {name}, draw {number}"));
    (0..n)
        .map(|_| match distribution {
            Distribution::Uniform => stream.uniform(),
            Distribution::Normal => stream.normal(),
        })
        .collect()
}
