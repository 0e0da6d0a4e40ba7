#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::{Taint, Value, Verdict, Witness, analyse, output_elements};
use crate::ir::eval::evaluate;
use crate::ir::{Axis, Binary, Compare, DType, Graph, NodeId, Op, ParamKind, Reduction, Span, Unary};

const D: usize = 4;

struct Plant {
    g: Graph,
    x: NodeId,
}

impl Plant {
    fn new(t: usize) -> Self {
        let mut g = Graph::default();
        let x = g.input("x", &[2, t, D], DType::F32).unwrap();
        Self { g, x }
    }

    fn line(&mut self, line: u32) {
        self.g.span = Span { line, column: 1 };
    }

    fn weight(&mut self, name: &str, shape: &[usize]) -> NodeId {
        let init = self.g.full(shape, 0.5, DType::F32).unwrap();
        self.g.param(name, ParamKind::Trained, init).unwrap()
    }

    fn linear(&mut self, x: NodeId, name: &str) -> NodeId {
        let w = self.weight(name, &[D, D]);
        self.g.matmul(x, w).unwrap()
    }

    /// `[n, m]` Bool: column <= row + diagonal.
    fn lower(&mut self, n: usize, m: usize, diagonal: f64) -> NodeId {
        let g = &mut self.g;
        let (i, j) = (g.arange(diagonal, 1.0, n, DType::I64).unwrap(), g.arange(0.0, 1.0, m, DType::I64).unwrap());
        let i = g.reshape(i, &[n, 1]).unwrap();
        g.compare(Compare::Le, j, i).unwrap()
    }

    fn scores(&mut self) -> NodeId {
        let (q, k) = (self.linear(self.x, "q"), self.linear(self.x, "k"));
        let k = self.g.transpose(k, 1, 2).unwrap();
        self.g.matmul(q, k).unwrap()
    }

    fn taint(&mut self, output: NodeId) -> Taint {
        self.g.outputs = vec![output];
        analyse(&self.g).unwrap()
    }
}

const CLEAN: Taint = Taint { causality: Verdict::Proved, batch_independence: Verdict::Proved };

fn refuted(v: &Verdict) -> Witness {
    match v {
        Verdict::Refuted(witness) => *witness,
        other => panic!("expected a leak, got {other:?}"),
    }
}

#[test]
fn a_reversed_running_sum_leaks_where_it_is_reversed_and_summed() {
    let mut p = Plant::new(6);
    p.line(3);
    let v = p.linear(p.x, "v");
    p.line(4);
    let flipped = p.g.apply(Op::Flip(1), &[v]).unwrap();
    let sum = p.g.apply(Op::CumSum(1), &[flipped]).unwrap();
    let back = p.g.apply(Op::Flip(1), &[sum]).unwrap();
    p.line(5);
    let out = p.linear(back, "o");
    let taint = p.taint(out);
    let w = refuted(&taint.causality);
    assert_eq!((w.output_row, w.output_time, w.depends_on_row, w.depends_on_time, w.span.line), (0, 0, 0, 5, 4));
    assert_eq!(taint.batch_independence, Verdict::Proved);
}

#[test]
fn a_mean_over_the_own_block_leaks_at_the_mean() {
    let mut p = Plant::new(6);
    p.line(2);
    let blocks = p.g.reshape(p.x, &[2, 2, 3, D]).unwrap();
    p.line(3);
    let mean = p.g.mean(blocks, &[2]).unwrap();
    p.line(4);
    let sum = p.g.add(blocks, mean).unwrap();
    p.line(5);
    let out = p.g.reshape(sum, &[2, 6, D]).unwrap();
    let w = refuted(&p.taint(out).causality);
    assert_eq!((w.output_time, w.depends_on_time, w.span.line), (0, 2, 3));
}

#[test]
fn a_mask_one_step_too_wide_leaks_at_the_mask() {
    let mut p = Plant::new(5);
    p.line(3);
    let s = p.scores();
    p.line(4);
    let mask = p.lower(5, 5, 1.0);
    let hidden = p.g.scalar(f64::NEG_INFINITY).unwrap();
    p.line(5);
    let masked = p.g.select(mask, s, hidden).unwrap();
    let weights = p.g.softmax(masked, 2).unwrap();
    p.line(6);
    let v = p.linear(p.x, "v");
    p.line(7);
    let out = p.g.matmul(weights, v).unwrap();
    let w = refuted(&p.taint(out).causality);
    assert_eq!((w.output_time, w.depends_on_time, w.span.line), (0, 1, 4));
}

#[test]
fn a_summary_of_the_own_chunk_leaks_at_the_summary() {
    let mut p = Plant::new(6);
    p.line(2);
    let q = p.linear(p.x, "q");
    let (k, q) = (p.g.reshape(p.x, &[2, 2, 3, D]).unwrap(), p.g.reshape(q, &[2, 2, 3, D]).unwrap());
    let kt = p.g.transpose(k, 2, 3).unwrap();
    p.line(3);
    let summary = p.g.matmul(kt, k).unwrap();
    p.line(4);
    let read = p.g.matmul(q, summary).unwrap();
    p.line(5);
    let out = p.g.reshape(read, &[2, 6, D]).unwrap();
    assert_eq!(refuted(&p.taint(out).causality).span.line, 3);
}

#[test]
fn a_parameter_that_starts_at_zero_hides_no_leak() {
    let mut p = Plant::new(5);
    let zero = p.g.full(&[D], 0.0, DType::F32).unwrap();
    let gate = p.g.param("gate", ParamKind::Trained, zero).unwrap();
    p.line(3);
    let total = p.g.reduce(Reduction::Sum, p.x, &[1]).unwrap();
    p.line(4);
    let gated = p.g.mul(gate, total).unwrap();
    p.line(5);
    let out = p.g.add(p.x, gated).unwrap();
    let w = refuted(&p.taint(out).causality);
    assert_eq!((w.output_time, w.depends_on_time, w.span.line), (0, 4, 3));
}

#[test]
fn a_constant_zero_and_a_zero_buffer_cut_the_dependency() {
    for buffer in [false, true] {
        let mut p = Plant::new(5);
        let mut zero = p.g.full(&[D], 0.0, DType::F32).unwrap();
        if buffer {
            zero = p.g.param("zero", ParamKind::Buffer, zero).unwrap();
        }
        let total = p.g.reduce(Reduction::Sum, p.x, &[0, 1]).unwrap();
        let gated = p.g.mul(zero, total).unwrap();
        let out = p.g.add(p.x, gated).unwrap();
        assert_eq!(p.taint(out), CLEAN);
    }
}

#[test]
fn a_mean_over_the_batch_leaks_between_rows_but_not_in_time() {
    let mut p = Plant::new(4);
    p.line(3);
    let mean = p.g.mean(p.x, &[0]).unwrap();
    p.line(4);
    let out = p.g.sub(p.x, mean).unwrap();
    let taint = p.taint(out);
    assert_eq!(taint.causality, Verdict::Proved);
    let w = refuted(&taint.batch_independence);
    assert_eq!((w.output_row, w.depends_on_row, w.span.line), (0, 1, 3));
}

#[test]
fn a_shift_by_one_step_leaks_at_the_shift_even_before_causal_attention() {
    let mut p = Plant::new(5);
    p.line(2);
    let cut = p.g.slice(p.x, 1, 1, 4, 1).unwrap();
    let shifted = p.g.pad(cut, 1, 0, 1, 0.0).unwrap();
    p.line(3);
    let s = p.scores();
    let mask = p.lower(5, 5, 0.0);
    let zero = p.g.scalar(0.0).unwrap();
    let masked = p.g.select(mask, s, zero).unwrap();
    p.line(4);
    let out = p.g.matmul(masked, shifted).unwrap();
    let w = refuted(&p.taint(out).causality);
    assert_eq!((w.output_time, w.depends_on_time, w.span.line), (0, 1, 2));
}

#[test]
fn causal_softmax_is_proved_with_either_kind_of_mask() {
    for (value, added) in [(f64::NEG_INFINITY, false), (f64::NEG_INFINITY, true), (-1e9, false), (-1e9, true)] {
        let mut p = Plant::new(5);
        let s = p.scores();
        let mask = p.lower(5, 5, 0.0);
        let (zero, hidden) = (p.g.scalar(0.0).unwrap(), p.g.scalar(value).unwrap());
        let masked = match added {
            true => {
                let bias = p.g.select(mask, zero, hidden).unwrap();
                p.g.add(s, bias).unwrap()
            }
            false => p.g.select(mask, s, hidden).unwrap(),
        };
        let weights = p.g.softmax(masked, 2).unwrap();
        let v = p.linear(p.x, "v");
        let out = p.g.matmul(weights, v).unwrap();
        assert_eq!(p.taint(out), CLEAN, "{value} added: {added}");
    }
}

#[test]
fn a_softmax_without_a_mask_is_refuted() {
    let mut p = Plant::new(4);
    p.line(2);
    let s = p.scores();
    p.line(3);
    let weights = p.g.softmax(s, 2).unwrap();
    p.line(4);
    let out = p.g.matmul(weights, p.x).unwrap();
    assert_eq!(refuted(&p.taint(out).causality).span.line, 3);
}

#[test]
fn a_mask_too_weak_for_an_exact_zero_is_refuted() {
    let mut p = Plant::new(4);
    let s = p.scores();
    let (mask, weak) = (p.lower(4, 4, 0.0), p.g.scalar(-50.0).unwrap());
    let masked = p.g.select(mask, s, weak).unwrap();
    let weights = p.g.softmax(masked, 2).unwrap();
    let out = p.g.matmul(weights, p.x).unwrap();
    refuted(&p.taint(out).causality);
}

#[test]
fn chunked_linear_attention_with_carried_state_is_proved() {
    let (t, c) = (6, 2);
    let mut p = Plant::new(t);
    let (q, k, v) = (p.linear(p.x, "q"), p.linear(p.x, "k"), p.linear(p.x, "v"));
    let mask = p.lower(c, c, 0.0);
    let mask = p.g.cast(mask, DType::F32).unwrap();
    let mut state = p.g.full(&[2, D, D], 0.0, DType::F32).unwrap();
    let mut outs = vec![];
    for n in 0..t / c {
        let [q, k, v] = [q, k, v].map(|y| p.g.slice(y, 1, n * c, c, 1).unwrap());
        let kt = p.g.transpose(k, 1, 2).unwrap();
        let s = p.g.matmul(q, kt).unwrap();
        let s = p.g.mul(s, mask).unwrap();
        let (intra, inter) = (p.g.matmul(s, v).unwrap(), p.g.matmul(q, state).unwrap());
        outs.push(p.g.add(intra, inter).unwrap());
        let update = p.g.matmul(kt, v).unwrap();
        state = p.g.add(state, update).unwrap();
    }
    let out = p.g.cat(&outs, 1).unwrap();
    assert_eq!(p.taint(out), CLEAN);
}

#[test]
fn a_filter_is_proved_if_padded_on_the_left_only() {
    for left in [2, 1] {
        let mut p = Plant::new(5);
        let rows = p.g.transpose(p.x, 1, 2).unwrap();
        let padded = p.g.pad(rows, 2, left, 2 - left, 0.0).unwrap();
        let w = p.weight("w", &[D, 3]);
        let y = p.g.apply(Op::DepthwiseConv { dilation: 1 }, &[padded, w]).unwrap();
        let out = p.g.transpose(y, 1, 2).unwrap();
        assert_eq!(p.taint(out).causality == Verdict::Proved, left == 2);
    }
}

/// The delta rule in chunks of `c`: `(I + L)^-1` as `prod (I + (-L)^(2^i))`.
fn delta_rule(t: usize, c: usize, strict: f64) -> Taint {
    let mut p = Plant::new(t);
    let chunks = t.div_ceil(c);
    let (q, k, v) = (p.linear(p.x, "q"), p.linear(p.x, "k"), p.linear(p.x, "v"));
    let [q, k, v] = [q, k, v].map(|y| {
        let padded = p.g.pad(y, 1, 0, chunks * c - t, 0.0).unwrap();
        p.g.reshape(padded, &[2, chunks, c, D]).unwrap()
    });
    let below = p.lower(c, c, strict);
    let lower = p.lower(c, c, 0.0);
    let eye = p.g.literal(&[c, c], (0..c * c).map(|i| f64::from(u8::from(i % (c + 1) == 0))).collect(), DType::F32);
    let (eye, zero) = (eye.unwrap(), p.g.scalar(0.0).unwrap());
    let kt = p.g.transpose(k, 2, 3).unwrap();
    let gram = p.g.matmul(k, kt).unwrap();
    let negative = p.g.unary(Unary::Neg, gram).unwrap();
    let mut power = p.g.select(below, negative, zero).unwrap();
    let mut inverse = p.g.add(eye, power).unwrap();
    for _ in 1..c.next_power_of_two().trailing_zeros() {
        power = p.g.matmul(power, power).unwrap();
        let factor = p.g.add(eye, power).unwrap();
        inverse = p.g.matmul(inverse, factor).unwrap();
    }
    let (u, w) = (p.g.matmul(inverse, v).unwrap(), p.g.matmul(inverse, k).unwrap());
    let scores = p.g.matmul(q, kt).unwrap();
    let scores = p.g.select(lower, scores, zero).unwrap();
    let mut state = p.g.full(&[2, D, D], 0.0, DType::F32).unwrap();
    let mut outs = vec![];
    for n in 0..chunks {
        let [q, k, u, w] = [q, k, u, w].map(|y| {
            let s = p.g.slice(y, 1, n, 1, 1).unwrap();
            p.g.reshape(s, &[2, c, D]).unwrap()
        });
        let s = p.g.slice(scores, 1, n, 1, 1).unwrap();
        let s = p.g.reshape(s, &[2, c, c]).unwrap();
        let old = p.g.matmul(w, state).unwrap();
        let fresh = p.g.sub(u, old).unwrap();
        let (inter, intra) = (p.g.matmul(q, state).unwrap(), p.g.matmul(s, fresh).unwrap());
        outs.push(p.g.add(inter, intra).unwrap());
        let kt = p.g.transpose(k, 1, 2).unwrap();
        let update = p.g.matmul(kt, fresh).unwrap();
        state = p.g.add(state, update).unwrap();
    }
    let all = p.g.cat(&outs, 1).unwrap();
    let out = p.g.slice(all, 1, 0, t, 1).unwrap();
    p.taint(out)
}

#[test]
fn the_delta_rule_by_doubling_is_proved_at_ragged_lengths() {
    for (t, c) in [(7, 4), (8, 4), (13, 8)] {
        assert_eq!(delta_rule(t, c, -1.0), CLEAN, "T={t}, chunk {c}");
    }
    refuted(&delta_rule(7, 4, 1.0).causality);
}

#[test]
fn a_read_at_a_computed_index_is_unproved_and_at_a_constant_index_exact() {
    let mut p = Plant::new(4);
    p.line(2);
    let one = p.g.slice(p.x, 2, 0, 1, 1).unwrap();
    let index = p.g.cast(one, DType::I64).unwrap();
    let index = p.g.expand(index, &[2, 4, D]).unwrap();
    p.line(3);
    let out = p.g.apply(Op::Gather(1), &[p.x, index]).unwrap();
    let taint = p.taint(out);
    assert!(matches!(taint.causality, Verdict::Unproved { line: 3, .. }), "{taint:?}");
    assert_eq!(taint.batch_independence, Verdict::Proved);
    for (rows, proved) in [([0.0, 0.0, 1.0, 3.0], true), ([0.0, 2.0, 2.0, 3.0], false)] {
        let mut p = Plant::new(4);
        let index = p.g.literal(&[4], rows.to_vec(), DType::I64).unwrap();
        let out = p.g.apply(Op::IndexSelect(1), &[p.x, index]).unwrap();
        assert_eq!(p.taint(out).causality == Verdict::Proved, proved);
    }
}

#[test]
fn shapes_other_than_two_rows_of_time_are_refused() {
    let mut g = Graph::default();
    let x = g.input("x", &[3, 4, D], DType::F32).unwrap();
    g.outputs = vec![x];
    assert!(matches!(analyse(&g), Err(super::Error::Input { .. })));
    let mut p = Plant::new(4);
    p.g.outputs = vec![p.g.reduce(Reduction::Sum, p.x, &[0]).unwrap()];
    assert!(matches!(analyse(&p.g), Err(super::Error::Output { index: 0, .. })));
}

/// A large graph, to be read with `--nocapture`.
#[test]
fn four_hundred_nodes_take_a_fraction_of_a_second() {
    let (t, c) = (70, 16);
    let start = std::time::Instant::now();
    let mut p = Plant::new(t);
    let mut h = p.x;
    for layer in 0..30 {
        let s = p.scores();
        let (mask, hidden) = (p.lower(t, t, 0.0), p.g.scalar(f64::NEG_INFINITY).unwrap());
        let s = p.g.select(mask, s, hidden).unwrap();
        let weights = p.g.softmax(s, 2).unwrap();
        let y = p.g.matmul(weights, h).unwrap();
        let y = p.linear(y, &format!("o{layer}"));
        let gate = p.g.unary(Unary::Sigmoid, y).unwrap();
        let y = p.g.mul(gate, y).unwrap();
        h = p.g.add(h, y).unwrap();
    }
    assert_eq!(p.taint(h), CLEAN);
    eprintln!("{} nodes: {:?}", p.g.nodes().len(), start.elapsed());
    let start = std::time::Instant::now();
    delta_rule(t, c, -1.0);
    eprintln!("delta rule T={t}: {:?}", start.elapsed());
}

fn run(g: &Graph, input: &[f64], seed: f64) -> Vec<f64> {
    let mut values: Vec<Vec<f64>> = vec![];
    for node in g.nodes() {
        let operands: Vec<_> = node.inputs.iter().map(|&i| (g.shape(i), &values[i.index()][..])).collect();
        let value = match node.op {
            Op::Input(_) => input.to_vec(),
            Op::Param(p) => (0..node.elements()).map(|i| (seed + f64::from(p) + i as f64 * 0.7).sin()).collect(),
            _ => evaluate(&node.op, &operands, &node.shape, node.dtype).unwrap(),
        };
        values.push(value);
    }
    values[g.outputs[0].index()].clone()
}

#[test]
fn zeros_of_either_sign_sort_as_equal() {
    for descending in [true, false] {
        let order = Op::ArgSort { axis: 0, descending };
        let sorted = evaluate(&order, &[(&[4], &[0.0, -0.0, 0.0, -0.0])], &[4], DType::I64).unwrap();
        assert_eq!(sorted, [0.0, 1.0, 2.0, 3.0]);
    }
}

#[test]
fn the_greatest_and_the_least_of_a_nan_are_a_nan() {
    for kind in [Reduction::Max, Reduction::Min] {
        let over = Op::Reduce { kind, axes: vec![0] };
        for data in [[f64::NAN, 5.0, -1e9], [5.0, f64::NAN, -1e9], [5.0, -1e9, f64::NAN]] {
            assert!(evaluate(&over, &[(&[3], &data)], &[1], DType::F32).unwrap()[0].is_nan());
        }
    }
}

/// A random program of `[2, 4, 4]` tensors, each step one or a few operations on earlier results.
fn program(steps: &[(u8, usize, usize)]) -> Graph {
    let mut p = Plant::new(4);
    let mut made = vec![p.x];
    for (n, &(what, a, b)) in steps.iter().enumerate() {
        let (a, b) = (made[a % made.len()], made[b % made.len()]);
        let axis: Axis = 1 + n % 2;
        let next = match what % 29 {
            0 => p.g.add(a, b),
            1 => p.g.mul(a, b),
            2 => p.g.apply(Op::CumSum(axis), &[a]),
            3 => p.g.apply(Op::Flip(axis), &[a]),
            4 => p.g.matmul(a, b),
            5 => Ok(p.linear(a, &format!("w{n}"))),
            6 => p.g.transpose(a, 1, 2),
            7 => {
                let (mask, hidden) = (p.lower(4, 4, b.index() as f64 % 3.0 - 1.0), p.g.scalar(-1e9).unwrap());
                let zero = p.g.scalar(0.0).unwrap();
                let bias = p.g.select(mask, zero, hidden).unwrap();
                let s = p.g.add(a, bias).unwrap();
                p.g.softmax(s, 2)
            }
            8 => {
                let mask = p.lower(4, 4, b.index() as f64 % 3.0 - 1.0);
                let mask = p.g.cast(mask, DType::F32).unwrap();
                p.g.mul(a, mask)
            }
            9 => {
                let cut = p.g.slice(a, axis, 1, 3, 1).unwrap();
                p.g.pad(cut, axis, 1, 0, 0.0)
            }
            10 => {
                let m = p.g.reduce(Reduction::Max, a, &[axis]).unwrap();
                p.g.binary(Binary::Sub, b, m)
            }
            11 => {
                let padded = p.g.pad(a, 2, 2, 0, 0.0).unwrap();
                let w = p.weight(&format!("c{n}"), &[4, 2]);
                p.g.apply(Op::DepthwiseConv { dilation: 2 }, &[padded, w])
            }
            12 => {
                let order = p.g.apply(Op::ArgSort { axis, descending: true }, &[a]).unwrap();
                p.g.apply(Op::Gather(axis), &[b, order])
            }
            13 => {
                let zero = p.g.scalar(0.0).unwrap();
                let cond = p.g.compare(Compare::Gt, a, zero).unwrap();
                p.g.select(cond, b, zero)
            }
            14 => {
                let part = p.g.slice(b, axis, 0, 2, 1).unwrap();
                p.g.slice_scatter(a, part, axis, 1, 2)
            }
            15 => {
                let index = p.g.literal(&[2], vec![3.0, 1.0], DType::I64).unwrap();
                let part = p.g.slice(b, axis, 1, 2, 1).unwrap();
                p.g.apply(Op::IndexAdd(axis), &[a, index, part])
            }
            16 => {
                let y = p.g.unary(Unary::Tanh, a).unwrap();
                p.g.apply(Op::CumProd(axis), &[y])
            }
            17 => {
                let mask = p.lower(4, 4, b.index() as f64 % 3.0 - 1.0);
                let hidden = p.g.scalar(f64::NEG_INFINITY).unwrap();
                let s = p.g.select(mask, a, hidden).unwrap();
                let weights = p.g.apply(Op::LogSoftmax(2), &[s]).unwrap();
                p.g.unary(Unary::Exp, weights)
            }
            18 => {
                let (a, b) = (p.g.pad(a, 2, 0, 2, 0.0).unwrap(), p.g.pad(b, 2, 0, 2, 0.0).unwrap());
                let y = p.g.apply(Op::CircularConv, &[a, b]).unwrap();
                p.g.slice(y, 2, 1, 4, 1)
            }
            19 => {
                let kind = [Reduction::Sum, Reduction::Min, Reduction::Prod][n % 3];
                let y = p.g.reduce(kind, a, &[axis]).unwrap();
                p.g.add(b, y)
            }
            20 => {
                let best = p.g.apply(Op::ArgMax(axis), &[a]).unwrap();
                let shape: [usize; 3] = if axis == 1 { [2, 1, 4] } else { [2, 4, 1] };
                let best = p.g.reshape(best, &shape).unwrap();
                let read = p.g.apply(Op::Gather(axis), &[b, best]).unwrap();
                p.g.add(a, read)
            }
            21 => {
                let order = p.g.apply(Op::ArgSort { axis, descending: false }, &[a]).unwrap();
                p.g.apply(Op::ScatterAdd(axis), &[a, order, b])
            }
            22 => {
                let index = p.g.literal(&[4], vec![1.0, 0.0, 3.0, 2.0], DType::I64).unwrap();
                p.g.apply(Op::IndexSelect(axis), &[a, index])
            }
            23 => {
                let (mask, hidden) = (p.lower(4, 4, b.index() as f64 % 3.0 - 1.0), p.g.scalar(-1e9).unwrap());
                let s = p.g.select(mask, a, hidden).unwrap();
                let top = p.g.reduce(Reduction::Max, s, &[2]).unwrap();
                let y = p.g.sub(s, top).unwrap();
                p.g.unary(Unary::Exp, y)
            }
            24 => {
                let (mask, one) = (p.lower(4, 4, 0.0), p.g.scalar(1.0).unwrap());
                let mask = p.g.cast(mask, DType::F32).unwrap();
                let y = p.g.mul(a, mask).unwrap();
                let y = p.g.add(y, one).unwrap();
                p.g.binary([Binary::Maximum, Binary::Minimum][n % 2], y, b)
            }
            25 => {
                let mask = p.lower(4, 4, b.index() as f64 % 3.0 - 1.0);
                let zero = p.g.scalar(0.0).unwrap();
                let y = p.g.select(mask, a, zero).unwrap();
                p.g.apply(Op::CumProd(axis), &[y])
            }
            26 => {
                let above = p.g.compare(Compare::Ge, a, b).unwrap();
                let mask = p.lower(4, 4, 0.0);
                let both = p.g.binary([Binary::And, Binary::Or][n % 2], above, mask).unwrap();
                p.g.select(both, a, b)
            }
            27 => {
                let y = p.g.reshape(a, &[2, 2, 2, 4]).unwrap();
                let y = p.g.permute(y, &[0, 2, 1, 3]).unwrap();
                p.g.reshape(y, &[2, 4, 4])
            }
            _ => {
                let rest = p.g.slice(a, 0, 0, 1, 1).unwrap();
                let first = p.g.slice(b, 0, 1, 1, 1).unwrap();
                p.g.cat(&[first, rest], 0)
            }
        };
        made.push(next.unwrap());
    }
    p.g.outputs = vec![*made.last().unwrap()];
    p.g
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    /// Changing input steps beyond an output element's bound never changes it; a known value is the value.
    #[test]
    fn nothing_later_than_the_bound_matters(
        steps in prop::collection::vec((any::<u8>(), 0usize..8, 0usize..8), 1..8),
        seed in 0.0f64..6.0,
    ) {
        let g = program(&steps);
        let bounds = &output_elements(&g).unwrap()[0];
        let input: Vec<f64> = (0..32).map(|i| (seed * 3.0 + f64::from(i) * 1.3).sin()).collect();
        let base = run(&g, &input, seed);
        for (e, y) in bounds.iter().zip(&base) {
            if let Value::Known(v) = e.value {
                prop_assert!(y.is_nan() || (v - y).abs() <= 1e-9 * (1.0 + v.abs()), "known {v} is {y}");
            }
        }
        for row in 0..2 {
            for time in 0..4i16 {
                let mut changed = input.clone();
                let at = (row * 4 + usize::try_from(time).unwrap()) * D;
                changed[at..at + D].iter_mut().enumerate().for_each(|(i, x)| *x += 0.5 + i as f64 * 0.3);
                let other = run(&g, &changed, seed);
                for (i, e) in bounds.iter().enumerate().filter(|(_, e)| e.latest[row] < time) {
                    let same = base[i].to_bits() == other[i].to_bits() || !base[i].is_finite() || !other[i].is_finite()
                        || (base[i] == other[i]);
                    prop_assert!(same, "element {i} ({e:?}) moved from {} to {}", base[i], other[i]);
                }
            }
        }
    }
}
