//! Evaluating an elementwise cluster block by block.

use std::ops::Range;

use move37_candidate::ir::{Binary, Compare, DType, Unary};

use super::{copy, math};
use crate::exec::cluster::{Cluster, Code, Instruction, Source, Target};
use crate::exec::dispatch::vectorised;
use crate::exec::layout::Dims;
use crate::exec::pool::Pool;
use crate::exec::threads::{Threads, pieces};
use crate::exec::value::{Data, Value};

/// Elements evaluated at a time: a few registers of this size stay in the first-level cache.
const BLOCK: usize = 1024;

/// An input as the blocks see it.
enum Feed<'v> {
    /// Elements lie row-major: a block is a window.
    Direct(&'v [f32]),
    /// One value for all elements.
    Splat(f32),
    /// Strided floats.
    Floats(&'v [f32], Dims, usize),
    /// Truth values.
    Truths(&'v [u8], Dims, usize),
}

fn feed<'v>(value: &'v Value<'_>, shape: &[usize]) -> Feed<'v> {
    let layout = value.layout.expand(shape);
    match &value.data {
        Data::Bool(b) => Feed::Truths(b.as_slice(), layout.dims(), layout.offset),
        _ if layout.strides.iter().zip(shape).all(|(&s, &n)| s == 0 || n == 1) => {
            Feed::Splat(value.floats()[layout.offset])
        }
        _ if layout.is_row_major() => Feed::Direct(&value.floats()[layout.offset..layout.offset + layout.elements()]),
        _ => Feed::Floats(value.floats(), layout.dims(), layout.offset),
    }
}

/// Results of a cluster, in the order of its outputs.
pub(crate) fn run(cluster: &Cluster, inputs: &[Value<'_>], pool: &mut Pool, threads: &Threads) -> Vec<Value<'static>> {
    let n: usize = cluster.shape.iter().product();
    let mut results: Vec<Vec<f32>> = cluster.outputs.iter().map(|_| pool.take(n)).collect();
    if n > 0 {
        let feeds: Vec<Feed<'_>> = inputs.iter().map(|v| feed(v, &cluster.shape)).collect();
        let ranges = threads.split(n, BLOCK, n.saturating_mul(4 * cluster.instructions.len()));
        let mut jobs: Vec<(Range<usize>, Vec<&mut [f32]>)> = ranges.iter().map(|r| (r.clone(), Vec::new())).collect();
        for result in &mut results {
            for (job, piece) in jobs.iter_mut().zip(pieces(result, &ranges, 1)) {
                job.1.push(piece);
            }
        }
        threads.each(jobs, |(range, outputs)| evaluate(cluster, &feeds, range, outputs));
    }
    let finish = |(result, &(_, dtype)): (Vec<f32>, &(_, DType))| match dtype {
        DType::Bool => {
            let truths = result.iter().map(|&x| u8::from(x != 0.0)).collect();
            pool.give(result);
            Value::bool(truths, &cluster.shape)
        }
        _ => Value::f32(result, &cluster.shape),
    };
    results.into_iter().zip(&cluster.outputs).map(finish).collect()
}

/// Evaluate the elements of a range into the outputs' pieces for that range.
fn evaluate(cluster: &Cluster, feeds: &[Feed<'_>], range: Range<usize>, mut outputs: Vec<&mut [f32]>) {
    let width = BLOCK.min(range.len());
    let constants: Vec<Vec<f32>> = cluster.constants.iter().map(|&c| vec![c; width]).collect();
    let mut registers = vec![vec![0.0; width]; cluster.registers];
    let mut truths = vec![0u8; width];
    let mut tiles: Vec<Vec<f32>> = feeds
        .iter()
        .map(|feed| match feed {
            Feed::Direct(_) => Vec::new(),
            Feed::Splat(value) => vec![*value; width],
            _ => vec![0.0; width],
        })
        .collect();
    let mut start = range.start;
    while start < range.end {
        let n = width.min(range.end - start);
        let local = start - range.start..start - range.start + n;
        for (feed, tile) in feeds.iter().zip(&mut tiles) {
            match feed {
                Feed::Direct(_) | Feed::Splat(_) => {}
                Feed::Floats(src, dims, offset) => copy::read(src, dims, *offset, start, &mut tile[..n]),
                Feed::Truths(src, dims, offset) => {
                    copy::read(src, dims, *offset, start, &mut truths[..n]);
                    for (t, &b) in tile.iter_mut().zip(&truths[..n]) {
                        *t = f32::from(b);
                    }
                }
            }
        }
        for instruction in &cluster.instructions {
            let (mut register, mut output) = (Vec::new(), &mut [][..]);
            let out = match instruction.target {
                Target::Register(r) => {
                    register = std::mem::take(&mut registers[r]);
                    &mut register[..n]
                }
                Target::Output(o) => {
                    output = std::mem::take(&mut outputs[o]);
                    &mut output[local.clone()]
                }
            };
            let operand = |i: usize| match instruction.operands[i] {
                Source::Input(k) => match feeds[k] {
                    Feed::Direct(data) => &data[start..start + n],
                    _ => &tiles[k][..n],
                },
                Source::Constant(c) => &constants[c][..n],
                Source::Register(r) => &registers[r][..n],
                Source::Output(o) => &outputs[o][local.clone()],
            };
            execute(instruction, operand, out);
            match instruction.target {
                Target::Register(r) => registers[r] = register,
                Target::Output(o) => outputs[o] = output,
            }
        }
        start += n;
    }
}

fn execute<'a>(instruction: &Instruction, operand: impl Fn(usize) -> &'a [f32], out: &mut [f32]) {
    match instruction.code {
        Code::Unary(f) => vectorised((f, operand(0), out), unary),
        Code::Square => vectorised((operand(0), out), square),
        Code::Copy => out.copy_from_slice(operand(0)),
        Code::Truth => vectorised((operand(0), out), truth),
        Code::Binary(f) => vectorised((f, operand(0), operand(1), out), binary),
        Code::Compare(c) => vectorised((c, operand(0), operand(1), out), compare),
        Code::Select => vectorised((operand(0), operand(1), operand(2), out), select),
    }
}

#[inline(always)]
fn map(x: &[f32], out: &mut [f32], f: impl Fn(f32) -> f32) {
    for (o, &x) in out.iter_mut().zip(x) {
        *o = f(x);
    }
}

#[inline(always)]
fn map2(a: &[f32], b: &[f32], out: &mut [f32], f: impl Fn(f32, f32) -> f32) {
    for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *o = f(a, b);
    }
}

#[inline(always)]
fn square((x, out): (&[f32], &mut [f32])) {
    map(x, out, |x| x * x);
}

#[inline(always)]
fn truth((x, out): (&[f32], &mut [f32])) {
    map(x, out, |x| if x == 0.0 { 0.0 } else { 1.0 });
}

#[inline(always)]
fn unary((f, x, out): (Unary, &[f32], &mut [f32])) {
    match f {
        Unary::Neg => map(x, out, |x| -x),
        Unary::Exp => map(x, out, math::exp),
        Unary::Expm1 => map(x, out, math::expm1),
        Unary::Log => map(x, out, math::log),
        Unary::Log1p => map(x, out, math::log1p),
        Unary::Sqrt => map(x, out, f32::sqrt),
        Unary::Rsqrt => map(x, out, |x| 1.0 / x.sqrt()),
        Unary::Recip => map(x, out, |x| 1.0 / x),
        Unary::Abs => map(x, out, f32::abs),
        Unary::Sign => map(x, out, math::sign),
        Unary::Sin => map(x, out, f32::sin),
        Unary::Cos => map(x, out, f32::cos),
        Unary::Tanh => map(x, out, math::tanh),
        Unary::Atan => map(x, out, f32::atan),
        Unary::Sigmoid => map(x, out, math::sigmoid),
        Unary::Silu => map(x, out, math::silu),
        Unary::Gelu => map(x, out, math::gelu),
        Unary::GeluTanh => map(x, out, math::gelu_tanh),
        Unary::Relu => map(x, out, math::relu),
        Unary::Erf => map(x, out, math::erf),
        Unary::Softplus => map(x, out, math::softplus),
        Unary::Floor => map(x, out, f32::floor),
        Unary::Ceil => map(x, out, f32::ceil),
        Unary::Round => map(x, out, f32::round_ties_even),
        Unary::Not => map(x, out, |x| 1.0 - x),
        Unary::Detach => map(x, out, |x| x),
    }
}

#[inline(always)]
fn binary((f, a, b, out): (Binary, &[f32], &[f32], &mut [f32])) {
    match f {
        Binary::Add => map2(a, b, out, |a, b| a + b),
        Binary::Sub => map2(a, b, out, |a, b| a - b),
        Binary::Mul | Binary::And => map2(a, b, out, |a, b| a * b),
        Binary::Div => map2(a, b, out, |a, b| a / b),
        Binary::FloorDiv => map2(a, b, out, math::floor_div),
        Binary::Rem => map2(a, b, out, math::remainder),
        Binary::Pow => map2(a, b, out, f32::powf),
        Binary::Maximum | Binary::Or => map2(a, b, out, math::maximum),
        Binary::Minimum => map2(a, b, out, math::minimum),
        Binary::Xor => map2(a, b, out, |a, b| (a - b).abs()),
    }
}

#[inline(always)]
fn compare((c, a, b, out): (Compare, &[f32], &[f32], &mut [f32])) {
    match c {
        Compare::Eq => map2(a, b, out, |a, b| if a == b { 1.0 } else { 0.0 }),
        Compare::Ne => map2(a, b, out, |a, b| if a == b { 0.0 } else { 1.0 }),
        Compare::Lt => map2(a, b, out, |a, b| if a < b { 1.0 } else { 0.0 }),
        Compare::Le => map2(a, b, out, |a, b| if a <= b { 1.0 } else { 0.0 }),
        Compare::Gt => map2(a, b, out, |a, b| if a > b { 1.0 } else { 0.0 }),
        Compare::Ge => map2(a, b, out, |a, b| if a >= b { 1.0 } else { 0.0 }),
    }
}

#[inline(always)]
fn select((c, a, b, out): (&[f32], &[f32], &[f32], &mut [f32])) {
    for (((o, &c), &a), &b) in out.iter_mut().zip(c).zip(a).zip(b) {
        *o = if c == 0.0 { b } else { a };
    }
}
