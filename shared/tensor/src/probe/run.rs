//! One probe from beginning to end.

use candle_core::{Device, Tensor};
use move37_candidate::ir::{Graph, ParamKind};

use super::independence;
use super::numbers::Differentiated;
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

/// How much larger the inputs of the second run are. What reaches a layer is normalised, root mean square 1: an element
/// can then be as large as the root of the width, and rarely is. With normal draws this asks for 16 throughout and up to
/// 64 at single places, where products of two projections pass 88, the largest argument of `exp`. Layers that take the
/// maximum out before, or keep gates below zero, stay finite at 1000.
const LARGE: f64 = 16.0;

const EMPTIED: &str = ", where some steps of the input are zero";

/// Standard deviation of the noise put on trained parameters.
const JITTER: f32 = 0.05;

/// Run `graph` (one F32 input `[B, T, D]`, one output of that shape) with parameters and data drawn from `seed`.
///
/// `shorter` is the same program traced at a smaller T (with the same B and D); it enables the check on length.
///
/// # Errors
/// If the graph cannot be executed.
pub fn probe(graph: &Graph, shorter: Option<&Graph>, seed: u64) -> Result<Probe, Error> {
    let both = Differentiated::new(graph, seed)?;
    let params = jittered(graph, seed)?;
    let shape = graph.inputs[0].shape.clone();
    let x = normal(&shape, &mut Stream::new(seed, "probe input"))?;
    let mut findings = Vec::new();
    match both.run(&params, &x, "")? {
        Err(finding) => return Ok(Probe { finite: false, findings: vec![finding] }),
        Ok(results) => findings.extend(both.without_gradient(graph, &params, (&x, &results))?),
    }
    let large = (&x * LARGE)?;
    let trials = [(large, format!(", at inputs {LARGE} times as large")), (emptied(&x)?, EMPTIED.to_owned())];
    for (x, what) in trials {
        // One place is enough: what is wrong at it is wrong in both.
        if findings.iter().all(|f| f.kind != ProbeKind::NotFinite) {
            findings.extend(both.run(&params, &x, &what)?.err());
        }
    }
    let finite = findings.iter().all(|f| f.kind != ProbeKind::NotFinite);
    findings.extend(independence::check(graph, &params, &x, seed)?);
    if let Some(shorter) = shorter {
        findings.extend(independence::check_length(graph, shorter, &params, &x)?);
    }
    Ok(Probe { finite, findings })
}

/// Steps that are zero throughout, as padding is: the first, and a few in the middle.
fn emptied(x: &Tensor) -> Result<Tensor, Error> {
    let (_, time, _) = x.dims3()?;
    let keep: Vec<f32> = (0..time).map(|t| f32::from(u8::from(t > 0 && (t < time / 2 || t >= time / 2 + 3)))).collect();
    Ok(x.broadcast_mul(&Tensor::from_vec(keep, (1, time, 1), &Device::Cpu)?)?.contiguous()?)
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
