//! The gradient rule of every operation.

use move37_candidate::ir::{Binary, Compare, DType, Op, Reduction, Unary};
use move37_tensor::gradients;

use super::differences::Check;
use super::support::{floats, graph, run, tensor};

#[test]
fn elementwise_functions_of_one_argument() {
    let smooth = [
        Unary::Neg,
        Unary::Exp,
        Unary::Expm1,
        Unary::Sin,
        Unary::Cos,
        Unary::Atan,
        Unary::Tanh,
        Unary::Sigmoid,
        Unary::Silu,
        Unary::Gelu,
        Unary::GeluTanh,
        Unary::Erf,
        Unary::Softplus,
    ];
    for f in smooth {
        Check::new(&[&[3, 5]]).on(-2.0, 2.0).run(&format!("{f:?}"), |g, x| g.unary(f, x[0]).unwrap());
    }
    for f in [Unary::Log, Unary::Log1p, Unary::Sqrt, Unary::Rsqrt, Unary::Recip, Unary::Abs, Unary::Relu] {
        Check::new(&[&[3, 5]]).on(0.5, 2.0).run(&format!("{f:?}"), |g, x| g.unary(f, x[0]).unwrap());
    }
    for f in [Unary::Abs, Unary::Recip] {
        Check::new(&[&[7]]).on(-2.0, -0.5).run(&format!("{f:?} of negatives"), |g, x| g.unary(f, x[0]).unwrap());
    }
}

#[test]
fn elementwise_functions_of_two_arguments_broadcast() {
    for f in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Pow, Binary::Maximum, Binary::Minimum] {
        for shapes in [[&[3, 5][..], &[3, 5]], [&[2, 1, 5], &[3, 1]], [&[], &[4]], [&[5], &[2, 5]]] {
            let check = Check { step: 1e-3, ..Check::new(&shapes).on(0.5, 2.0) };
            check.run(&format!("{f:?} {shapes:?}"), |g, x| g.binary(f, x[0], x[1]).unwrap());
        }
    }
    Check { step: 1e-3, ..Check::new(&[&[4]]).on(2.1, 2.9) }.run("remainder", |g, x| {
        let b = g.scalar(1.0).unwrap();
        g.binary(Binary::Rem, x[0], b).unwrap()
    });
    Check { step: 1e-3, ..Check::new(&[&[4]]).on(2.1, 2.9) }.run("remainder's divisor", |g, x| {
        let a = g.scalar(7.0).unwrap();
        g.binary(Binary::Rem, a, x[0]).unwrap()
    });
}

#[test]
fn powers_with_a_constant_exponent() {
    for exponent in [2.0, 3.0, 0.5, -0.5, -1.0, 1.0, 1.7] {
        Check::new(&[&[6]]).on(0.5, 2.0).run(&format!("power {exponent}"), |g, x| {
            let e = g.scalar(exponent).unwrap();
            g.binary(Binary::Pow, x[0], e).unwrap()
        });
    }
}

#[test]
fn an_operand_used_twice_receives_both_parts() {
    Check::new(&[&[4]]).run("square", |g, x| g.mul(x[0], x[0]).unwrap());
    Check::new(&[&[4, 4]]).run("matrix square", |g, x| g.matmul(x[0], x[0]).unwrap());
    Check::new(&[&[4]]).run("diamond", |g, x| {
        let a = g.unary(Unary::Tanh, x[0]).unwrap();
        let b = g.unary(Unary::Exp, a).unwrap();
        let c = g.mul(a, b).unwrap();
        g.add(c, x[0]).unwrap()
    });
}

#[test]
fn a_choice_passes_the_gradient_to_the_branch_taken() {
    Check::new(&[&[2, 3], &[3], &[2, 1]]).run("where", |g, x| {
        let mask = g.literal(&[2, 3], vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0], DType::Bool).unwrap();
        let picked = g.select(mask, x[1], x[2]).unwrap();
        g.mul(picked, x[0]).unwrap()
    });
}

#[test]
fn matrix_products_of_all_ranks_and_broadcasts() {
    let cases: [(&[usize], &[usize]); 9] = [
        (&[3, 4], &[4, 5]),
        (&[2, 3, 4], &[4, 5]),
        (&[3, 4], &[2, 4, 5]),
        (&[2, 3, 4], &[2, 4, 5]),
        (&[2, 1, 3, 4], &[3, 4, 2]),
        (&[2, 2, 1, 3, 4], &[1, 2, 3, 4, 2]),
        (&[2, 3, 2, 1, 2], &[2, 3, 2, 2, 3]),
        (&[3, 1, 2, 4], &[1, 2, 4, 1]),
        (&[2, 1, 3], &[1, 3, 7]),
    ];
    for (a, b) in cases {
        Check::new(&[a, b]).run(&format!("matmul {a:?} {b:?}"), |g, x| g.matmul(x[0], x[1]).unwrap());
    }
}

#[test]
fn reductions_over_any_axes() {
    for kind in [Reduction::Sum, Reduction::Prod, Reduction::Max, Reduction::Min] {
        for axes in [&[0][..], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]] {
            let check = Check { step: 1e-3, ..Check::new(&[&[3, 2, 5]]).on(0.5, 1.5) };
            check.run(&format!("{kind:?} over {axes:?}"), |g, x| g.reduce(kind, x[0], axes).unwrap());
        }
    }
}

#[test]
fn softmax_and_running_sums_along_any_axis() {
    for axis in 0..3 {
        let ops = [Op::Softmax(axis), Op::LogSoftmax(axis), Op::CumSum(axis), Op::CumProd(axis), Op::Flip(axis)];
        for op in ops {
            let name = format!("{op:?}");
            Check::new(&[&[3, 5, 2]]).run(&name, |g, x| g.apply(op, &[x[0]]).unwrap());
        }
    }
}

#[test]
fn a_product_with_zeros_has_the_gradient_of_the_other_factors() {
    let (mut g, x) = graph(&[&[2, 3]]);
    let reduced = g.reduce(Reduction::Prod, x[0], &[1]).unwrap();
    let running = g.apply(Op::CumProd(1), &[x[0]]).unwrap();
    for (y, want) in [(reduced, [6.0, 0.0, 0.0, 0.0, 0.0, 0.0]), (running, [9.0, 0.0, 0.0, 1.0, 0.0, 0.0])] {
        let shape = g.shape(y).to_vec();
        let ones = g.full(&shape, 1.0, DType::F32).unwrap();
        let d = gradients(&mut g, y, ones, &x).unwrap()[0].unwrap();
        g.outputs = vec![d];
        let got = floats(&run(&g, &[tensor(&[0.0, 2.0, 3.0, 0.0, 0.0, 5.0], &[2, 3])])[0]);
        assert_eq!(got, want);
    }
}

#[test]
fn ties_share_the_gradient_of_an_extreme() {
    let (mut g, x) = graph(&[&[4], &[4]]);
    let top = g.reduce(Reduction::Max, x[0], &[0]).unwrap();
    let pair = g.binary(Binary::Maximum, x[0], x[1]).unwrap();
    let (one, ones) = (g.full(&[1], 1.0, DType::F32).unwrap(), g.full(&[4], 1.0, DType::F32).unwrap());
    let a = gradients(&mut g, top, one, &x[..1]).unwrap()[0].unwrap();
    let b = gradients(&mut g, pair, ones, &x).unwrap();
    g.outputs = vec![a, b[0].unwrap(), b[1].unwrap()];
    let out = run(&g, &[tensor(&[3.0, 1.0, 3.0, 2.0], &[4]), tensor(&[3.0, 2.0, 1.0, 2.0], &[4])]);
    assert_eq!(floats(&out[0]), [0.5, 0.0, 0.5, 0.0]);
    assert_eq!(floats(&out[1]), [0.5, 0.0, 1.0, 0.5]);
    assert_eq!(floats(&out[2]), [0.5, 1.0, 0.0, 0.5]);
}

#[test]
fn movement_of_elements() {
    Check::new(&[&[3, 4]]).run("reshape", |g, x| g.reshape(x[0], &[2, 6]).unwrap());
    Check::new(&[&[2, 3, 4]]).run("permute", |g, x| g.permute(x[0], &[2, 0, 1]).unwrap());
    Check::new(&[&[3, 1]]).run("expand", |g, x| g.expand(x[0], &[2, 3, 4]).unwrap());
    Check::new(&[&[2, 5]]).run("slice", |g, x| g.slice(x[0], 1, 1, 3, 1).unwrap());
    Check::new(&[&[2, 7]]).run("strided slice", |g, x| g.slice(x[0], 1, 1, 3, 2).unwrap());
    Check::new(&[&[2, 5], &[2, 2]]).run("slice assignment", |g, x| g.slice_scatter(x[0], x[1], 1, 2, 1).unwrap());
    Check::new(&[&[2, 5], &[2, 2]]).run("strided assignment", |g, x| g.slice_scatter(x[0], x[1], 1, 0, 3).unwrap());
    Check::new(&[&[2, 1, 3], &[2, 4, 3]]).run("cat", |g, x| g.cat(&[x[0], x[1], x[0]], 1).unwrap());
    Check::new(&[&[2, 3]]).run("pad", |g, x| g.pad(x[0], 1, 2, 1, 7.0).unwrap());
}

#[test]
fn windows_of_one_tensor_may_overlap_or_leave_gaps() {
    Check::new(&[&[3, 9]]).run("windows", |g, x| {
        let windows = [(0, 2), (2, 3), (4, 3), (8, 1), (1, 2)];
        let mut parts = Vec::new();
        for (i, (start, len)) in windows.into_iter().enumerate() {
            let part = g.slice(x[0], 1, start, len, 1).unwrap();
            parts.push(g.scale(part, i as f64 + 1.0).unwrap());
        }
        g.cat(&parts, 1).unwrap()
    });
}

#[test]
fn reading_and_adding_at_indices() {
    Check::new(&[&[3, 4]]).run("gather", |g, x| {
        let i = g.literal(&[2, 4], vec![0.0, 2.0, 2.0, 1.0, 0.0, 2.0, 0.0, 1.0], DType::I64).unwrap();
        g.apply(Op::Gather(0), &[x[0], i]).unwrap()
    });
    Check::new(&[&[3, 4]]).run("index_select", |g, x| {
        let i = g.literal(&[5], vec![3.0, 0.0, 0.0, 1.0, 3.0], DType::I64).unwrap();
        g.apply(Op::IndexSelect(1), &[x[0], i]).unwrap()
    });
    Check::new(&[&[3, 4], &[2, 3]]).run("scatter_add", |g, x| {
        let i = g.literal(&[2, 3], vec![0.0, 2.0, 2.0, 0.0, 2.0, 1.0], DType::I64).unwrap();
        g.apply(Op::ScatterAdd(0), &[x[0], i, x[1]]).unwrap()
    });
    Check::new(&[&[2, 3, 2], &[2, 4, 2]]).run("index_add", |g, x| {
        let i = g.literal(&[4], vec![2.0, 0.0, 2.0, 1.0], DType::I64).unwrap();
        g.apply(Op::IndexAdd(1), &[x[0], i, x[1]]).unwrap()
    });
}

#[test]
fn depthwise_convolutions_of_all_kernel_sizes() {
    for (taps, dilation) in [(1, 1), (3, 1), (4, 1), (5, 2), (9, 1)] {
        let shape = [2, 3, 12];
        let kernel = [3, taps];
        Check::new(&[&shape, &kernel]).run(&format!("conv {taps} {dilation}"), |g, x| {
            g.apply(Op::DepthwiseConv { dilation }, &[x[0], x[1]]).unwrap()
        });
        let left = [2, 3, 12 - (taps - 1) * dilation];
        Check::new(&[&shape, &left]).run(&format!("conv weight {taps} {dilation}"), |g, x| {
            g.apply(Op::DepthwiseConvWeight { dilation, taps }, &[x[0], x[1]]).unwrap()
        });
    }
}

#[test]
fn gradients_can_be_differentiated_again() {
    Check { step: 1e-3, ..Check::new(&[&[2, 3], &[3, 2]]) }.run("second order", |g, x| {
        let y = g.matmul(x[0], x[1]).unwrap();
        let y = g.unary(Unary::Tanh, y).unwrap();
        let ones = g.full(&[2, 2], 1.0, DType::F32).unwrap();
        gradients(g, y, ones, &x[..1]).unwrap()[0].unwrap()
    });
}

#[test]
fn what_cannot_be_differentiated_gives_no_gradient() {
    let (mut g, x) = graph(&[&[4], &[4]]);
    let mut outs = Vec::new();
    for f in [Unary::Sign, Unary::Floor, Unary::Ceil, Unary::Round, Unary::Detach] {
        outs.push(g.unary(f, x[0]).unwrap());
    }
    outs.push(g.binary(Binary::FloorDiv, x[0], x[1]).unwrap());
    let larger = g.compare(Compare::Gt, x[0], x[1]).unwrap();
    outs.push(g.cast(larger, DType::F32).unwrap());
    let whole = g.cast(x[0], DType::I64).unwrap();
    outs.push(g.cast(whole, DType::F32).unwrap());
    let best = g.apply(Op::ArgMax(0), &[x[0]]).unwrap();
    outs.push(g.cast(best, DType::F32).unwrap());
    for y in outs {
        let shape = g.shape(y).to_vec();
        let ones = g.full(&shape, 1.0, DType::F32).unwrap();
        assert_eq!(gradients(&mut g, y, ones, &x).unwrap(), [None, None], "{:?}", g.node(y).op);
    }
}

#[test]
fn only_nodes_on_a_path_from_what_is_asked_for_are_differentiated() {
    let (mut g, x) = graph(&[&[4, 4], &[4, 4]]);
    let y = g.matmul(x[0], x[1]).unwrap();
    let ones = g.full(&[4, 4], 1.0, DType::F32).unwrap();
    let before = g.nodes().len();
    gradients(&mut g, y, ones, &x[..1]).unwrap();
    assert_eq!(g.nodes().len() - before, 2, "a transposition and a product");
}

#[test]
fn derivative_nodes_keep_the_line_of_what_they_differentiate() {
    let (mut g, x) = graph(&[&[4]]);
    g.span.line = 5;
    let y = g.unary(Unary::Exp, x[0]).unwrap();
    g.span.line = 9;
    let z = g.unary(Unary::Sin, y).unwrap();
    g.span.line = 12;
    let ones = g.full(&[4], 1.0, DType::F32).unwrap();
    let before = g.nodes().len();
    gradients(&mut g, z, ones, &x).unwrap();
    let lines: Vec<u32> = g.nodes()[before..].iter().map(|n| n.span.line).collect();
    assert_eq!((lines, g.span.line), (vec![9, 9, 5], 12));
}

#[test]
fn depth_is_no_obstacle() {
    let (mut g, x) = graph(&[&[2]]);
    let mut y = x[0];
    for i in 0..50_000 {
        y = match i % 2 {
            0 => g.scale(y, 1.000_01).unwrap(),
            _ => g.slice_scatter(y, x[0], 0, 0, 1).unwrap_or(y),
        };
        if i % 2 == 1 {
            y = g.add(y, x[0]).unwrap();
        }
    }
    let ones = g.full(&[2], 1.0, DType::F32).unwrap();
    let d = gradients(&mut g, y, ones, &x).unwrap()[0].unwrap();
    g.outputs = vec![d];
    assert!(floats(&run(&g, &[tensor(&[1.0, 1.0], &[2])])[0]).iter().all(|x| x.is_finite()));
}
