//! What a decoder must carry from one step to the next.
//!
//! At a time t every element of the graph belongs to the past (it depends on inputs up to t only) or to the future. What
//! the future reads of the past is what must be kept: for attention the keys and values of all steps, for a recurrent
//! layer its state and the last inputs of its short convolutions. Elements that are only moved count once, where they
//! were computed; a running sum counts by its last value; numbers that no input decides are not counted, nor is what no
//! output needs.
//!
//! It is what the program *as it is written* reads: a linear attention that is written with the masked product of all
//! queries and keys keeps keys and values, although a recurrent form of it would not. Between the ends of chunks a
//! chunked form also keeps the inputs of the chunk; the times of measurement are ends of chunks.

use super::check::trace_at;
use super::dependencies::work;
use super::report::{GateConfig, RecurrentState, StateAt, StateGrowth};
use crate::ir::eval::{
    FILL, Walk, broadcast_index, cat_sources, gather_sources, matmul_batches, movement, reduced_index, scatter_targets,
    slice_targets, strides,
};
use crate::ir::{DType, Graph, Node, NodeId, Op};
use crate::taint::{Known, all_elements};

/// Times of measurement, in ends of units.
const TIMES: usize = 2;
/// The least unit.
const UNIT: usize = 16;
/// The most work of the measurement, in elements (24 bytes each) and terms.
const WORK: u64 = 24_000_000;

/// Measure at two times of a sequence as long as training's, or as long as can be afforded.
pub(super) fn state(source: &str, config: &GateConfig, chunk: Option<usize>) -> Option<RecurrentState> {
    let least = chunk.unwrap_or(1).max(UNIT).next_multiple_of(chunk.unwrap_or(1));
    let mut unit = (config.dims.time / (TIMES + 1) / least).max(1) * least;
    let graph = loop {
        let graph = trace_at(source, config, 1, (TIMES + 1) * unit).traced?.graph;
        if work(&graph) <= WORK {
            break graph;
        }
        if unit == least {
            return None;
        }
        unit = (unit / 2 / least).max(1) * least;
    };
    let steps: [usize; TIMES] = std::array::from_fn(|i| (i + 1) * unit);
    let bytes = carried(&graph, steps)?;
    let measured = steps.iter().zip(bytes).map(|(&steps, bytes)| StateAt { steps, bytes }).collect();
    let [middle, last] = bytes;
    let added = last.saturating_sub(middle) as f64 / unit as f64;
    // Less than a fiftieth more in so many steps is no growth.
    Some(match last as f64 <= 1.02 * middle as f64 {
        true => RecurrentState { bytes: last, growth: StateGrowth::Constant, bytes_per_step: 0.0, measured },
        false => {
            let at_end = last as f64 + added * (config.dims.time as f64 - steps[TIMES - 1] as f64);
            let bytes = at_end.max(0.0).round() as u64;
            RecurrentState { bytes, growth: StateGrowth::Linear, bytes_per_step: added, measured }
        }
    })
}

/// For each time of measurement, one bit.
type Times = u8;

/// Bytes of the past that steps after the first so many read.
fn carried(graph: &Graph, steps: [usize; TIMES]) -> Option<[u64; TIMES]> {
    let mut ends = [0; TIMES];
    for (end, steps) in ends.iter_mut().zip(steps) {
        *end = i16::try_from(steps).ok()? - 1;
    }
    let states = all_elements(graph).ok()?;
    let mut needs = Needs { graph, ends, states: &states, wanted: vec![Vec::new(); graph.nodes().len()] };
    needs.outputs();
    let mut bytes = [0; TIMES];
    for id in (0..graph.nodes().len()).rev() {
        let mut wanted = std::mem::take(&mut needs.wanted[id]);
        if wanted.iter().all(|w| *w == 0) {
            continue;
        }
        let node = &graph.nodes()[id];
        if moves(node) {
            needs.moved(node, &wanted);
            continue;
        }
        needs.running(id, node, &mut wanted);
        for (bit, bytes) in bytes.iter_mut().enumerate() {
            let kept = |(i, w): (usize, &Times)| w & needs.past(id, i) & 1 << bit != 0;
            *bytes += width(node.dtype) * wanted.iter().enumerate().filter(|x| kept(*x)).count() as u64;
        }
        needs.computed(id, node, &wanted);
    }
    Some(bytes)
}

fn width(dtype: DType) -> u64 {
    match dtype {
        DType::F32 => 4,
        DType::I64 => 8,
        DType::Bool => 1,
    }
}

/// An operand: its shape and what is known of it.
type Operand<'a> = (&'a [usize], &'a Known);

/// From the outputs back: which elements the future needs, per time of measurement.
struct Needs<'a> {
    graph: &'a Graph,
    ends: [i16; TIMES],
    states: &'a [Option<Known>],
    wanted: Vec<Vec<Times>>,
}

impl Needs<'_> {
    /// Outputs later than the time are the future's, whatever they depend on.
    fn outputs(&mut self) {
        for &output in &self.graph.outputs {
            let shape = self.graph.shape(output);
            let inner: usize = shape[2..].iter().product();
            let late = |i: usize| {
                let time = (i / inner.max(1) % shape[1].max(1)) as i64;
                self.ends.iter().enumerate().fold(0, |bits, (k, end)| bits | Times::from(time > i64::from(*end)) << k)
            };
            self.wanted[output.index()] = (0..self.graph.node(output).elements()).map(late).collect();
        }
    }

    fn latest(&self, id: usize, i: usize) -> i16 {
        self.states[id].as_ref().map_or(-1, |known| known.at(i).latest[0])
    }

    fn future(&self, id: usize, i: usize) -> Times {
        let latest = self.latest(id, i);
        self.ends.iter().enumerate().fold(0, |bits, (k, end)| bits | Times::from(latest > *end) << k)
    }

    fn past(&self, id: usize, i: usize) -> Times {
        let latest = self.latest(id, i);
        self.ends.iter().enumerate().fold(0, |bits, (k, end)| bits | Times::from(latest >= 0 && latest <= *end) << k)
    }

    fn want(&mut self, id: NodeId, i: usize, bits: Times) {
        if bits != 0 {
            let n = self.graph.node(id).elements();
            let wanted = &mut self.wanted[id.index()];
            if wanted.is_empty() {
                wanted.resize(n, 0);
            }
            wanted[i] |= bits;
        }
    }

    /// A running sum until now is the one until the step before and a term.
    fn running(&self, id: usize, node: &Node, wanted: &mut [Times]) {
        if let Op::CumSum(axis) | Op::CumProd(axis) = node.op {
            let by = strides(&node.shape)[axis];
            for i in (0..wanted.len()).rev().filter(|i| !(i / by).is_multiple_of(node.shape[axis])) {
                wanted[i - by] |= wanted[i] & self.future(id, i);
            }
        }
    }

    /// Elements of the future need their operands; those of the past are kept and need nothing.
    fn computed(&mut self, id: usize, node: &Node, wanted: &[Times]) {
        let future: Vec<Times> = wanted.iter().enumerate().map(|(i, w)| w & self.future(id, i)).collect();
        if future.iter().all(|f| *f == 0) {
            return;
        }
        let states = self.states;
        let known: Option<Vec<_>> = node.inputs.iter().map(|n| states[n.index()].as_ref()).collect();
        let Some(known) = known else { return };
        let operands: Vec<Operand<'_>> =
            node.inputs.iter().zip(known).map(|(&n, k)| (self.graph.shape(n), k)).collect();
        for (k, &of) in node.inputs.iter().enumerate() {
            let size = self.graph.node(of).elements();
            // What no input decides need not be kept.
            let open: Vec<Times> =
                (0..size).map(|i| if self.latest(of.index(), i) >= 0 { Times::MAX } else { 0 }).collect();
            if open.iter().all(|o| *o == 0) {
                continue;
            }
            let mut needed = vec![0; size];
            wants(node, &operands, k, &future, &open, &mut needed);
            for i in 0..size {
                self.want(of, i, needed[i] & open[i]);
            }
        }
    }

    /// A moved element is the operand's.
    fn moved(&mut self, node: &Node, wanted: &[Times]) {
        match &node.op {
            Op::Cat(_) => {
                let shapes: Vec<_> = node.inputs.iter().map(|&i| self.graph.shape(i)).collect();
                let sources = cat_sources(&node.op, &shapes, &node.shape);
                sources.into_iter().zip(wanted).for_each(|((k, i), bits)| self.want(node.inputs[k], i, *bits));
            }
            Op::SliceScatter { .. } => {
                let (base, value) = (node.inputs[0], node.inputs[1]);
                let mut own = wanted.to_vec();
                let written = slice_targets(&node.op, self.graph.shape(base), self.graph.shape(value));
                for (i, to) in written.into_iter().enumerate() {
                    self.want(value, i, std::mem::take(&mut own[to]));
                }
                own.iter().enumerate().for_each(|(i, bits)| self.want(base, i, *bits));
            }
            op => {
                let of = node.inputs[0];
                let sources = movement(op, self.graph.shape(of), &node.shape).unwrap_or_default();
                for (from, bits) in sources.into_iter().zip(wanted) {
                    if from != FILL {
                        self.want(of, from, *bits);
                    }
                }
            }
        }
    }
}

/// Whether every element of a result is an element of an operand.
fn moves(node: &Node) -> bool {
    matches!(
        node.op,
        Op::Reshape
            | Op::Permute(_)
            | Op::Expand
            | Op::Slice { .. }
            | Op::Flip(_)
            | Op::Pad { .. }
            | Op::Cat(_)
            | Op::SliceScatter { .. }
    )
}

/// Which elements of the k-th operand are read for the wanted elements of the result.
fn wants(node: &Node, operands: &[Operand<'_>], k: usize, future: &[Times], open: &[Times], wanted: &mut [Times]) {
    let shape = &node.shape[..];
    let own = operands[k].0;
    match &node.op {
        Op::Unary(_) | Op::Cast | Op::Binary(_) | Op::Compare(_) | Op::Where => {
            each(Walk::broadcast(own, shape), future, wanted)
        }
        Op::CumSum(_) | Op::CumProd(_) => wanted.iter_mut().zip(future).for_each(|(w, f)| *w |= f),
        Op::Reduce { axes, .. } => inverse(reduced_index(own, axes), future, wanted),
        Op::ArgMax(axis) => inverse(reduced_index(own, &[*axis]), future, wanted),
        Op::Softmax(axis) | Op::LogSoftmax(axis) | Op::ArgSort { axis, .. } => {
            let lanes = reduced_index(own, &[*axis]);
            let mut of_lane = vec![0; lanes.clone().max().map_or(0, |m| m + 1)];
            lanes.clone().zip(future).for_each(|(lane, f)| of_lane[lane] |= f);
            for (i, lane) in lanes.enumerate() {
                wanted[i] |= if operands[k].1.at(i).masked() { 0 } else { of_lane[lane] };
            }
        }
        Op::Matmul => product(node, operands, k, future, open, wanted),
        Op::DepthwiseConv { dilation } => {
            let (channels, taps, steps) = (operands[0].0[1], operands[1].0[1], shape[2]);
            for (at, f) in future.iter().enumerate() {
                let (row, t) = (at / steps, at % steps);
                for j in 0..taps {
                    match k {
                        0 => wanted[row * own[2] + t + j * dilation] |= f,
                        _ => wanted[row % channels * taps + j] |= f,
                    }
                }
            }
        }
        Op::Gather(_) | Op::IndexSelect(_) if k == 0 => {
            let index = operands[1].1.constants(operands[1].0.iter().product());
            match index.and_then(|i| gather_sources(&node.op, own, (operands[1].0, &i), shape)) {
                Some(sources) => each(sources, future, wanted),
                None => all(future, wanted),
            }
        }
        Op::ScatterAdd(_) | Op::IndexAdd(_) if k == 0 => each(0..future.len(), future, wanted),
        Op::ScatterAdd(_) | Op::IndexAdd(_) if k == 2 => {
            let index = operands[1].1.constants(operands[1].0.iter().product());
            match index.and_then(|i| scatter_targets(&node.op, operands[0].0, (operands[1].0, &i), own)) {
                Some(targets) => inverse(targets, future, wanted),
                None => all(future, wanted),
            }
        }
        Op::CircularConv => {
            let size = shape[shape.len() - 1].max(1);
            let from = broadcast_index(own, shape);
            for (row, future) in future.chunks(size).enumerate() {
                let any = future.iter().fold(0, |a, b| a | b);
                (row * size..(row + 1) * size).for_each(|i| wanted[from[i]] |= any);
            }
        }
        _ => all(future, wanted),
    }
}

/// Operand element i goes into result element `to[i]`.
/// Every element of the result reads the element of the operand at its place in `from`.
fn each(from: impl IntoIterator<Item = usize>, future: &[Times], wanted: &mut [Times]) {
    from.into_iter().zip(future).for_each(|(i, f)| wanted[i] |= f);
}

/// Every element of the operand goes into the element of the result at its place in `to`.
fn inverse(to: impl IntoIterator<Item = usize>, future: &[Times], wanted: &mut [Times]) {
    to.into_iter().zip(wanted).for_each(|(o, w)| *w |= future[o]);
}

fn all(future: &[Times], wanted: &mut [Times]) {
    let any = future.iter().fold(0, |a, b| a | b);
    wanted.iter_mut().for_each(|w| *w |= any);
}

/// A matrix product: a term with an exactly zero factor reads nothing.
fn product(node: &Node, operands: &[Operand<'_>], k: usize, future: &[Times], open: &[Times], wanted: &mut [Times]) {
    let shape = &node.shape[..];
    let ((a, x), (b, y)) = (operands[0], operands[1]);
    let (m, n, inner) = (shape[shape.len() - 2], shape[shape.len() - 1], a[a.len() - 1]);
    let dense = if k == 0 { !y.has_zero() } else { !x.has_zero() };
    for (batch, (ao, bo)) in matmul_batches(a, b, shape).into_iter().enumerate() {
        let out = &future[batch * m * n..(batch + 1) * m * n];
        let any: Vec<Times> = match k {
            0 => (0..m).map(|i| out[i * n..(i + 1) * n].iter().fold(0, |s, f| s | f)).collect(),
            _ => (0..n).map(|j| (0..m).fold(0, |s, i| s | out[i * n + j])).collect(),
        };
        for p in 0..inner {
            for line in 0..any.len() {
                let at = if k == 0 { ao + line * inner + p } else { bo + p * n + line };
                let free = any[line] & open[at];
                if free & !wanted[at] == 0 {
                    continue;
                }
                if dense {
                    wanted[at] |= free;
                    continue;
                }
                let other = |q: usize| match k {
                    0 => (y.at(bo + p * n + q), out[line * n + q]),
                    _ => (x.at(ao + q * inner + p), out[q * n + line]),
                };
                for q in 0..if k == 0 { n } else { m } {
                    let (factor, f) = other(q);
                    if f & free & !wanted[at] != 0 && !factor.zero() {
                        wanted[at] |= f & free;
                    }
                }
            }
        }
    }
}
