//! Outputs must not change with later inputs, other batch items or the total length.

use candle_core::{Device, Tensor};
use move37_candidate::ir::Graph;

use super::run::{ProbeFinding, ProbeKind, normal};
use crate::rng::Stream;
use crate::{Error, Options, Program};

/// Largest change of an output, relative to the largest output, that counts as rounding.
const SAME: f32 = 1e-5;
/// The same across lengths, where sums are taken in other orders.
const SAME_ACROSS_LENGTHS: f32 = 1e-4;

/// An input or output `[B, T, D]` read into memory.
struct Sequence {
    data: Vec<f32>,
    batch: usize,
    time: usize,
    width: usize,
}

impl Sequence {
    fn new(tensor: &Tensor) -> Result<Self, Error> {
        let (batch, time, width) = tensor.dims3()?;
        Ok(Self { data: tensor.flatten_all()?.to_vec1()?, batch, time, width })
    }

    fn at(&self, b: usize, t: usize) -> &[f32] {
        &self.data[(b * self.time + t) * self.width..][..self.width]
    }

    fn largest(&self) -> f32 {
        self.data.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()))
    }

    fn tensor(&self) -> Result<Tensor, Error> {
        Ok(Tensor::from_slice(&self.data, (self.batch, self.time, self.width), &Device::Cpu)?)
    }
}

fn change(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0, |m, (a, b)| m.max((a - b).abs()))
}

/// One item is changed alone; then every item from some time on, at different times in different items unless they mix.
pub(super) fn check(graph: &Graph, params: &[Tensor], x: &Tensor, seed: u64) -> Result<Vec<ProbeFinding>, Error> {
    let program = Program::new(only_output(graph), Options::default())?;
    let line = graph.node(graph.outputs[0]).span.line;
    let x = Sequence::new(x)?;
    let y = run(&program, params, &x)?;
    let other = Sequence::new(&normal(&[x.batch, x.time, x.width], &mut Stream::new(seed, "probe change"))?)?;
    let allowed = SAME * y.largest();
    let mut findings = Vec::new();
    let changed = run(&program, params, &mixed(&x, &other, |b, _| b == 0))?;
    let leak = (1..x.batch)
        .flat_map(|b| (0..x.time).map(move |t| (b, t)))
        .find(|&(b, t)| change(y.at(b, t), changed.at(b, t)) > allowed);
    if let Some((b, t)) = leak {
        let message = format!("the output of batch item {b} at time {t} changed when item 0 was changed");
        findings.push(ProbeFinding { kind: ProbeKind::Batch, line, message });
    }
    let at_once = if leak.is_some() { 1 } else { x.batch };
    for chosen in starts(x.time).chunks(at_once) {
        let rest = if leak.is_some() { chosen[0] } else { x.time };
        let starts: Vec<usize> = (0..x.batch).map(|b| *chosen.get(b).unwrap_or(&rest)).collect();
        let changed = run(&program, params, &mixed(&x, &other, |b, t| t >= starts[b]))?;
        let leak = (0..x.batch)
            .flat_map(|b| (0..starts[b]).map(move |t| (b, t)))
            .find(|&(b, t)| change(y.at(b, t), changed.at(b, t)) > allowed);
        if let Some((b, t)) = leak {
            let message = format!(
                "the output at time {t} changed by {:.1e} when inputs from time {} on were changed",
                change(y.at(b, t), changed.at(b, t)),
                starts[b]
            );
            findings.push(ProbeFinding { kind: ProbeKind::Causality, line, message });
            break;
        }
    }
    Ok(findings)
}

/// Times from which inputs are changed: all of a short sequence, else both ends and the neighbourhoods of where chunks of
/// the usual sizes end.
fn starts(time: usize) -> Vec<usize> {
    if time <= 17 {
        return (1..time).collect();
    }
    let mut starts = vec![1, 2, 16, 31, 32, 33, 63, 64, 65, time / 2, time - 2, time - 1];
    starts.retain(|&t| t < time);
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// The program traced at a smaller length must give the same beginning.
pub(super) fn check_length(
    graph: &Graph,
    shorter: &Graph,
    params: &[Tensor],
    x: &Tensor,
) -> Result<Vec<ProbeFinding>, Error> {
    let line = graph.node(graph.outputs[0]).span.line;
    let finding = |message: String| Ok(vec![ProbeFinding { kind: ProbeKind::Length, line, message }]);
    let mut own = Vec::with_capacity(shorter.params.len());
    for param in &shorter.params {
        match graph.params.iter().position(|p| p.name == param.name && p.shape == param.shape) {
            Some(i) => own.push(params[i].clone()),
            None => return finding(format!("parameter {} depends on the length of the sequence", param.name)),
        }
    }
    let length = shorter.inputs[0].shape[1];
    let long = run(&Program::new(only_output(graph), Options::default())?, params, &Sequence::new(x)?)?;
    let prefix = Sequence::new(&x.narrow(1, 0, length)?.contiguous()?)?;
    let short = run(&Program::new(only_output(shorter), Options::default())?, &own, &prefix)?;
    let allowed = SAME_ACROSS_LENGTHS * long.largest();
    let differs = (0..short.batch)
        .flat_map(|b| (0..length).map(move |t| (b, t)))
        .find(|&(b, t)| change(short.at(b, t), long.at(b, t)) > allowed);
    match differs {
        Some((b, t)) => finding(format!(
            "the output at time {t} is another one ({:.1e} apart) when the sequence ends at {length} instead of {}",
            change(short.at(b, t), long.at(b, t)),
            long.time
        )),
        None => Ok(Vec::new()),
    }
}

fn only_output(graph: &Graph) -> Graph {
    let mut graph = graph.clone();
    graph.outputs.truncate(1);
    graph
}

fn run(program: &Program, params: &[Tensor], x: &Sequence) -> Result<Sequence, Error> {
    let outputs = program.run(params, &[x.tensor()?])?;
    Sequence::new(&outputs[0])
}

/// `other` where `taken`, else `x`.
fn mixed(x: &Sequence, other: &Sequence, taken: impl Fn(usize, usize) -> bool) -> Sequence {
    let mut data = Vec::with_capacity(x.data.len());
    for b in 0..x.batch {
        for t in 0..x.time {
            data.extend(if taken(b, t) { other.at(b, t) } else { x.at(b, t) });
        }
    }
    Sequence { data, ..*x }
}
