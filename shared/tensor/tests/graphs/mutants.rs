//! Clean programs made wrong by machine: what the analysis says of them is never contradicted by numbers.
//!
//! One operation of a traced graph is changed (a mask's comparison, a pad, a slice, a reversal, an axis); then inputs are
//! changed from some step of one row on. No output element may move that the analysis holds to depend on nothing there.

use candle_core::Tensor;
use move37_candidate::ir::{Binary, Compare, Graph, Node, NodeId, Op, ParamKind};
use move37_candidate::language::{Dims, Options as TraceOptions, trace};
use move37_candidate::taint::{Element, output_elements};
use move37_tensor::rng::Stream;
use move37_tensor::{Options, Program, init_params};

use super::sets::{clean, each};
use super::support::{floats, random, tensor};

const TIME: usize = 21;
const WIDTH: usize = 16;
/// Of each program.
const MUTANTS: usize = 4;
/// Largest movement, relative to the largest output, that counts as rounding.
const SAME: f32 = 1e-4;

#[derive(Default)]
struct Seen {
    tried: usize,
    /// Mutants whose outputs move with later inputs.
    leaking: usize,
    contradicted: Vec<String>,
}

#[test]
fn no_bound_of_a_mutant_is_contradicted_by_its_numbers() {
    let programs = clean();
    let seen = each(&programs, |program| {
        let dims = Dims { batch: 2, time: TIME, d_model: WIDTH, num_heads: 2, args: Default::default() };
        let graph = trace(&program.text, &dims, &TraceOptions::default()).unwrap().graph;
        let mut stream = Stream::new(37, &program.name);
        let mut seen = Seen::default();
        let places: Vec<(usize, Vec<Op>)> = (0..graph.nodes().len())
            .map(|i| (i, variants(&graph, &graph.nodes()[i])))
            .filter(|p| !p.1.is_empty())
            .collect();
        for _ in 0..MUTANTS * usize::from(!places.is_empty()) {
            let (at, ops) = &places[pick(&mut stream, places.len())];
            let op = ops[pick(&mut stream, ops.len())].clone();
            let what = format!(
                "{}: line {}, {:?} for {:?}",
                program.name,
                graph.nodes()[*at].span.line,
                op,
                graph.nodes()[*at].op
            );
            let Some(mutant) = rebuilt(&graph, *at, &op) else { continue };
            let Ok(bounds) = output_elements(&mutant) else { continue };
            seen.tried += 1;
            let (leaks, wrong) = moved(&mutant, &bounds[0], &mut stream);
            seen.leaking += usize::from(leaks);
            seen.contradicted.extend(wrong.map(|w| format!("{what}: {w}")));
        }
        seen
    });
    let sum = |f: fn(&Seen) -> usize| seen.iter().map(f).sum::<usize>();
    let (tried, leaking) = (sum(|s| s.tried), sum(|s| s.leaking));
    println!("{tried} mutants, {leaking} leak");
    let contradicted: Vec<&String> = seen.iter().flat_map(|s| &s.contradicted).collect();
    assert!(contradicted.is_empty(), "{contradicted:#?}");
    assert!(tried >= 200 && leaking >= 20, "{leaking} of {tried}");
}

fn pick(stream: &mut Stream, n: usize) -> usize {
    ((stream.uniform() * n as f32) as usize).min(n - 1)
}

/// Operations of the same result shape to put in a node's place.
fn variants(graph: &Graph, node: &Node) -> Vec<Op> {
    let first = node.inputs.first().map(|&i| graph.shape(i));
    let mut ops = Vec::new();
    match &node.op {
        Op::Slice { axis, start, step } => {
            let end = start + (node.shape[*axis].max(1) - 1) * step;
            if *start > 0 {
                ops.push(Op::Slice { axis: *axis, start: start - 1, step: *step });
            }
            if end + 1 < first.unwrap()[*axis] {
                ops.push(Op::Slice { axis: *axis, start: start + 1, step: *step });
            }
        }
        &Op::SliceScatter { axis, start, step } if start > 0 => {
            ops.push(Op::SliceScatter { axis, start: start - 1, step });
        }
        &Op::Pad { axis, before, after, value } => {
            ops.push(Op::Pad { axis, before: after, after: before, value });
            if before > 0 {
                ops.push(Op::Pad { axis, before: before - 1, after: after + 1, value });
            }
        }
        Op::Flip(_) => ops.push(Op::Reshape),
        Op::Compare(c) => {
            let others = match c {
                Compare::Lt => [Compare::Le, Compare::Gt],
                Compare::Le => [Compare::Lt, Compare::Ge],
                Compare::Gt => [Compare::Ge, Compare::Lt],
                Compare::Ge => [Compare::Gt, Compare::Le],
                Compare::Eq => [Compare::Ne, Compare::Le],
                Compare::Ne => [Compare::Eq, Compare::Gt],
            };
            ops.extend(others.map(Op::Compare));
        }
        Op::Binary(Binary::And) => ops.push(Op::Binary(Binary::Or)),
        Op::Binary(Binary::Or) => ops.push(Op::Binary(Binary::And)),
        Op::Binary(Binary::Maximum) => ops.push(Op::Binary(Binary::Minimum)),
        Op::CumSum(axis) | Op::Softmax(axis) => {
            let make = |a| if matches!(node.op, Op::CumSum(_)) { Op::CumSum(a) } else { Op::Softmax(a) };
            ops.extend((0..node.shape.len()).filter(|a| a != axis && node.shape[*a] > 1).map(make));
        }
        Op::Permute(axes) => {
            for (i, j) in (0..axes.len()).flat_map(|j| (0..j).map(move |i| (i, j))) {
                if node.shape[i] == node.shape[j] && node.shape[i] > 1 {
                    let mut axes = axes.clone();
                    axes.swap(i, j);
                    ops.push(Op::Permute(axes));
                }
            }
        }
        _ => {}
    }
    ops
}

/// The graph with another operation at one node.
fn rebuilt(graph: &Graph, at: usize, op: &Op) -> Option<Graph> {
    let mut new = Graph::default();
    let mut ids: Vec<NodeId> = Vec::new();
    for (i, node) in graph.nodes().iter().enumerate() {
        let inputs: Vec<NodeId> = node.inputs.iter().map(|n| ids[n.index()]).collect();
        let op = if i == at { op.clone() } else { node.op.clone() };
        ids.push(new.push(op, &inputs, (&node.shape, node.dtype)).ok()?);
    }
    new.inputs.clone_from(&graph.inputs);
    new.params.clone_from(&graph.params);
    new.params.iter_mut().for_each(|p| p.init = ids[p.init.index()]);
    new.outputs = graph.outputs[..1].iter().map(|o| ids[o.index()]).collect();
    Some(new)
}

/// Whether outputs move with later inputs or another row, and the first that moves although its bound forbids it.
fn moved(graph: &Graph, bounds: &[Element], stream: &mut Stream) -> (bool, Option<String>) {
    let n = 2 * TIME * WIDTH;
    let mut params = init_params(graph, 1).unwrap();
    for (param, value) in graph.params.iter().zip(&mut params) {
        if param.kind == ParamKind::Trained {
            let noise = tensor(&random(stream, param.shape.iter().product(), -0.2, 0.2), &param.shape);
            *value = (&*value + noise).unwrap();
        }
    }
    let program = Program::new(graph.clone(), Options::default()).unwrap();
    let run = |x: &[f32]| -> Option<Vec<f32>> {
        let x: Tensor = tensor(x, &[2, TIME, WIDTH]);
        Some(floats(&program.run(&params, &[x]).ok()?[0]))
    };
    let (x, other) = (random(stream, n, -1.5, 1.5), random(stream, n, -1.5, 1.5));
    // An index that leaves its axis is an error of the run, not of the analysis.
    let Some(base) = run(&x) else { return (false, None) };
    let largest = base.iter().filter(|v| v.is_finite()).fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
    let mut leaks = false;
    for (row, start) in [(0, 0), (0, 1), (1, 4), (0, 8), (1, 11), (0, 15), (1, 16), (0, 17), (1, TIME - 1)] {
        let taken = |i: usize| i / (TIME * WIDTH) == row && i / WIDTH % TIME >= start;
        let Some(changed) = run(&(0..n).map(|i| if taken(i) { other[i] } else { x[i] }).collect::<Vec<_>>()) else {
            break;
        };
        for (i, (a, b)) in base.iter().zip(&changed).enumerate() {
            if !a.is_finite() || !b.is_finite() || (a - b).abs() <= SAME * largest {
                continue;
            }
            leaks |= i / (TIME * WIDTH) != row || i / WIDTH % TIME < start;
            if i16::try_from(start).unwrap() > bounds[i].latest[row] {
                let place = (i / (TIME * WIDTH), i / WIDTH % TIME, i % WIDTH);
                let bound = bounds[i].latest;
                return (
                    leaks,
                    Some(format!("{place:?} moved by {} with row {row} from {start}; bound {bound:?}", a - b)),
                );
            }
        }
    }
    (leaks, None)
}
