//! Texts, jobs and candidates made for tests.

use move37_candidate::ir::{Compare, DType, Distribution, Graph, NodeId, Op, ParamKind};
use move37_tensor::rng::Stream;

use crate::model::Dims;
use crate::run::{JobSpec, Schedule, Training};
use crate::task::TaskSpec;

/// `n` bytes of words drawn at random: easy to learn a little of.
pub(crate) fn text(seed: u64, n: usize) -> Vec<u8> {
    let words = ["the ", "king ", "and ", "queen ", "speak ", "no ", "more ", "of ", "love,\n", "night.\n"];
    let mut stream = Stream::new(seed, "fixture text");
    let mut text = Vec::with_capacity(n + 8);
    while text.len() < n {
        text.extend(words[stream.below(words.len())].as_bytes());
    }
    text.truncate(n);
    text
}

/// A small job on recall: 4 sequences of 12 tokens, width 8.
pub(crate) fn job(steps: u32) -> JobSpec {
    JobSpec {
        source: String::new(),
        layer: Default::default(),
        dims: Dims { d_model: 8, layers: 2, heads: 2, swiglu: 12 },
        task: TaskSpec::Mqar { vocabulary: 16, length: 12, pairs: 2 },
        training: Training {
            steps,
            batch: 4,
            learning_rate: 1e-2,
            warmup: 2,
            schedule: Schedule::Cosine { floor: 0.1 },
            weight_decay: 0.1,
            epsilon: 1e-8,
            clip: 1.0,
            validation: 8,
        },
        seed: 1,
        threads: 1,
        compute: Default::default(),
        measure_test: false,
    }
}

type Built = Result<NodeId, move37_candidate::ir::Error>;

/// A candidate's graph: `body` maps x `[rows, length, width]` to the same shape.
pub(crate) fn mixer(rows: usize, length: usize, width: usize, body: impl Fn(&mut Graph, NodeId) -> Built) -> Graph {
    let mut graph = Graph::default();
    let x = graph.input("x", &[rows, length, width], DType::F32).expect("a valid shape");
    let y = body(&mut graph, x).expect("shapes fit");
    graph.outputs = vec![y];
    graph
}

fn project(g: &mut Graph, x: NodeId, name: &str, stream: u32) -> Built {
    let width = g.shape(x)[2];
    let op = Op::Random { distribution: Distribution::Normal, stream };
    let random = g.push(op, &[], (&[width, width], DType::F32))?;
    let init = g.scale(random, 0.6 / (width as f64).sqrt())?;
    let weight = g.param(name, ParamKind::Trained, init)?;
    let weight = g.transpose(weight, 0, 1)?;
    g.matmul(x, weight)
}

/// Causal softmax attention.
pub(crate) fn attention(rows: usize, length: usize, width: usize, heads: usize) -> Graph {
    let dim = width / heads;
    mixer(rows, length, width, |g, x| {
        let split = |g: &mut Graph, name: &str, stream| {
            let y = project(g, x, name, stream)?;
            let y = g.reshape(y, &[rows, length, heads, dim])?;
            g.transpose(y, 1, 2)
        };
        let (q, k, v) = (split(g, "q.weight", 1)?, split(g, "k.weight", 2)?, split(g, "v.weight", 3)?);
        let k = g.transpose(k, 2, 3)?;
        let scores = g.matmul(q, k)?;
        let scores = g.scale(scores, 1.0 / (dim as f64).sqrt())?;
        let column = g.arange(0.0, 1.0, length, DType::I64)?;
        let row = g.reshape(column, &[length, 1])?;
        let later = g.compare(Compare::Gt, column, row)?;
        let never = g.scalar(f64::NEG_INFINITY)?;
        let scores = g.select(later, never, scores)?;
        let weights = g.softmax(scores, 3)?;
        let y = g.matmul(weights, v)?;
        let y = g.transpose(y, 1, 2)?;
        let y = g.reshape(y, &[rows, length, width])?;
        project(g, y, "out.weight", 4)
    })
}
