//! Costs of single operations and of small graphs.

use move37_candidate::cost::{cost, flops};
use move37_candidate::ir::{Compare, DType, Graph, NodeId, Op, ParamKind, Reduction, Unary};

fn graph(shapes: &[&[usize]]) -> (Graph, Vec<NodeId>) {
    let mut graph = Graph::default();
    let inputs = shapes.iter().map(|s| graph.input("x", s, DType::F32).unwrap()).collect();
    (graph, inputs)
}

#[test]
fn every_operation_has_its_count() {
    let (mut g, x) = graph(&[&[2, 3, 4], &[4, 5], &[3, 2], &[2, 3, 3]]);
    let index = g.literal(&[2], vec![0.0, 1.0], DType::I64).unwrap();
    let along = g.full(&[2, 3, 4], 0.0, DType::I64).unwrap();
    let part = g.slice(x[0], 1, 0, 2, 1).unwrap();
    let mask = g.compare(Compare::Lt, x[0], x[0]).unwrap();
    let counted = [
        ("unary", g.unary(Unary::Exp, x[0]).unwrap(), 24),
        ("detach", g.unary(Unary::Detach, x[0]).unwrap(), 0),
        ("compare", mask, 24),
        ("where", g.select(mask, x[0], x[0]).unwrap(), 24),
        // 2 K flops per element of [2, 3, 5]
        ("matmul", g.matmul(x[0], x[1]).unwrap(), 2 * 30 * 4),
        ("sum", g.reduce(Reduction::Sum, x[0], &[1]).unwrap(), 24),
        ("softmax", g.softmax(x[0], 2).unwrap(), 5 * 24),
        ("log-softmax", g.apply(Op::LogSoftmax(2), &[x[0]]).unwrap(), 4 * 24),
        ("running sum", g.apply(Op::CumSum(1), &[x[0]]).unwrap(), 24),
        ("running product", g.apply(Op::CumProd(1), &[x[0]]).unwrap(), 24),
        ("argmax", g.apply(Op::ArgMax(2), &[x[0]]).unwrap(), 24),
        // n times the bits of 4
        ("argsort", g.apply(Op::ArgSort { axis: 2, descending: false }, &[x[0]]).unwrap(), 24 * 3),
        ("scatter add", g.apply(Op::ScatterAdd(2), &[x[0], along, x[0]]).unwrap(), 24),
        ("index add", g.apply(Op::IndexAdd(1), &[x[0], index, part]).unwrap(), 16),
        // [2, 3, 4] by 2 taps gives [2, 3, 3]
        ("filter", g.apply(Op::DepthwiseConv { dilation: 1 }, &[x[0], x[2]]).unwrap(), 2 * 18 * 2),
        (
            "filter's weight",
            g.apply(Op::DepthwiseConvWeight { dilation: 1, taps: 2 }, &[x[0], x[3]]).unwrap(),
            2 * 18 * 2,
        ),
        ("reshape", g.reshape(x[0], &[6, 4]).unwrap(), 0),
        ("permute", g.permute(x[0], &[2, 0, 1]).unwrap(), 0),
        ("slice", part, 0),
        ("pad", g.pad(x[0], 1, 1, 0, 0.0).unwrap(), 0),
        ("cat", g.cat(&[x[0], x[0]], 0).unwrap(), 0),
        ("gather", g.apply(Op::Gather(2), &[x[0], along]).unwrap(), 0),
    ];
    for (name, node, expected) in counted {
        assert_eq!(flops(&g, g.node(node)), expected, "{name}");
    }
}

#[test]
fn constants_and_dead_nodes_cost_nothing() {
    let (mut g, x) = graph(&[&[4]]);
    let two = g.full(&[4], 2.0, DType::F32).unwrap();
    let constant = g.unary(Unary::Exp, two).unwrap();
    let dead = g.unary(Unary::Exp, x[0]).unwrap();
    g.mul(dead, dead).unwrap();
    g.outputs = vec![g.mul(x[0], constant).unwrap()];
    assert_eq!((cost(&g).flops, cost(&g).bytes), (4, 16));
}

#[test]
fn peak_bytes_are_what_is_alive_at_once() {
    let (mut g, x) = graph(&[&[100]]);
    // A chain needs an operand and a result; the input is an operand like any other.
    let mut y = x[0];
    for _ in 0..10 {
        y = g.unary(Unary::Sin, y).unwrap();
    }
    g.outputs = vec![y];
    assert_eq!((cost(&g).peak_bytes, cost(&g).bytes), (2 * 400, 10 * 400));
    // A value kept to the end is counted all the way.
    g.outputs = vec![g.add(x[0], y).unwrap()];
    assert_eq!(cost(&g).peak_bytes, 3 * 400);
    // Reshapes share memory with their operand.
    let (mut g, x) = graph(&[&[100]]);
    let y = g.unary(Unary::Sin, x[0]).unwrap();
    let z = g.reshape(y, &[10, 10]).unwrap();
    g.outputs = vec![g.unary(Unary::Cos, z).unwrap()];
    assert_eq!(cost(&g).peak_bytes, 2 * 400);
}

#[test]
fn filling_a_tensor_piece_by_piece_is_one_concatenation() {
    let (mut g, x) = graph(&[&[4, 3]]);
    let mut filled = g.full(&[4, 3], 0.0, DType::F32).unwrap();
    for i in [0, 2, 1] {
        let row = g.slice(x[0], 0, i, 1, 1).unwrap();
        filled = g.slice_scatter(filled, row, 0, i, 1).unwrap();
    }
    assert_eq!(g.node(filled).op, Op::SliceScatter { axis: 0, start: 1, step: 1 });
    let last = g.slice(x[0], 0, 3, 1, 1).unwrap();
    let whole = g.slice_scatter(filled, last, 0, 3, 1).unwrap();
    assert_eq!(g.node(whole).op, Op::Cat(0));
    let rows: Vec<_> = g.node(whole).inputs.iter().map(|r| g.node(*r).op.clone()).collect();
    assert_eq!(rows, [0, 1, 2, 3].map(|start| Op::Slice { axis: 0, start, step: 1 }));
    // Where windows meet, the later one wins, and the chain stays.
    let two = g.slice(x[0], 0, 0, 2, 1).unwrap();
    let over = g.slice_scatter(filled, two, 0, 2, 1).unwrap();
    assert!(matches!(g.node(over).op, Op::SliceScatter { start: 2, .. }));
}

#[test]
fn adding_to_a_piece_just_written_holds_on_to_the_piece_alone() {
    let (mut g, x) = graph(&[&[4, 3]]);
    let mut filled = g.full(&[4, 3], 0.0, DType::F32).unwrap();
    for i in 0..4 {
        let row = g.slice(x[0], 0, i, 1, 1).unwrap();
        filled = g.slice_scatter(filled, row, 0, i, 1).unwrap();
        let written = g.slice(filled, 0, i, 1, 1).unwrap();
        if i < 3 {
            assert_eq!(written, row);
        }
        let more = g.unary(Unary::Exp, row).unwrap();
        filled = g.slice_scatter(filled, more, 0, i, 1).unwrap();
    }
    assert_eq!(g.node(filled).op, Op::Cat(0));
    // Where a later write meets the window, the window is read from the whole.
    let base = g.full(&[4, 3], 0.0, DType::F32).unwrap();
    let two = g.slice(x[0], 0, 0, 2, 1).unwrap();
    let one = g.slice(x[0], 0, 3, 1, 1).unwrap();
    let first = g.slice_scatter(base, two, 0, 0, 1).unwrap();
    let second = g.slice_scatter(first, one, 0, 1, 1).unwrap();
    let read = g.slice(second, 0, 0, 2, 1).unwrap();
    assert!(matches!(g.node(read).op, Op::Slice { .. }));
}

#[test]
fn cost_is_told_by_line() {
    let (mut g, x) = graph(&[&[2, 3]]);
    g.span.line = 7;
    let zeros = g.full(&[3, 5], 0.0, DType::F32).unwrap();
    let w = g.param("w", ParamKind::Trained, zeros).unwrap();
    g.span.line = 9;
    let y = g.matmul(x[0], w).unwrap();
    g.span.line = 12;
    g.outputs = vec![g.unary(Unary::Relu, y).unwrap()];
    let lines: Vec<_> = cost(&g).lines.iter().map(|l| (l.line, l.flops, l.bytes, l.parameters)).collect();
    assert_eq!(lines, [(9, 2 * 10 * 3, 40, 0), (12, 10, 40, 0), (7, 0, 0, 15)]);
}
