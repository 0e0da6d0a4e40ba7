//! Time of a training step of a small byte model with chunkwise DeltaNet layers, by operation.
//!
//! `cargo run -p move37-tensor --example profile -- [loop|doubling|softmax] [threads] [d] [layers] [T] [B]`

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use move37_candidate::ir::{Compare, DType, Distribution, Error, Graph, NodeId, Op, ParamKind, Reduction, Unary};
use move37_tensor::optim::{AdamW, State};
use move37_tensor::rng::Stream;
use move37_tensor::{Options, Program, gradients, init_params};

const VOCABULARY: usize = 256;
const CHUNK: usize = 32;
const HEAD: usize = 32;
const TAPS: usize = 4;

struct Model {
    graph: Graph,
    params: Vec<NodeId>,
    d: usize,
    batch: usize,
    time: usize,
}

type Built = Result<NodeId, Error>;

impl Model {
    fn weight(&mut self, shape: &[usize], scale: f64) -> Built {
        let name = format!("p{}", self.params.len());
        let op = Op::Random { distribution: Distribution::Normal, stream: 0 };
        let draw = self.graph.push(op, &[], (shape, DType::F32))?;
        let init = self.graph.scale(draw, scale)?;
        let id = self.graph.param(&name, ParamKind::Trained, init)?;
        self.params.push(id);
        Ok(id)
    }

    fn linear(&mut self, x: NodeId, from: usize, to: usize) -> Built {
        let w = self.weight(&[to, from], 1.0 / (from as f64).sqrt())?;
        let t = self.graph.transpose(w, 0, 1)?;
        self.graph.matmul(x, t)
    }

    fn norm(&mut self, x: NodeId) -> Built {
        let g = &mut self.graph;
        let axis = g.shape(x).len() - 1;
        let width = g.shape(x)[axis];
        let square = g.mul(x, x)?;
        let mean = g.mean(square, &[axis])?;
        let epsilon = g.scalar(1e-6)?;
        let mean = g.add(mean, epsilon)?;
        let scale = g.unary(Unary::Rsqrt, mean)?;
        let y = g.mul(x, scale)?;
        let one = g.full(&[width], 1.0, DType::F32)?;
        let gain = self.graph.param(&format!("p{}", self.params.len()), ParamKind::Trained, one)?;
        self.params.push(gain);
        self.graph.mul(y, gain)
    }

    /// Projection, causal convolution, SiLU.
    fn branch(&mut self, x: NodeId) -> Built {
        let y = self.linear(x, self.d, self.d)?;
        let w = self.weight(&[self.d, TAPS], 0.5)?;
        let g = &mut self.graph;
        let t = g.transpose(y, 1, 2)?;
        let t = g.pad(t, 2, TAPS - 1, 0, 0.0)?;
        let c = g.apply(Op::DepthwiseConv { dilation: 1 }, &[t, w])?;
        let c = g.transpose(c, 1, 2)?;
        g.unary(Unary::Silu, c)
    }

    fn heads(&mut self, x: NodeId) -> Built {
        let heads = self.d / HEAD;
        let x = self.graph.reshape(x, &[self.batch, self.time, heads, HEAD])?;
        self.graph.permute(x, &[0, 2, 1, 3])
    }

    fn unit(&mut self, x: NodeId) -> Built {
        let g = &mut self.graph;
        let axis = g.shape(x).len() - 1;
        let square = g.mul(x, x)?;
        let sum = g.reduce(Reduction::Sum, square, &[axis])?;
        let epsilon = g.scalar(1e-6)?;
        let sum = g.add(sum, epsilon)?;
        let scale = g.unary(Unary::Rsqrt, sum)?;
        g.mul(x, scale)
    }

    fn mask(&mut self, size: usize, c: Compare) -> Built {
        let g = &mut self.graph;
        let i = g.arange(0.0, 1.0, size, DType::I64)?;
        let rows = g.reshape(i, &[size, 1])?;
        g.compare(c, rows, i)
    }

    fn masked(&mut self, x: NodeId, c: Compare) -> Built {
        let size = *self.graph.shape(x).last().expect("a matrix");
        let mask = self.mask(size, c)?;
        let zero = self.graph.scalar(0.0)?;
        self.graph.select(mask, x, zero)
    }

    fn delta(&mut self, x: NodeId, doubling: bool) -> Built {
        let [q, k, v] = [self.branch(x)?, self.branch(x)?, self.branch(x)?];
        let [q, k, v] = [self.heads(q)?, self.heads(k)?, self.heads(v)?];
        let (q, k) = (self.unit(q)?, self.unit(k)?);
        let (b, h, n) = (self.batch, self.d / HEAD, self.time / CHUNK);
        let beta = self.linear(x, self.d, h)?;
        let beta = self.graph.unary(Unary::Sigmoid, beta)?;
        let g = &mut self.graph;
        let beta = g.transpose(beta, 1, 2)?;
        let beta = g.reshape(beta, &[b, h, self.time, 1])?;
        let q = g.scale(q, 1.0 / (HEAD as f64).sqrt())?;
        let v = g.mul(v, beta)?;
        let kb = g.mul(k, beta)?;
        let chunked = [b, h, n, CHUNK, HEAD];
        let [q, k, v, kb] =
            [g.reshape(q, &chunked)?, g.reshape(k, &chunked)?, g.reshape(v, &chunked)?, g.reshape(kb, &chunked)?];
        let kt = g.transpose(k, 3, 4)?;
        let a = g.matmul(kb, kt)?;
        let a = g.unary(Unary::Neg, a)?;
        let a = self.masked(a, Compare::Gt)?;
        let solved = if doubling { self.invert(a)? } else { self.substitute(a)? };
        let g = &mut self.graph;
        let u = g.matmul(solved, v)?;
        let w = g.matmul(solved, kb)?;
        let qk = g.matmul(q, kt)?;
        let qk = self.masked(qk, Compare::Ge)?;
        let g = &mut self.graph;
        let mut state: Option<NodeId> = None;
        let mut outputs = Vec::new();
        for i in 0..n {
            let at = |g: &mut Graph, x: NodeId| -> Built {
                let mut shape = g.shape(x).to_vec();
                let part = g.slice(x, 2, i, 1, 1)?;
                shape.remove(2);
                g.reshape(part, &shape)
            };
            let (qi, kti, mut ui, wi, ai) = (at(g, q)?, at(g, kt)?, at(g, u)?, at(g, w)?, at(g, qk)?);
            if let Some(s) = state {
                let read = g.matmul(wi, s)?;
                ui = g.sub(ui, read)?;
            }
            let mut o = g.matmul(ai, ui)?;
            let added = g.matmul(kti, ui)?;
            state = Some(match state {
                Some(s) => {
                    let inter = g.matmul(qi, s)?;
                    o = g.add(o, inter)?;
                    g.add(s, added)?
                }
                None => added,
            });
            outputs.push(g.reshape(o, &[b, h, 1, CHUNK, HEAD])?);
        }
        let o = g.cat(&outputs, 2)?;
        let o = g.reshape(o, &[b, h, self.time, HEAD])?;
        let o = g.permute(o, &[0, 2, 1, 3])?;
        let o = self.norm(o)?;
        let o = self.graph.reshape(o, &[b, self.time, self.d])?;
        self.linear(o, self.d, self.d)
    }

    /// `(I - a)^-1` of strictly lower triangular a, by squaring.
    fn invert(&mut self, a: NodeId) -> Built {
        let eye = self.mask(CHUNK, Compare::Eq)?;
        let g = &mut self.graph;
        let eye = g.cast(eye, DType::F32)?;
        let mut sum = g.add(a, eye)?;
        let mut power = a;
        for _ in 0..4 {
            power = g.matmul(power, power)?;
            let more = g.matmul(sum, power)?;
            sum = g.add(sum, more)?;
        }
        Ok(sum)
    }

    /// The same by forward substitution, row by row.
    fn substitute(&mut self, mut a: NodeId) -> Built {
        let eye = self.mask(CHUNK, Compare::Eq)?;
        let g = &mut self.graph;
        for i in 1..CHUNK {
            let row = g.slice(a, 3, i, 1, 1)?;
            let left = g.slice(row, 4, 0, i, 1)?;
            let mut shape = g.shape(row).to_vec();
            shape.swap(3, 4);
            let column = g.reshape(row, &shape)?;
            let block = g.slice(a, 4, 0, i, 1)?;
            let product = g.mul(column, block)?;
            let sum = g.reduce(Reduction::Sum, product, &[3])?;
            let new = g.add(left, sum)?;
            let row = g.slice_scatter(row, new, 4, 0, 1)?;
            a = g.slice_scatter(a, row, 3, i, 1)?;
        }
        let eye = g.cast(eye, DType::F32)?;
        g.add(a, eye)
    }

    fn attention(&mut self, x: NodeId) -> Built {
        let [q, k, v] =
            [self.linear(x, self.d, self.d)?, self.linear(x, self.d, self.d)?, self.linear(x, self.d, self.d)?];
        let [q, k, v] = [self.heads(q)?, self.heads(k)?, self.heads(v)?];
        let kt = self.graph.transpose(k, 2, 3)?;
        let scores = self.graph.matmul(q, kt)?;
        let scores = self.graph.scale(scores, 1.0 / (HEAD as f64).sqrt())?;
        let past = self.mask(self.time, Compare::Ge)?;
        let g = &mut self.graph;
        let never = g.scalar(f64::NEG_INFINITY)?;
        let scores = g.select(past, scores, never)?;
        let p = g.softmax(scores, 3)?;
        let o = g.matmul(p, v)?;
        let o = g.permute(o, &[0, 2, 1, 3])?;
        let o = g.reshape(o, &[self.batch, self.time, self.d])?;
        self.linear(o, self.d, self.d)
    }

    fn feed_forward(&mut self, x: NodeId) -> Built {
        let hidden = 3 * self.d;
        let (a, b) = (self.linear(x, self.d, hidden)?, self.linear(x, self.d, hidden)?);
        let a = self.graph.unary(Unary::Silu, a)?;
        let h = self.graph.mul(a, b)?;
        self.linear(h, hidden, self.d)
    }

    fn loss(&mut self, kind: &str, layers: usize) -> Built {
        let rows = self.batch * self.time;
        let tokens = self.graph.input("tokens", &[rows], DType::I64)?;
        let targets = self.graph.input("targets", &[rows, 1], DType::I64)?;
        let table = self.weight(&[VOCABULARY, self.d], 0.02)?;
        let x = self.graph.apply(Op::IndexSelect(0), &[table, tokens])?;
        let mut x = self.graph.reshape(x, &[self.batch, self.time, self.d])?;
        for _ in 0..layers {
            let y = self.norm(x)?;
            let y = match kind {
                "softmax" => self.attention(y)?,
                _ => self.delta(y, kind == "doubling")?,
            };
            x = self.graph.add(x, y)?;
            let y = self.norm(x)?;
            let y = self.feed_forward(y)?;
            x = self.graph.add(x, y)?;
        }
        let x = self.norm(x)?;
        let logits = self.linear(x, self.d, VOCABULARY)?;
        let g = &mut self.graph;
        let logits = g.reshape(logits, &[rows, VOCABULARY])?;
        let logs = g.apply(Op::LogSoftmax(1), &[logits])?;
        let picked = g.apply(Op::Gather(1), &[logs, targets])?;
        let mean = g.mean(picked, &[0, 1])?;
        let loss = g.unary(Unary::Neg, mean)?;
        g.reshape(loss, &[])
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let kind = arguments.first().map_or("doubling", String::as_str);
    let number = |i: usize, default: usize| arguments.get(i).map_or(Ok(default), |a| a.parse());
    let (threads, d, layers) = (number(1, 1)?, number(2, 64)?, number(3, 2)?);
    let (time, batch) = (number(4, 128)?, number(5, 8)?);
    let mut model = Model { graph: Graph::default(), params: Vec::new(), d, batch, time };
    let loss = model.loss(kind, layers)?;
    let Model { mut graph, params: nodes, .. } = model;
    let one = graph.full(&[], 1.0, DType::F32)?;
    let found = gradients(&mut graph, loss, one, &nodes)?;
    graph.outputs = [loss].into_iter().chain(found.into_iter().flatten()).collect();
    let count = graph.nodes().len();
    let params = init_params(&graph, 1)?;
    let begun = Instant::now();
    let program = Program::new(graph, Options { threads })?;
    println!("{count} nodes, {} steps, planned in {:?}", program.steps(), begun.elapsed());
    let adam = AdamW::default();
    let mut state = State::new(&params);
    let mut stream = Stream::new(1, "tokens");
    let mut times = Vec::new();
    let mut total: BTreeMap<String, (usize, Duration)> = BTreeMap::new();
    for step in 0..20 {
        let ids: Vec<i64> = (0..batch * time).map(|_| (stream.below(16) * stream.below(16)) as i64).collect();
        let mut next = ids.clone();
        next.rotate_left(1);
        let inputs = [
            Tensor::from_vec(ids, batch * time, &Device::Cpu)?,
            Tensor::from_vec(next, (batch * time, 1), &Device::Cpu)?,
        ];
        let begun = Instant::now();
        let (outputs, costs) = program.profile(&params, &inputs)?;
        let ran = begun.elapsed();
        let gradients: Vec<_> = outputs[1..].iter().cloned().map(Some).collect();
        adam.step(&mut state, &params, &gradients, 1e-3)?;
        times.push(begun.elapsed());
        if step == 19 {
            println!("loss {}, run {ran:?}, AdamW {:?}", outputs[0], begun.elapsed() - ran);
        }
        for cost in costs {
            let entry = total.entry(format!("{} {:?}", cost.name, cost.shape)).or_default();
            entry.0 += 1;
            entry.1 += cost.time;
        }
    }
    times.sort();
    println!(
        "{:?} per step (best {:?}), peak {} MB",
        times[times.len() / 2],
        times[0],
        program.peak_bytes() / 1_000_000
    );
    let mut rows: Vec<_> = total.into_iter().collect();
    rows.sort_by_key(|(_, (_, time))| std::cmp::Reverse(*time));
    for (name, (count, time)) in rows.into_iter().take(25) {
        println!("{:8.3} ms  {:4} x  {name}", time.as_secs_f64() * 1e3 / 20.0, count / 20);
    }
    Ok(())
}
