//! One probe from beginning to end.

use candle_core::{Device, Tensor};
use move37_candidate::ir::{Graph, ParamKind};

use super::{independence, numbers};
use crate::rng::Stream;
use crate::{Error, init_params};

/// What a probe saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Whether the output and all gradients were finite.
    pub finite: bool,
    /// What is wrong; empty for a sound program.
    pub findings: Vec<ProbeFinding>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeFinding {
    /// What sort of thing.
    pub kind: ProbeKind,
    /// Line of the candidate's text (0: none).
    pub line: u32,
    /// One sentence.
    pub message: String,
}

/// Sorts of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProbeKind {
    /// The output or a gradient has NaN or infinity.
    NotFinite,
    /// A live parameter receives no gradient, or only zeros.
    NoGradient,
    /// An output changed with a later input.
    Causality,
    /// An output changed with another batch item.
    Batch,
    /// An output changed with the total length.
    Length,
}

/// Standard deviation of the noise put on trained parameters.
const JITTER: f32 = 0.05;

/// Run `graph` (one F32 input `[B, T, D]`, one output of that shape) with parameters and data drawn from `seed`.
///
/// `shorter` is the same program traced at a smaller T (with the same B and D); it enables the check on length.
///
/// # Errors
/// If the graph cannot be executed.
pub fn probe(graph: &Graph, shorter: Option<&Graph>, seed: u64) -> Result<Probe, Error> {
    let params = jittered(graph, seed)?;
    let shape = graph.inputs[0].shape.clone();
    let x = normal(&shape, &mut Stream::new(seed, "probe input"))?;
    let mut findings = numbers::check(graph, &params, &x, seed)?;
    let finite = findings.iter().all(|f| f.kind != ProbeKind::NotFinite);
    if finite {
        findings.extend(independence::check(graph, &params, &x, seed)?);
        if let Some(shorter) = shorter {
            findings.extend(independence::check_length(graph, shorter, &params, &x)?);
        }
    }
    Ok(Probe { finite, findings })
}

/// Initial parameters with noise on the trained ones.
fn jittered(graph: &Graph, seed: u64) -> Result<Vec<Tensor>, Error> {
    let mut params = init_params(graph, seed)?;
    for (param, tensor) in graph.params.iter().zip(&mut params) {
        if param.kind == ParamKind::Trained {
            let mut stream = Stream::new(seed, &format!("probe jitter of {}", param.name));
            let noise = normal(&param.shape, &mut stream)?;
            *tensor = (&*tensor + (noise * f64::from(JITTER))?)?;
        }
    }
    Ok(params)
}

/// Standard normal draws.
pub(super) fn normal(shape: &[usize], stream: &mut Stream) -> Result<Tensor, Error> {
    let data: Vec<f32> = (0..shape.iter().product()).map(|_| stream.normal()).collect();
    Ok(Tensor::from_vec(data, shape, &Device::Cpu)?)
}
