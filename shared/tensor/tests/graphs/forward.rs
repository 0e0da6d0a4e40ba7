//! The value of every operation against values worked out by hand.

use candle_core::{Device, Tensor};
use move37_candidate::ir::{Binary, Compare, DType, Graph, Op, ParamKind, Reduction, Unary};
use move37_tensor::rng::Stream;
use move37_tensor::{Error, Options, Program, init_params};

use super::support::{floats, graph, near, output, random, run, tensor};

#[test]
fn functions_of_one_argument() {
    let cases: [(Unary, f32, f32); 25] = [
        (Unary::Neg, 2.0, -2.0),
        (Unary::Exp, 1.0, std::f32::consts::E),
        (Unary::Expm1, 1e-4, 1.000_05e-4),
        (Unary::Log, 10.0, std::f32::consts::LN_10),
        (Unary::Log1p, 1e-4, 9.999_5e-5),
        (Unary::Sqrt, 9.0, 3.0),
        (Unary::Rsqrt, 4.0, 0.5),
        (Unary::Recip, 4.0, 0.25),
        (Unary::Abs, -3.0, 3.0),
        (Unary::Sign, -3.0, -1.0),
        (Unary::Sin, 1.0, 0.841_471),
        (Unary::Cos, 1.0, 0.540_302_3),
        (Unary::Tanh, 0.5, 0.462_117_17),
        (Unary::Sigmoid, 2.0, 0.880_797),
        (Unary::Silu, 2.0, 1.761_594_2),
        (Unary::Atan, 2.0, 1.107_148_7),
        (Unary::Gelu, 1.0, 0.841_344_7),
        (Unary::GeluTanh, 1.0, 0.841_192),
        (Unary::Relu, -1.0, 0.0),
        (Unary::Erf, 0.5, 0.520_499_9),
        (Unary::Softplus, 0.0, std::f32::consts::LN_2),
        (Unary::Floor, -1.5, -2.0),
        (Unary::Ceil, -1.5, -1.0),
        (Unary::Round, 2.5, 2.0),
        (Unary::Silu, 0.0, 0.0),
    ];
    for (f, x, want) in cases {
        let (got, _) = output(&[(&[x, x], &[2])], |g, ids| g.unary(f, ids[0]).unwrap());
        near(&got, &[want, want]);
    }
}

#[test]
fn functions_of_two_arguments_and_comparisons() {
    let (a, b) = ([-7.0, 2.0, 3.0], [3.0, 2.0, -2.0]);
    let cases = [
        (Binary::Add, [-4.0, 4.0, 1.0]),
        (Binary::Sub, [-10.0, 0.0, 5.0]),
        (Binary::Mul, [-21.0, 4.0, -6.0]),
        (Binary::Div, [-7.0 / 3.0, 1.0, -1.5]),
        (Binary::FloorDiv, [-3.0, 1.0, -2.0]),
        (Binary::Rem, [2.0, 0.0, -1.0]),
        (Binary::Pow, [-343.0, 4.0, 1.0 / 9.0]),
        (Binary::Maximum, [3.0, 2.0, 3.0]),
        (Binary::Minimum, [-7.0, 2.0, -2.0]),
    ];
    for (f, want) in cases {
        let (got, _) = output(&[(&a, &[3]), (&b, &[3])], |g, x| g.binary(f, x[0], x[1]).unwrap());
        near(&got, &want);
    }
    let cases = [
        (Compare::Eq, [0.0, 1.0, 0.0]),
        (Compare::Ne, [1.0, 0.0, 1.0]),
        (Compare::Lt, [1.0, 0.0, 0.0]),
        (Compare::Le, [1.0, 1.0, 0.0]),
        (Compare::Gt, [0.0, 0.0, 1.0]),
        (Compare::Ge, [0.0, 1.0, 1.0]),
    ];
    for (c, want) in cases {
        let (got, _) = output(&[(&a, &[3]), (&b, &[3])], |g, x| g.compare(c, x[0], x[1]).unwrap());
        near(&got, &want);
    }
}

#[test]
fn masks_combine_and_choose() {
    let (got, _) = output(&[(&[-1.0, 1.0, 2.0], &[3]), (&[1.0, 1.0, -1.0], &[3])], |g, x| {
        let zero = g.scalar(0.0).unwrap();
        let (a, b) = (g.compare(Compare::Gt, x[0], zero).unwrap(), g.compare(Compare::Gt, x[1], zero).unwrap());
        let both = g.binary(Binary::And, a, b).unwrap();
        let either = g.binary(Binary::Or, a, b).unwrap();
        let one = g.binary(Binary::Xor, a, b).unwrap();
        let none = g.unary(Unary::Not, either).unwrap();
        let [both, either, one, none] = [both, either, one, none].map(|m| g.cast(m, DType::F32).unwrap());
        let picked = g.select(a, x[0], x[1]).unwrap();
        let all = [both, either, one, none, picked].map(|m| g.reshape(m, &[1, 3]).unwrap());
        g.cat(&all, 0).unwrap()
    });
    near(&got, &[0., 1., 0., 1., 1., 1., 1., 0., 1., 0., 0., 0., 1., 1., 2.]);
}

#[test]
fn integers_count_like_python() {
    let mut g = Graph::default();
    let a = g.literal(&[4], vec![-7.0, 7.0, 5.0, 0.0], DType::I64).unwrap();
    let b = g.literal(&[4], vec![2.0, -2.0, 5.0, 3.0], DType::I64).unwrap();
    let ops = [Binary::Add, Binary::Sub, Binary::Mul, Binary::FloorDiv, Binary::Rem, Binary::Maximum, Binary::Minimum];
    g.outputs = ops.map(|f| g.binary(f, a, b).unwrap()).to_vec();
    let less = g.compare(Compare::Lt, a, b).unwrap();
    let chosen = g.select(less, a, b).unwrap();
    let sum = g.reduce(Reduction::Sum, a, &[0]).unwrap();
    let running = g.apply(Op::CumSum(0), &[a]).unwrap();
    let truth = g.cast(a, DType::Bool).unwrap();
    g.outputs.extend([less, chosen, sum, running, truth]);
    let got: Vec<Vec<f32>> = run(&g, &[]).iter().map(floats).collect();
    let want: [&[f32]; 12] = [
        &[-5., 5., 10., 3.],
        &[-9., 9., 0., -3.],
        &[-14., -14., 25., 0.],
        &[-4., -4., 1., 0.],
        &[1., -1., 0., 0.],
        &[2., 7., 5., 3.],
        &[-7., -2., 5., 0.],
        &[1., 0., 0., 1.],
        &[-7., -2., 5., 0.],
        &[5.],
        &[-7., 0., 5., 5.],
        &[1., 1., 1., 0.],
    ];
    for (got, want) in got.iter().zip(want) {
        assert_eq!(got, want);
    }
}

#[test]
fn casts_truncate_and_test_for_zero() {
    let (got, _) = output(&[(&[-1.7, 0.0, 2.9], &[3])], |g, x| {
        let whole = g.cast(x[0], DType::I64).unwrap();
        let truth = g.cast(x[0], DType::Bool).unwrap();
        let whole = g.cast(whole, DType::F32).unwrap();
        let truth = g.cast(truth, DType::F32).unwrap();
        g.cat(&[whole, truth], 0).unwrap()
    });
    assert_eq!(got, [-1.0, 0.0, 2.0, 1.0, 0.0, 1.0]);
}

/// The product by its definition, in f64.
fn product(a: (&[f32], &[usize]), b: (&[f32], &[usize]), shape: &[usize]) -> Vec<f32> {
    let rank = shape.len();
    let (n, k) = (shape[rank - 1], a.1[a.1.len() - 1]);
    let element = |data: &[f32], own: &[usize], index: &[usize]| {
        let skip = index.len() - own.len();
        let at = own.iter().zip(&index[skip..]).fold(0, |at, (&size, &i)| at * size + if size == 1 { 0 } else { i });
        f64::from(data[at])
    };
    (0..shape.iter().product())
        .map(|flat: usize| {
            let mut index = vec![0; rank];
            let mut rest = flat;
            for i in (0..rank).rev() {
                index[i] = rest % shape[i];
                rest /= shape[i];
            }
            let (row, column) = (index[rank - 2], flat % n);
            (0..k)
                .map(|l| {
                    let (mut ia, mut ib) = (index.clone(), index.clone());
                    (ia[rank - 2], ia[rank - 1]) = (row, l);
                    (ib[rank - 2], ib[rank - 1]) = (l, column);
                    element(a.0, a.1, &ia) * element(b.0, b.1, &ib)
                })
                .sum::<f64>() as f32
        })
        .collect()
}

#[test]
fn matrix_products_of_odd_sizes_ranks_and_layouts() {
    let cases: [(&[usize], &[usize], &[usize]); 11] = [
        (&[13, 600], &[600, 37], &[13, 37]),
        (&[2, 9, 300], &[2, 300, 64], &[2, 9, 64]),
        (&[17, 33], &[33, 19], &[17, 19]),
        (&[2, 3, 2, 17, 5], &[2, 3, 2, 5, 13], &[2, 3, 2, 17, 13]),
        (&[2, 3, 31, 37], &[37, 29], &[2, 3, 31, 29]),
        (&[31, 37], &[2, 3, 37, 29], &[2, 3, 31, 29]),
        (&[3, 1, 19, 23], &[2, 23, 17], &[3, 2, 19, 17]),
        (&[4, 1, 70], &[4, 70, 1], &[4, 1, 1]),
        (&[4, 65, 70], &[70, 1], &[4, 65, 1]),
        (&[5, 1, 40], &[5, 40, 45], &[5, 1, 45]),
        (&[40, 1], &[1, 45], &[40, 45]),
    ];
    let mut stream = Stream::new(5, "matmul");
    for (sa, sb, shape) in cases {
        let a = random(&mut stream, sa.iter().product(), -1.0, 1.0);
        let b = random(&mut stream, sb.iter().product(), -1.0, 1.0);
        let want = product((&a, sa), (&b, sb), shape);
        let (got, dims) = output(&[(&a, sa), (&b, sb)], |g, x| g.matmul(x[0], x[1]).unwrap());
        assert_eq!(dims, shape);
        near(&got, &want);
        // The same through transposed and permuted views of the operands.
        let (got, _) = output(&[(&a, sa), (&b, sb)], |g, x| {
            let [x, y] = [x[0], x[1]].map(|x| {
                let rank = g.shape(x).len();
                let doubled = g.scale(x, 2.0).unwrap();
                let t = g.transpose(doubled, rank - 2, rank - 1).unwrap();
                let one = g.scale(t, 0.5).unwrap();
                let back = g.transpose(one, rank - 2, rank - 1).unwrap();
                match rank {
                    2 => back,
                    _ => {
                        let first = g.transpose(back, 0, rank - 2).unwrap();
                        let settled = g.scale(first, 1.0).unwrap();
                        g.transpose(settled, 0, rank - 2).unwrap()
                    }
                }
            });
            g.matmul(x, y).unwrap()
        });
        near(&got, &want);
    }
}

#[test]
fn matrix_products_of_broadcast_operands() {
    let mut stream = Stream::new(5, "broadcast matmul");
    let (b, wide) = (random(&mut stream, 20 * 40, -1.0, 1.0), [30, 20]);
    for narrow in [[1, 20], [30, 1], [1, 1]] {
        let a = random(&mut stream, narrow[0] * narrow[1], -1.0, 1.0);
        let full: Vec<f32> = (0..600).map(|i| a[(i / 20 % narrow[0]) * narrow[1] + i % 20 % narrow[1]]).collect();
        let want = product((&full, &wide), (&b, &[20, 40]), &[30, 40]);
        let (got, _) = output(&[(&a, &narrow), (&b, &[20, 40])], |g, x| {
            let a = g.expand(x[0], &wide).unwrap();
            g.matmul(a, x[1]).unwrap()
        });
        near(&got, &want);
        let transposed = |x: &[f32], rows: usize, columns: usize| -> Vec<f32> {
            (0..rows * columns).map(|i| x[i % rows * columns + i / rows]).collect()
        };
        let (got, _) = output(&[(&a, &narrow), (&b, &[20, 40])], |g, x| {
            let a = g.expand(x[0], &wide).unwrap();
            let (a, b) = (g.transpose(a, 0, 1).unwrap(), g.transpose(x[1], 0, 1).unwrap());
            g.matmul(b, a).unwrap()
        });
        near(&got, &transposed(&want, 30, 40));
    }
}

#[test]
fn reductions_by_hand_and_of_odd_shapes() {
    let x: Vec<f32> = (1..=12).map(|i| i as f32).collect();
    for (kind, axes, want) in [
        (Reduction::Sum, &[1][..], &[9., 12., 27., 30.][..]),
        (Reduction::Sum, &[0, 2], &[18., 26., 34.]),
        (Reduction::Max, &[0, 1, 2], &[12.]),
        (Reduction::Min, &[0], &[1., 2., 3., 4., 5., 6.]),
        (Reduction::Prod, &[2], &[2., 12., 30., 56., 90., 132.]),
    ] {
        let (got, shape) = output(&[(&x, &[2, 3, 2])], |g, ids| g.reduce(kind, ids[0], axes).unwrap());
        near(&got, want);
        assert!(axes.iter().all(|&a| shape[a] == 1) && shape.len() == 3);
    }
    let mut stream = Stream::new(5, "reduce");
    for shape in [[1, 1000, 37], [37, 1000, 1], [3, 700, 5], [7, 1, 41]] {
        let x = random(&mut stream, shape.iter().product(), 0.0, 1.0);
        let want: Vec<f32> = (0..shape[0])
            .flat_map(|o| (0..shape[2]).map(move |j| (o, j)))
            .map(|(o, j)| (0..shape[1]).map(|i| f64::from(x[(o * shape[1] + i) * shape[2] + j])).sum::<f64>() as f32)
            .collect();
        let (got, _) = output(&[(&x, &shape)], |g, ids| g.reduce(Reduction::Sum, ids[0], &[1]).unwrap());
        near(&got, &want);
    }
}

#[test]
fn softmax_and_its_logarithm_along_any_axis() {
    let x = [0.0, 1.0, 2.0, 1000.0, 1000.0, f32::NEG_INFINITY];
    let p = [0.090_030_57, 0.244_728_47, 0.665_240_96];
    let (got, _) = output(&[(&x, &[2, 3])], |g, ids| g.softmax(ids[0], 1).unwrap());
    near(&got, &[p[0], p[1], p[2], 0.5, 0.5, 0.0]);
    let (got, _) = output(&[(&x[..3], &[3, 1])], |g, ids| g.softmax(ids[0], 0).unwrap());
    near(&got, &p);
    let (got, _) = output(&[(&x[..3], &[3, 1, 1])], |g, ids| {
        let wide = g.expand(ids[0], &[3, 1, 4]).unwrap();
        let log = g.apply(Op::LogSoftmax(0), &[wide]).unwrap();
        g.slice(log, 2, 1, 1, 1).unwrap()
    });
    near(&got, &p.map(f32::ln));
}

#[test]
fn running_sums_products_and_reversal() {
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let cases = [
        (Op::CumSum(1), [1., 3., 6., 4., 9., 15.]),
        (Op::CumSum(0), [1., 2., 3., 5., 7., 9.]),
        (Op::CumProd(1), [1., 2., 6., 4., 20., 120.]),
        (Op::Flip(1), [3., 2., 1., 6., 5., 4.]),
        (Op::Flip(0), [4., 5., 6., 1., 2., 3.]),
    ];
    for (op, want) in cases {
        let (got, _) = output(&[(&x, &[2, 3])], |g, ids| g.apply(op, &[ids[0]]).unwrap());
        near(&got, &want);
    }
}

#[test]
fn order_is_stable_and_the_first_maximum_wins() {
    let x = [3.0, 1.0, 3.0, 1.0];
    let cases = [
        (Op::ArgMax(0), &[0.][..]),
        (Op::ArgSort { axis: 0, descending: false }, &[1., 3., 0., 2.]),
        (Op::ArgSort { axis: 0, descending: true }, &[0., 2., 1., 3.]),
    ];
    for (op, want) in cases {
        let (got, _) = output(&[(&x, &[4])], |g, ids| g.apply(op, &[ids[0]]).unwrap());
        near(&got, want);
    }
}

#[test]
fn movement_of_elements() {
    let x: Vec<f32> = (0..6).map(|i| i as f32).collect();
    let check =
        |want: &[f32], build: &dyn Fn(&mut Graph, move37_candidate::ir::NodeId) -> move37_candidate::ir::NodeId| {
            near(&output(&[(&x, &[2, 3])], |g, ids| build(g, ids[0])).0, want);
        };
    check(&[0., 3., 1., 4., 2., 5.], &|g, x| g.permute(x, &[1, 0]).unwrap());
    check(&[0., 3., 1., 4., 2., 5.], &|g, x| {
        let t = g.permute(x, &[1, 0]).unwrap();
        g.reshape(t, &[6]).unwrap()
    });
    check(&[1., 2., 4., 5.], &|g, x| g.slice(x, 1, 1, 2, 1).unwrap());
    check(&[0., 2., 3., 5.], &|g, x| g.slice(x, 1, 0, 2, 2).unwrap());
    check(&[9., 0., 1., 2., 9., 3., 4., 5.], &|g, x| g.pad(x, 1, 1, 0, 9.0).unwrap());
    check(&[0., 1., 2., 3., 4., 5., 0., 1., 2.], &|g, x| {
        let top = g.slice(x, 0, 0, 1, 1).unwrap();
        g.cat(&[x, top], 0).unwrap()
    });
    check(&[0., 1., 2., 0., 1., 3., 4., 5., 3., 4.], &|g, x| {
        let left = g.slice(x, 1, 0, 2, 1).unwrap();
        g.cat(&[x, left], 1).unwrap()
    });
    check(&[7., 1., 7., 7., 4., 7.], &|g, x| {
        let value = g.full(&[2, 2], 7.0, DType::F32).unwrap();
        g.slice_scatter(x, value, 1, 0, 2).unwrap()
    });
    check(&[0., 0., 3., 3.], &|g, x| {
        let left = g.slice(x, 1, 0, 1, 1).unwrap();
        g.expand(left, &[2, 2]).unwrap()
    });
}

#[test]
fn reading_and_adding_at_indices() {
    let (x, v) = ([0., 1., 2., 3., 4., 5.], [10., 20., 30., 40.]);
    let inputs: [(&[f32], &[usize]); 2] = [(&x, &[3, 2]), (&v, &[2, 2])];
    let index = |g: &mut Graph, shape: &[usize], data: &[f64]| g.literal(shape, data.to_vec(), DType::I64).unwrap();
    let (got, _) = output(&inputs, |g, ids| {
        let i = index(g, &[2, 2], &[2., 0., 1., 1.]);
        g.apply(Op::Gather(0), &[ids[0], i]).unwrap()
    });
    near(&got, &[4., 1., 2., 3.]);
    let (got, _) = output(&inputs, |g, ids| {
        let i = index(g, &[2], &[2., 2.]);
        g.apply(Op::IndexSelect(0), &[ids[0], i]).unwrap()
    });
    near(&got, &[4., 5., 4., 5.]);
    let (got, _) = output(&inputs, |g, ids| {
        let i = index(g, &[2, 2], &[2., 0., 2., 1.]);
        g.apply(Op::ScatterAdd(0), &[ids[0], i, ids[1]]).unwrap()
    });
    near(&got, &[0., 21., 2., 43., 44., 5.]);
    let (got, _) = output(&inputs, |g, ids| {
        let i = index(g, &[2], &[1., 1.]);
        g.apply(Op::IndexAdd(0), &[ids[0], i, ids[1]]).unwrap()
    });
    near(&got, &[0., 1., 42., 63., 4., 5.]);
}

#[test]
fn an_index_out_of_range_names_the_line() {
    let (mut g, x) = graph(&[&[3, 2]]);
    let i = g.input("i", &[2], DType::I64).unwrap();
    g.span.line = 17;
    let y = g.apply(Op::IndexSelect(0), &[x[0], i]).unwrap();
    g.outputs = vec![y];
    let program = Program::new(g, Options::default()).unwrap();
    let rows = tensor(&[0.0; 6], &[3, 2]);
    let indices = |data: Vec<i64>| Tensor::from_vec(data, 2, &Device::Cpu).unwrap();
    assert!(matches!(
        program.run(&[], &[rows.clone(), indices(vec![0, 3])]),
        Err(Error::Index { line: 17, index: 3, size: 3 })
    ));
    assert!(program.run(&[], &[rows.clone(), indices(vec![0, 2])]).is_ok());
    assert!(matches!(program.run(&[], &[rows.clone(), rows.clone()]), Err(Error::Binding { .. })));
    assert!(matches!(program.run(&[], &[rows]), Err(Error::Count { .. })));
}

#[test]
fn depthwise_convolution_by_hand() {
    let inputs: [(&[f32], &[usize]); 2] =
        [(&[1., 2., 3., 4., 5., 10., 20., 30., 40., 50.], &[1, 2, 5]), (&[1., 10., 2., 0.], &[2, 2])];
    let (got, shape) = output(&inputs, |g, x| g.apply(Op::DepthwiseConv { dilation: 2 }, &[x[0], x[1]]).unwrap());
    assert_eq!(shape, [1, 2, 3]);
    near(&got, &[31., 42., 53., 20., 40., 60.]);
    let ones = [1.0; 6];
    let (got, _) = output(&[inputs[0], (&ones, &[1, 2, 3])], |g, x| {
        g.apply(Op::DepthwiseConvWeight { dilation: 2, taps: 2 }, &[x[0], x[1]]).unwrap()
    });
    near(&got, &[6., 12., 60., 120.]);
}

#[test]
fn constants_need_no_input() {
    let mut g = Graph::default();
    let a = g.arange(1.0, 0.5, 3, DType::F32).unwrap();
    let b = g.full(&[2, 1], 2.0, DType::F32).unwrap();
    let c = g.mul(a, b).unwrap();
    let d = g.full(&[2], 1.0, DType::Bool).unwrap();
    g.outputs = vec![c, b, d];
    let program = Program::new(g, Options::default()).unwrap();
    assert_eq!(program.steps(), 0, "everything is folded");
    let out = program.run(&[], &[]).unwrap();
    near(&floats(&out[0]), &[2., 3., 4., 2., 3., 4.]);
    near(&floats(&out[1]), &[2., 2.]);
    assert_eq!(out[2].to_vec1::<u8>().unwrap(), [1, 1]);
}

#[test]
fn empty_tensors_are_no_obstacle() {
    let (got, shape) = output(&[(&[], &[2, 0]), (&[], &[0, 3])], |g, x| g.matmul(x[0], x[1]).unwrap());
    assert_eq!((got, shape), (vec![0.0; 6], vec![2, 3]));
    let (got, _) = output(&[(&[], &[2, 0])], |g, x| {
        let e = g.unary(Unary::Exp, x[0]).unwrap();
        g.reduce(Reduction::Sum, e, &[1]).unwrap()
    });
    assert_eq!(got, [0.0, 0.0]);
}

#[test]
fn first_weights_depend_on_seed_and_name_alone() {
    use move37_candidate::ir::Distribution;
    let build = |names: &[&str]| {
        let mut g = Graph::default();
        for name in names {
            let op = Op::Random { distribution: Distribution::Normal, stream: 0 };
            let draw = g.push(op, &[], (&[100, 100], DType::F32)).unwrap();
            let init = g.scale(draw, 0.5).unwrap();
            g.param(name, ParamKind::Trained, init).unwrap();
        }
        g
    };
    let two = init_params(&build(&["a", "b"]), 3).unwrap();
    let one = init_params(&build(&["b"]), 3).unwrap();
    let other = init_params(&build(&["b"]), 4).unwrap();
    assert_eq!(floats(&two[1]), floats(&one[0]));
    assert_ne!(floats(&two[0]), floats(&two[1]));
    assert_ne!(floats(&one[0]), floats(&other[0]));
    let spread = (floats(&one[0]).iter().map(|x| x * x).sum::<f32>() / 1e4).sqrt();
    assert!((spread - 0.5).abs() < 0.02, "{spread}");
    let (mut g, x) = graph(&[&[2]]);
    g.param("w", ParamKind::Trained, x[0]).unwrap();
    assert!(matches!(init_params(&g, 0), Err(Error::Initial { name }) if name == "w"));
}

#[test]
fn elementwise_clusters_read_strided_broadcast_and_masked_operands_across_blocks() {
    let (rows, columns) = (3, 1100);
    let mut stream = Stream::new(9, "cluster");
    let x = random(&mut stream, rows * columns, -1.0, 1.0);
    let turned = random(&mut stream, rows * columns, -1.0, 1.0);
    let row = random(&mut stream, columns, -1.0, 1.0);
    let column = random(&mut stream, rows, -1.0, 1.0);
    let wide = random(&mut stream, rows * 2 * columns, -1.0, 1.0);
    let inputs: [(&[f32], &[usize]); 5] = [
        (&x, &[rows, columns]),
        (&turned, &[columns, rows]),
        (&row, &[columns]),
        (&column, &[rows, 1]),
        (&wide, &[rows, 2 * columns]),
    ];
    let (got, _) = output(&inputs, |g, ids| {
        let turned = g.transpose(ids[1], 0, 1).unwrap();
        let window = g.slice(ids[4], 1, 1, columns, 2).unwrap();
        let mask = g.compare(Compare::Gt, turned, ids[3]).unwrap();
        let sum = g.add(ids[0], ids[2]).unwrap();
        let product = g.mul(sum, window).unwrap();
        let picked = g.select(mask, product, turned).unwrap();
        let mask = g.cast(mask, DType::F32).unwrap();
        g.sub(picked, mask).unwrap()
    });
    let want: Vec<f32> = (0..rows * columns)
        .map(|i| {
            let (r, c) = (i / columns, i % columns);
            let t = turned[c * rows + r];
            if t > column[r] { (x[i] + row[c]) * wide[r * 2 * columns + 1 + 2 * c] - 1.0 } else { t }
        })
        .collect();
    near(&got, &want);
}

#[test]
fn a_random_leaf_outside_initial_values_is_refused() {
    use move37_candidate::ir::Distribution;
    let mut g = Graph::default();
    g.span.line = 4;
    let op = Op::Random { distribution: Distribution::Uniform, stream: 0 };
    let draw = g.push(op, &[], (&[2], DType::F32)).unwrap();
    g.outputs = vec![draw];
    let program = Program::new(g, Options::default()).unwrap();
    assert!(matches!(program.run(&[], &[]), Err(Error::Random { line: 4 })));
}
