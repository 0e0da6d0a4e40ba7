//! The layers around the candidate, named and initialised as in PyTorch unless said otherwise.

use move37_candidate::ir::{DType, Distribution, Error, Graph, NodeId, Op, ParamKind, Unary};

/// Added to the mean square before the root.
const EPSILON: f64 = 1e-6;

/// Initial values of a matrix.
#[derive(Clone, Copy, Debug)]
pub(super) enum Init {
    /// Normal with this standard deviation.
    Normal(f64),
    /// Uniform within plus and minus the inverse root of the number of inputs (the default of `nn.Linear`).
    Linear,
}

/// Numbers the random streams of the layers; the copies of a candidate have others.
#[derive(Debug, Default)]
pub(super) struct Streams(u32);

impl Streams {
    fn next(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }
}

/// A trained `[outputs, inputs]` matrix.
pub(super) fn matrix(
    graph: &mut Graph,
    streams: &mut Streams,
    name: &str,
    shape: [usize; 2],
    init: Init,
) -> Result<NodeId, Error> {
    let draw = |graph: &mut Graph, distribution, stream| {
        graph.push(Op::Random { distribution, stream }, &[], (&shape, DType::F32))
    };
    let value = match init {
        Init::Normal(deviation) => {
            let normal = draw(graph, Distribution::Normal, streams.next())?;
            graph.scale(normal, deviation)?
        }
        Init::Linear => {
            let bound = 1.0 / (shape[1].max(1) as f64).sqrt();
            let uniform = draw(graph, Distribution::Uniform, streams.next())?;
            let half = graph.scalar(0.5)?;
            let centred = graph.sub(uniform, half)?;
            graph.scale(centred, 2.0 * bound)?
        }
    };
    graph.param(name, ParamKind::Trained, value)
}

/// `x [N, inputs]` times the transpose of `weight [outputs, inputs]`.
pub(super) fn linear(graph: &mut Graph, x: NodeId, weight: NodeId) -> Result<NodeId, Error> {
    let transposed = graph.transpose(weight, 0, 1)?;
    graph.matmul(x, transposed)
}

/// `x / sqrt(mean(x^2) + 1e-6) * weight` over the last axis (Zhang and Sennrich, 2019); the weight begins at 1.
pub(super) fn rms_norm(graph: &mut Graph, x: NodeId, name: &str) -> Result<NodeId, Error> {
    let last = graph.shape(x).len() - 1;
    let width = graph.shape(x)[last];
    let ones = graph.full(&[width], 1.0, DType::F32)?;
    let weight = graph.param(&format!("{name}.weight"), ParamKind::Trained, ones)?;
    let square = graph.mul(x, x)?;
    let mean = graph.mean(square, &[last])?;
    let epsilon = graph.scalar(EPSILON)?;
    let shifted = graph.add(mean, epsilon)?;
    let scale = graph.unary(Unary::Rsqrt, shifted)?;
    let normed = graph.mul(x, scale)?;
    graph.mul(normed, weight)
}

/// `down(silu(gate(x)) * up(x))` on `x [N, width]` (Shazeer, 2020).
pub(super) fn swiglu(
    graph: &mut Graph,
    streams: &mut Streams,
    x: NodeId,
    inner: usize,
    name: &str,
) -> Result<NodeId, Error> {
    let width = graph.shape(x)[1];
    let mut project = |graph: &mut Graph, x, part: &str, shape| {
        let weight = matrix(graph, streams, &format!("{name}.{part}.weight"), shape, Init::Linear)?;
        linear(graph, x, weight)
    };
    let gate = project(graph, x, "gate_proj", [inner, width])?;
    let up = project(graph, x, "up_proj", [inner, width])?;
    let gate = graph.unary(Unary::Silu, gate)?;
    let hidden = graph.mul(gate, up)?;
    project(graph, hidden, "down_proj", [width, inner])
}
