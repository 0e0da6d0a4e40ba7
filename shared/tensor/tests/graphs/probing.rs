//! The probe sees what is planted, and nothing in a sound program.

use move37_candidate::ir::{DType, Distribution, Graph, NodeId, Op, ParamKind, Reduction, Unary};
use move37_tensor::{Probe, ProbeKind, probe};

const WIDTH: usize = 4;

fn weight(g: &mut Graph, name: &str, stream: u32, scale: f64) -> NodeId {
    let op = Op::Random { distribution: Distribution::Normal, stream };
    let draw = g.push(op, &[], (&[WIDTH, WIDTH], DType::F32)).unwrap();
    let init = g.scale(draw, scale).unwrap();
    g.param(name, ParamKind::Trained, init).unwrap()
}

/// A running mean of a projection, and what `plant` makes of (input, mean).
fn program(time: usize, plant: impl FnOnce(&mut Graph, NodeId, NodeId) -> NodeId) -> Graph {
    let mut g = Graph::default();
    let x = g.input("x", &[2, time, WIDTH], DType::F32).unwrap();
    let w = weight(&mut g, "w", 0, 0.5);
    g.span.line = 3;
    let v = g.matmul(x, w).unwrap();
    let sum = g.apply(Op::CumSum(1), &[v]).unwrap();
    let count = g.arange(1.0, 1.0, time, DType::F32).unwrap();
    let count = g.reshape(count, &[time, 1]).unwrap();
    let mean = g.div(sum, count).unwrap();
    g.span.line = 7;
    let y = plant(&mut g, x, mean);
    g.outputs = vec![y];
    g
}

fn seen(p: &Probe) -> Vec<(ProbeKind, u32)> {
    p.findings.iter().map(|f| (f.kind, f.line)).collect()
}

#[test]
fn a_sound_program_has_no_findings() {
    let build = |time| program(time, |g, x, mean| g.add(x, mean).unwrap());
    let p = probe(&build(9), Some(&build(5)), 1).unwrap();
    assert_eq!(p, Probe { finite: true, findings: vec![] });
}

#[test]
fn a_leak_behind_a_gate_that_starts_at_zero_is_seen() {
    let g = program(9, |g, x, mean| {
        let gate = weight(g, "gate", 1, 0.0);
        let future = g.apply(Op::Flip(1), &[x]).unwrap();
        let leak = g.matmul(future, gate).unwrap();
        g.add(mean, leak).unwrap()
    });
    assert_eq!(seen(&probe(&g, None, 1).unwrap()), [(ProbeKind::Causality, 7)]);
}

#[test]
fn mixing_of_batch_items_is_seen() {
    let g = program(9, |g, _, mean| {
        let total = g.reduce(Reduction::Sum, mean, &[0]).unwrap();
        g.add(mean, total).unwrap()
    });
    // Not a leak in time as well: rows are then changed from the same step on.
    assert_eq!(seen(&probe(&g, None, 1).unwrap()), [(ProbeKind::Batch, 7)]);
}

#[test]
fn a_dependence_on_the_length_is_seen() {
    let build = |time: usize| program(time, |g, _, mean| g.scale(mean, time as f64).unwrap());
    assert_eq!(seen(&probe(&build(9), Some(&build(5)), 1).unwrap()), [(ProbeKind::Length, 7)]);
}

#[test]
fn nan_and_overflow_are_found_at_their_line() {
    let root = program(9, |g, _, mean| {
        let log = g.unary(Unary::Log, mean).unwrap();
        g.span.line = 8;
        g.scale(log, 2.0).unwrap()
    });
    let p = probe(&root, None, 1).unwrap();
    assert_eq!((p.finite, seen(&p)), (false, vec![(ProbeKind::NotFinite, 7)]));
    let overflow = program(9, |g, _, mean| {
        let large = g.scale(mean, 1e4).unwrap();
        let e = g.unary(Unary::Exp, large).unwrap();
        g.span.line = 8;
        g.sub(e, e).unwrap()
    });
    assert_eq!(seen(&probe(&overflow, None, 1).unwrap()), [(ProbeKind::NotFinite, 7)]);
    // Finite forward, infinite slope: the root of exactly zero.
    let slope = program(9, |g, x, mean| {
        let none = g.sub(x, x).unwrap();
        let zero = g.mul(none, mean).unwrap();
        let root = g.unary(Unary::Sqrt, zero).unwrap();
        g.span.line = 9;
        g.add(mean, root).unwrap()
    });
    let p = probe(&slope, None, 1).unwrap();
    assert_eq!(seen(&p), [(ProbeKind::NotFinite, 7)]);
    assert!(p.findings[0].message.contains("backward"), "{}", p.findings[0].message);
}

#[test]
fn what_overflows_at_large_inputs_or_divides_by_an_empty_step_is_seen() {
    let large = program(9, |g, x, mean| {
        let square = g.mul(x, x).unwrap();
        let e = g.unary(Unary::Exp, square).unwrap();
        g.span.line = 8;
        g.mul(e, mean).unwrap()
    });
    let p = probe(&large, None, 1).unwrap();
    assert_eq!((p.finite, seen(&p)), (false, vec![(ProbeKind::NotFinite, 7)]));
    assert!(p.findings[0].message.contains("16 times"), "{}", p.findings[0].message);
    let empty = program(9, |g, x, mean| {
        let size = g.unary(Unary::Abs, x).unwrap();
        let size = g.reduce(Reduction::Sum, size, &[2]).unwrap();
        let unit = g.div(x, size).unwrap();
        g.span.line = 8;
        g.add(unit, mean).unwrap()
    });
    let p = probe(&empty, None, 1).unwrap();
    assert_eq!((p.finite, seen(&p)), (false, vec![(ProbeKind::NotFinite, 7)]));
    assert!(p.findings[0].message.contains("steps of the input are zero"), "{}", p.findings[0].message);
}

#[test]
fn masks_of_minus_infinity_are_no_finding() {
    let g = program(9, |g, x, _| {
        let t = g.transpose(x, 1, 2).unwrap();
        let scores = g.matmul(x, t).unwrap();
        let rows = g.arange(0.0, 1.0, 9, DType::I64).unwrap();
        let rows = g.reshape(rows, &[9, 1]).unwrap();
        let columns = g.arange(0.0, 1.0, 9, DType::I64).unwrap();
        let past = g.compare(move37_candidate::ir::Compare::Ge, rows, columns).unwrap();
        let never = g.scalar(f64::NEG_INFINITY).unwrap();
        let scores = g.select(past, scores, never).unwrap();
        let p = g.softmax(scores, 2).unwrap();
        let w = weight(g, "out", 2, 0.5);
        let v = g.matmul(x, w).unwrap();
        g.matmul(p, v).unwrap()
    });
    assert_eq!(probe(&g, None, 1).unwrap().findings, []);
}

#[test]
fn a_live_parameter_without_gradient_is_named() {
    let g = program(9, |g, x, mean| {
        g.span.line = 5;
        let w = weight(g, "rounded", 1, 1.0);
        let hard = g.unary(Unary::Sign, w).unwrap();
        let y = g.matmul(x, hard).unwrap();
        g.add(y, mean).unwrap()
    });
    let p = probe(&g, None, 1).unwrap();
    assert_eq!(seen(&p), [(ProbeKind::NoGradient, 5)]);
    assert!(p.findings[0].message.contains("rounded"));
}
