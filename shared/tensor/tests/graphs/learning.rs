//! Programs as a whole: they learn, repeat themselves bit for bit, and let go of what they no longer need.

use candle_core::Tensor;
use move37_candidate::ir::{DType, Distribution, Graph, NodeId, Op, ParamKind, Reduction, Unary};
use move37_tensor::optim::{AdamW, State};
use move37_tensor::rng::Stream;
use move37_tensor::{Options, Program, gradients, init_params};

use super::support::{floats, random, tensor};

/// A two-layer perceptron with its loss and gradients: outputs are (loss, gradients of the parameters).
fn perceptron(batch: usize, hidden: usize) -> Graph {
    let mut g = Graph::default();
    let mut params = Vec::new();
    for (stream, (name, shape, scale)) in
        [("w1", &[2, hidden][..], 1.0), ("b1", &[hidden], 0.1), ("w2", &[hidden, 1], 0.5), ("b2", &[1], 0.1)]
            .into_iter()
            .enumerate()
    {
        let op = Op::Random { distribution: Distribution::Normal, stream: stream as u32 };
        let draw = g.push(op, &[], (shape, DType::F32)).unwrap();
        let init = g.scale(draw, scale).unwrap();
        params.push(g.param(name, ParamKind::Trained, init).unwrap());
    }
    let x = g.input("x", &[batch, 2], DType::F32).unwrap();
    let y = g.input("y", &[batch, 1], DType::F32).unwrap();
    let layer = |g: &mut Graph, x: NodeId, i: usize| {
        let h = g.matmul(x, params[i]).unwrap();
        g.add(h, params[i + 1]).unwrap()
    };
    let h = layer(&mut g, x, 0);
    let h = g.unary(Unary::Tanh, h).unwrap();
    let out = layer(&mut g, h, 2);
    let error = g.sub(out, y).unwrap();
    let square = g.mul(error, error).unwrap();
    let loss = g.mean(square, &[0, 1]).unwrap();
    let one = g.full(&[1, 1], 1.0, DType::F32).unwrap();
    let grads = gradients(&mut g, loss, one, &params).unwrap();
    g.outputs = [loss].into_iter().chain(grads.into_iter().map(Option::unwrap)).collect();
    g
}

fn train(threads: usize, steps: usize) -> Vec<u32> {
    let g = perceptron(64, 16);
    let params = init_params(&g, 1).unwrap();
    let program = Program::new(g, Options { threads }).unwrap();
    let adam = AdamW { weight_decay: 0.0, ..AdamW::default() };
    let mut state = State::new(&params);
    let mut stream = Stream::new(1, "data");
    (0..steps)
        .map(|_| {
            let x = random(&mut stream, 128, -1.0, 1.0);
            let y: Vec<f32> = x.chunks(2).map(|p| if p[0] * p[1] > 0.0 { 1.0 } else { -1.0 }).collect();
            let out = program.run(&params, &[tensor(&x, &[64, 2]), tensor(&y, &[64, 1])]).unwrap();
            let grads: Vec<Option<Tensor>> = out[1..].iter().cloned().map(Some).collect();
            adam.step(&mut state, &params, &grads, 0.02).unwrap();
            floats(&out[0])[0].to_bits()
        })
        .collect()
}

#[test]
fn a_perceptron_learns_exclusive_or_the_same_way_each_time() {
    let first = train(1, 300);
    let mean = |bits: &[u32]| bits.iter().map(|&b| f32::from_bits(b)).sum::<f32>() / bits.len() as f32;
    assert!(mean(&first[..10]) > 0.8, "{}", mean(&first[..10]));
    assert!(mean(&first[290..]) < 0.25, "{}", mean(&first[290..]));
    assert_eq!(first, train(1, 300));
    assert_eq!(train(2, 50), train(2, 50));
}

/// Softmax attention and a gated product at a size where threads share work.
fn attention(g: &mut Graph) -> NodeId {
    let x = g.input("x", &[4, 160, 128], DType::F32).unwrap();
    let heads = g.reshape(x, &[4, 160, 4, 32]).unwrap();
    let heads = g.permute(heads, &[0, 2, 1, 3]).unwrap();
    let keys = g.transpose(heads, 2, 3).unwrap();
    let scores = g.matmul(heads, keys).unwrap();
    let scores = g.scale(scores, 0.25).unwrap();
    let p = g.softmax(scores, 3).unwrap();
    let y = g.matmul(p, heads).unwrap();
    let y = g.permute(y, &[0, 2, 1, 3]).unwrap();
    let y = g.reshape(y, &[4, 160, 128]).unwrap();
    let gate = g.unary(Unary::Sigmoid, x).unwrap();
    let y = g.mul(y, gate).unwrap();
    let ones = g.full(&[4, 160, 128], 1.0, DType::F32).unwrap();
    gradients(g, y, ones, &[x]).unwrap()[0].unwrap()
}

#[test]
fn two_runs_give_the_same_bits_and_threads_the_same_numbers() {
    let mut g = Graph::default();
    let d = attention(&mut g);
    g.outputs = vec![d];
    let x = tensor(&random(&mut Stream::new(2, "x"), 4 * 160 * 128, -1.0, 1.0), &[4, 160, 128]);
    let results: Vec<Vec<u32>> = [1, 1, 2, 2]
        .map(|threads| {
            let program = Program::new(g.clone(), Options { threads }).unwrap();
            let first = floats(&program.run(&[], std::slice::from_ref(&x)).unwrap()[0]);
            let second = floats(&program.run(&[], std::slice::from_ref(&x)).unwrap()[0]);
            let bits = |v: Vec<f32>| v.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            let (first, second) = (bits(first), bits(second));
            assert_eq!(first, second, "a program run twice");
            first
        })
        .to_vec();
    assert_eq!(results[0], results[1]);
    assert_eq!(results[2], results[3]);
    for (a, b) in results[0].iter().zip(&results[2]) {
        let (a, b) = (f32::from_bits(*a), f32::from_bits(*b));
        assert!((a - b).abs() <= 1e-4 * (1.0 + a.abs()), "{a} {b}");
    }
}

#[test]
fn buffers_die_after_their_last_use_and_elementwise_runs_are_one_step() {
    let mut g = Graph::default();
    let x = g.input("x", &[100, 100], DType::F32).unwrap();
    let mut y = x;
    for i in 0..30 {
        let a = g.unary(Unary::Tanh, y).unwrap();
        y = match i % 3 {
            0 => g.matmul(a, x).unwrap(),
            _ => g.add(a, x).unwrap(),
        };
    }
    let sum = g.reduce(Reduction::Sum, y, &[0, 1]).unwrap();
    g.outputs = vec![sum];
    let program = Program::new(g.clone(), Options::default()).unwrap();
    let data = tensor(&random(&mut Stream::new(2, "x"), 10_000, -0.1, 0.1), &[100, 100]);
    let fused = program.run(&[], std::slice::from_ref(&data)).unwrap();
    assert!(program.peak_bytes() <= 3 * 40_000, "{} bytes for 60 values of 40000", program.peak_bytes());
    assert!(program.steps() < 25, "{} steps for {} nodes", program.steps(), g.nodes().len());
    // Every value kept and nothing fused away: the same bits.
    g.outputs = g.nodes().iter().enumerate().map(|(i, _)| NodeId(i as u32)).collect();
    let all = Program::new(g, Options::default()).unwrap().run(&[], &[data]).unwrap();
    assert_eq!(floats(&fused[0])[0].to_bits(), floats(&all[sum.index()])[0].to_bits());
}

#[test]
fn a_result_is_not_changed_by_the_next_run() {
    let mut g = Graph::default();
    let x = g.input("x", &[2000], DType::F32).unwrap();
    let y = g.scale(x, 2.0).unwrap();
    let halves = g.reshape(y, &[2, 1000]).unwrap();
    g.outputs = vec![y, halves, x];
    let program = Program::new(g, Options::default()).unwrap();
    let first = program.run(&[], &[tensor(&[1.0; 2000], &[2000])]).unwrap();
    let second = program.run(&[], &[tensor(&[5.0; 2000], &[2000])]).unwrap();
    assert_eq!((floats(&first[0]), floats(&first[2])), (vec![2.0; 2000], vec![1.0; 2000]));
    assert_eq!(floats(&second[1]), vec![10.0; 2000]);
}
