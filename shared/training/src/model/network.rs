//! From tokens to logits.

use move37_candidate::ir::{DType, Error, Graph, NodeId, Op, Unary};
use serde::{Deserialize, Serialize};

use super::inline::inline;
use super::layers::{Init, Streams, linear, matrix, rms_norm, swiglu};

/// Standard deviation of the initial embedding and head.
const DEVIATION: f64 = 0.02;

/// Sizes of the model around a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dims {
    /// Width.
    pub d_model: usize,
    /// Blocks.
    pub layers: usize,
    /// Heads, offered to the candidate.
    pub heads: usize,
    /// Inner size of the SwiGLU.
    pub swiglu: usize,
}

/// Where the logits of a position come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readout {
    /// From the position itself: a language model.
    #[default]
    Each,
    /// From the last position and the number of the position: an auto-encoder, whose last position must hold the whole
    /// sequence. A decoder of two layers follows, as in MAD (arXiv 2403.17844), which tells positions apart by sines alone.
    Last,
}

/// A graph that reads tokens, and the node of its logits.
#[derive(Clone, Debug)]
pub struct Network {
    /// The graph; input 0 is `tokens [rows, length]`.
    pub graph: Graph,
    /// `[rows * length, vocabulary]`
    pub logits: NodeId,
}

/// The language model around a candidate that was traced at `[rows, length, d_model]`.
///
/// Names of parameters: `embeddings.weight`, `layers.{i}.mixer_norm.weight`, `layers.{i}.mixer.*` (the candidate's own),
/// `layers.{i}.mlp_norm.weight`, `layers.{i}.mlp.{gate,up,down}_proj.weight`, `norm.weight`, `lm_head.weight`; where the last
/// position is read, `decoder.{0,1}.norm.weight` and `decoder.{0,1}.weight` as well.
///
/// # Errors
/// If the candidate does not map `[rows, length, d_model]` to the same shape.
pub fn language_model(
    candidate: &Graph,
    dims: &Dims,
    vocabulary: usize,
    rows: usize,
    length: usize,
    readout: Readout,
) -> Result<Network, Error> {
    let mut graph = Graph::default();
    let g = &mut graph;
    let streams = &mut Streams::default();
    let (flat, deep) = ([rows * length, dims.d_model], [rows, length, dims.d_model]);

    let tokens = g.input("tokens", &[rows, length], DType::I64)?;
    let tokens = g.reshape(tokens, &[rows * length])?;
    let shape = [vocabulary, dims.d_model];
    let embeddings = matrix(g, streams, "embeddings.weight", shape, Init::Normal(DEVIATION))?;
    let mut x = g.apply(Op::IndexSelect(0), &[embeddings, tokens])?;
    for (layer, copy) in (0..dims.layers).zip(1..) {
        let name = format!("layers.{layer}");
        let normed = rms_norm(g, x, &format!("{name}.mixer_norm"))?;
        let normed = g.reshape(normed, &deep)?;
        let mixed = inline(g, candidate, &[normed], &format!("{name}.mixer."), copy)?;
        let &[mixed] = mixed.as_slice() else {
            return Err(Error::Arity { op: "the candidate's output", needed: 1, got: mixed.len() });
        };
        if g.shape(mixed) != deep {
            return Err(Error::Mismatch { op: "the candidate's output", a: g.shape(mixed).to_vec(), b: deep.to_vec() });
        }
        let mixed = g.reshape(mixed, &flat)?;
        x = g.add(x, mixed)?;
        let normed = rms_norm(g, x, &format!("{name}.mlp_norm"))?;
        let out = swiglu(g, streams, normed, dims.swiglu, &format!("{name}.mlp"))?;
        x = g.add(x, out)?;
    }
    if readout == Readout::Last {
        x = decode(g, streams, x, &deep)?;
    }
    let x = rms_norm(g, x, "norm")?;
    let head = matrix(g, streams, "lm_head.weight", shape, Init::Normal(DEVIATION))?;
    let logits = linear(g, x, head)?;
    Ok(Network { graph, logits })
}

/// What every position is told of the last: `x [rows * length, width]` to the same shape.
fn decode(g: &mut Graph, streams: &mut Streams, x: NodeId, deep: &[usize; 3]) -> Result<NodeId, Error> {
    let &[rows, length, width] = deep;
    let x = g.reshape(x, deep)?;
    let last = g.slice(x, 1, length - 1, 1, 1)?;
    let places = sines(g, length, width)?;
    let mut x = g.add(last, places)?;
    x = g.reshape(x, &[rows * length, width])?;
    for layer in 0..2 {
        x = rms_norm(g, x, &format!("decoder.{layer}.norm"))?;
        let weight = matrix(g, streams, &format!("decoder.{layer}.weight"), [width, width], Init::Linear)?;
        x = linear(g, x, weight)?;
        x = g.unary(Unary::Gelu, x)?;
    }
    Ok(x)
}

/// Sines and cosines of each position at paces from 1 to 1/10,000 (Vaswani et al., 2017): `[length, width]`.
fn sines(g: &mut Graph, length: usize, width: usize) -> Result<NodeId, Error> {
    let half = (width / 2).max(1);
    let place = g.arange(0.0, 1.0, length, DType::F32)?;
    let place = g.reshape(place, &[length, 1])?;
    let pace = g.arange(0.0, -(10_000f64.ln()) / half as f64, half, DType::F32)?;
    let pace = g.unary(Unary::Exp, pace)?;
    let angle = g.mul(place, pace)?;
    let (sine, cosine) = (g.unary(Unary::Sin, angle)?, g.unary(Unary::Cos, angle)?);
    let both = g.apply(Op::Cat(1), &[sine, cosine])?;
    let missing = width.saturating_sub(2 * half);
    if missing == 0 {
        return g.slice(both, 1, 0, width, 1);
    }
    let nothing = g.full(&[length, missing], 0.0, DType::F32)?;
    g.apply(Op::Cat(1), &[both, nothing])
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use move37_candidate::ir::ParamKind;

    use super::*;

    const DIMS: Dims = Dims { d_model: 8, layers: 2, heads: 2, swiglu: 12 };

    /// Multiplies each channel by a weight.
    fn candidate(width: usize) -> Graph {
        let mut graph = Graph::default();
        let x = graph.input("x", &[2, 5, width], DType::F32).unwrap();
        let ones = graph.full(&[width], 1.0, DType::F32).unwrap();
        let weight = graph.param("scale", ParamKind::Trained, ones).unwrap();
        let y = graph.mul(x, weight).unwrap();
        graph.outputs = vec![y];
        graph
    }

    #[test]
    fn parameters_have_the_names_and_the_count_of_the_pytorch_model() {
        let network = language_model(&candidate(8), &DIMS, 11, 2, 5, Readout::Each).unwrap();
        let names: Vec<_> = network.graph.params.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(
            names[..4],
            ["embeddings.weight", "layers.0.mixer_norm.weight", "layers.0.mixer.scale", "layers.0.mlp_norm.weight"]
        );
        assert_eq!(names[names.len() - 3..], ["layers.1.mlp.down_proj.weight", "norm.weight", "lm_head.weight"]);
        assert_eq!(network.graph.parameter_count(), 2 * 11 * 8 + 2 * (8 + 8 + 8 + 3 * 8 * 12) + 8);
        assert_eq!(network.graph.shape(network.logits), [10, 11]);
    }

    #[test]
    fn no_two_parameters_share_a_random_stream() {
        let network = language_model(&candidate(8), &DIMS, 11, 2, 5, Readout::Each).unwrap();
        let streams: Vec<_> = network.graph.nodes().iter().filter(|n| matches!(n.op, Op::Random { .. })).collect();
        assert_eq!(streams.len(), 2 + 2 * 3);
    }

    #[test]
    fn a_read_of_the_last_position_sees_nothing_of_the_others() {
        let network = language_model(&candidate(8), &DIMS, 11, 2, 5, Readout::Last).unwrap();
        let names: Vec<_> = network.graph.params.iter().map(|p| p.name.as_str()).collect();
        assert!(names.contains(&"decoder.0.norm.weight") && names.contains(&"decoder.1.weight"));
        let mut graph = network.graph;
        graph.outputs = vec![network.logits];
        let params = move37_tensor::init_params(&graph, 3).unwrap();
        let program = move37_tensor::Program::new(graph, move37_tensor::Options { threads: 1 }).unwrap();
        let logits = |tokens: [i64; 10]| {
            let tokens = candle_core::Tensor::from_slice(&tokens, (2, 5), &candle_core::Device::Cpu).unwrap();
            program.run(&params, &[tokens]).unwrap()[0].to_vec2::<f32>().unwrap()
        };
        let one = logits([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        // The candidate mixes nothing, so only the last token of a row matters, and each position tells it differently.
        assert_eq!(one, logits([9, 9, 9, 9, 5, 0, 0, 0, 0, 10]));
        assert_ne!(one, logits([1, 2, 3, 4, 6, 6, 7, 8, 9, 10]));
        assert_ne!(one[0], one[1]);
    }

    #[test]
    fn a_candidate_of_another_width_is_refused() {
        assert!(language_model(&candidate(7), &DIMS, 11, 2, 5, Readout::Each).is_err());
    }
}
