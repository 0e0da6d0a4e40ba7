//! Causality and batch independence: proved at several lengths, and for the way that training takes.
//!
//! A proof holds at the shape that was analysed. It is taken to hold at training's shape too if the program makes the
//! same choices there ([`super::choices`]); where it makes others, the analysis runs at a shape at which it makes
//! those, training's own if need be. What is too large for that is unproved, with the line that chooses.

use std::collections::BTreeSet;

use super::check::trace_at;
use super::choices::choices;
use super::report::{GateConfig, GateReport, Proof};
use super::varied::varied;
use crate::finding::{self, Finding, FindingKind};
use crate::ir::{Graph, Op, ParamKind, Span};
use crate::language::{Attempt, Choice, Decision, Traced};
use crate::taint::{self, Verdict, Witness};

/// Lengths of the analysis: more than two chunks of 32 and no multiple of it, and a short odd one.
pub(super) const LENGTHS: [usize; 2] = [70, 5];
/// Tried when a layer accepts multiples of its chunk only.
const FALLBACKS: [usize; 3] = [96, 128, 256];
/// Rows of the batch that the analysis tells apart.
const ROWS: usize = 2;
/// The most work of one analysis, in elements and terms: a second or so.
const WORK: u64 = 150_000_000;

/// What is being found out.
struct Inquiry<'a> {
    source: &'a str,
    config: &'a GateConfig,
    causality: Proof,
    batch: Proof,
    findings: Vec<Finding>,
    /// Shapes analysed, and the choices made there.
    analysed: Vec<([usize; 2], BTreeSet<Decision>)>,
}

/// Analyse a program of which the trace at (1, T) and the attempt at (2, [`LENGTHS`]\[0\]) are known.
pub(super) fn dependencies(
    source: &str,
    config: &GateConfig,
    (own, first): (&Traced, &Attempt),
    report: &mut GateReport,
) -> Vec<Finding> {
    let mut inquiry = Inquiry {
        source,
        config,
        causality: Proof::Proved,
        batch: Proof::Proved,
        findings: Vec::new(),
        analysed: Vec::new(),
    };
    inquiry.usual(first);
    inquiry.as_in_training(own);
    report.causality = inquiry.causality;
    report.batch_independence = inquiry.batch;
    report.analysed = inquiry.analysed.iter().map(|(shape, _)| *shape).collect();
    // The same leak shows at several lengths; its line is told once.
    let mut seen = Vec::new();
    let mut findings = inquiry.findings;
    findings.retain(|f| {
        let key = (f.kind, f.line);
        let new = !seen.contains(&key);
        seen.push(key);
        new
    });
    findings
}

impl Inquiry<'_> {
    /// The lengths that every program is analysed at, and one of more than two chunks.
    fn usual(&mut self, first: &Attempt) {
        let mut long = None;
        for length in LENGTHS {
            let again =
                if length == LENGTHS[0] { None } else { Some(trace_at(self.source, self.config, ROWS, length)) };
            let found = again.as_ref().unwrap_or(first);
            if let Some(traced) = &found.traced {
                self.analyse([ROWS, length], traced);
                continue;
            }
            let why = found.findings.first().map_or_else(String::new, |f| f.to_string());
            let message = format!(
                "the layer cannot be traced at T={length}, so nothing is proved about lengths that are no multiple of its chunk: {why}"
            );
            let line = found.findings.first().map_or(0, |f| f.line);
            self.unproved(
                Finding::new(FindingKind::Unproved, Span { line, column: 1 }, message)
                    .hint("pad to a multiple of the chunk with F.pad and cut the result back to T"),
            );
            if length == LENGTHS[0] {
                let accepted = |l: usize| Some((l, trace_at(self.source, self.config, ROWS, l).traced?));
                long = FALLBACKS.into_iter().find_map(accepted);
            }
        }
        if let Some((length, traced)) = long {
            self.analyse([ROWS, length], &traced);
        }
        if let Some(chunk) = first.traced.as_ref().and_then(|t| chunk(t, LENGTHS[0]))
            && LENGTHS[0] <= 2 * chunk
        {
            self.chunks(chunk);
        }
    }

    /// More than two chunks, and no multiple of them; as many as training has where that is less.
    fn chunks(&mut self, chunk: usize) {
        let time = self.config.dims.time;
        let enough = 2 * chunk + 6;
        let lengths = if time > 2 * chunk { [enough, enough] } else { [enough, time] };
        for length in lengths {
            if let Some(traced) = trace_at(self.source, self.config, ROWS, length).traced
                && work(&traced.graph) <= WORK
            {
                self.analyse([ROWS, length], &traced);
                return;
            }
        }
        let message = format!("more than two chunks of {chunk} steps are too large to be analysed");
        self.unproved(
            Finding::new(FindingKind::Unproved, Span::default(), message)
                .hint("make the size of a chunk an argument, and smaller"),
        );
    }

    /// The choices of a training batch and of a single sequence.
    fn as_in_training(&mut self, own: &Traced) {
        let time = self.config.dims.time;
        let rows = self.config.batch.max(1);
        self.cover([1, time], own);
        let found = trace_at(self.source, self.config, rows, time);
        let Some(traced) = found.traced else {
            let message = |f: &Finding| format!("at B={rows}, T={time}: {}", f.message);
            let told = found.findings.into_iter().map(|f| Finding { message: message(&f), ..f });
            self.findings.extend(told);
            (self.causality, self.batch) = (Proof::Unproved, Proof::Unproved);
            return;
        };
        self.cover([rows, time], &traced);
        if let Some(pair) = trace_at(self.source, self.config, ROWS, time).traced
            && let Some(constant) = varied(&traced.graph, &pair.graph)
        {
            let place = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
            let message = format!("a number in this line changes with the number of rows: {}", constant.what);
            self.batch = Proof::Refuted;
            self.findings.push(
                Finding::new(FindingKind::BatchLeak, constant.span, message)
                    .hint("let nothing that reaches the output depend on B")
                    .witness(finding::Witness {
                        shape: [place(rows), place(time)],
                        output: [0; 3],
                        input: None,
                        other: Some([place(ROWS), place(time)]),
                    }),
            );
        }
    }

    /// Make sure that the choices made at a shape are those of an analysed one.
    fn cover(&mut self, shape: [usize; 2], traced: &Traced) {
        let wanted = choices(&traced.graph, &traced.path);
        if self.analysed.iter().any(|(_, made)| *made == wanted) {
            return;
        }
        let [rows, time] = shape;
        let mut tried: Vec<[usize; 2]> = Vec::new();
        for length in [time, time / 2, time / 4].into_iter().filter(|l| *l > LENGTHS[1]) {
            for rows in [ROWS, rows] {
                let shape = [rows, length];
                if tried.contains(&shape) {
                    continue;
                }
                tried.push(shape);
                let Some(traced) = trace_at(self.source, self.config, rows, length).traced else { continue };
                if work(&traced.graph) <= WORK && choices(&traced.graph, &traced.path) == wanted {
                    self.analyse(shape, &traced);
                    return;
                }
            }
        }
        // No analysed shape takes the whole way; each single choice may still have been taken somewhere.
        let open = wanted.iter().find(|d| !self.analysed.iter().any(|(_, made)| made.contains(d)));
        let Some(open) = open else { return };
        let lengths: Vec<String> = self.analysed.iter().map(|([b, t], _)| format!("B={b}, T={t}")).collect();
        let message = format!(
            "at B={rows}, T={time} {} than at the shapes that were analysed ({}), and an analysis there is too large",
            sided(open),
            lengths.join("; ")
        );
        self.unproved(
            Finding::new(FindingKind::Unproved, open.span, message)
                .hint("do not branch on T or B, or make the bound an argument that a short sequence can pass"),
        );
    }

    fn analyse(&mut self, shape: [usize; 2], traced: &Traced) {
        let made = choices(&traced.graph, &traced.path);
        self.analysed.push((shape, made));
        let [rows, length] = shape;
        // Any two rows differ in a bit of their numbers.
        let bits = usize::BITS - (rows - 1).leading_zeros();
        for bit in 0..bits.max(1) {
            match taint::analyse_split(&traced.graph, &|row| row >> bit & 1) {
                Ok(found) => {
                    judge(&mut self.causality, &mut self.findings, found.causality, |w| future(w, shape));
                    judge(&mut self.batch, &mut self.findings, found.batch_independence, |w| coupled(w, shape));
                }
                Err(error) => self.unproved(Finding::new(
                    FindingKind::Unproved,
                    Span::default(),
                    format!("nothing is proved of dependencies at T={length}, since the analysis failed to {error}"),
                )),
            }
        }
    }

    fn unproved(&mut self, finding: Finding) {
        self.causality = weaker(self.causality, Proof::Unproved);
        self.batch = weaker(self.batch, Proof::Unproved);
        self.findings.push(finding);
    }
}

fn sided(decision: &Decision) -> &'static str {
    match decision.choice {
        Choice::Test => "the condition in this line goes another way",
        Choice::Slice => "the slice in this line ends elsewhere",
        Choice::Rounds => "the loop in this line runs otherwise",
        Choice::Mask => "the mask in this line lies otherwise",
    }
}

/// The size of the chunks that time is cut into, as far as reshapes and ranges tell; the largest of several.
pub(super) fn chunk(traced: &Traced, time: usize) -> Option<usize> {
    let graph = &traced.graph;
    let mut sizes: BTreeSet<usize> = traced.path.strides.iter().copied().collect();
    for node in graph.nodes().iter().filter(|n| n.op == Op::Reshape) {
        let from = graph.shape(node.inputs[0]);
        let first = from.iter().zip(&node.shape).take_while(|(a, b)| a == b).count();
        // Time is the axis of that length; where it was padded, one that is longer and not the first.
        let is_time = |n: usize| if from.contains(&time) { n == time } else { n > time && first > 0 };
        if let (Some(&whole), [.., _], Some(&[count, size])) =
            (from.get(first), from, node.shape.get(first..first + 2).and_then(|s| s.first_chunk::<2>()))
            && is_time(whole)
            && count * size == whole
            && size != time
        {
            sizes.insert(size);
        }
    }
    sizes.into_iter().filter(|&c| c > 1 && c <= 4096).max()
}

/// Elements, and terms of products of which neither factor is a plain parameter.
pub(super) fn work(graph: &Graph) -> u64 {
    let live = graph.reachable(&graph.outputs);
    let mut plain = vec![false; live.len()];
    let mut sum = 0u64;
    for (i, node) in graph.nodes().iter().enumerate() {
        plain[i] = match node.op {
            Op::Param(p) => graph.params[p as usize].kind == ParamKind::Trained,
            _ => !node.inputs.is_empty() && node.inputs.iter().all(|n| plain[n.index()]),
        };
        if !live[i] || plain[i] {
            continue;
        }
        let n = node.elements() as u64;
        let side = |k: usize| graph.shape(node.inputs[k]).last().copied().unwrap_or(1) as u64;
        let terms = match node.op {
            Op::Matmul if !node.inputs.iter().any(|n| plain[n.index()]) => n.saturating_mul(side(0)),
            Op::CircularConv => n.saturating_mul(side(0)),
            _ => n,
        };
        sum = sum.saturating_add(terms);
    }
    sum
}

fn judge(proof: &mut Proof, findings: &mut Vec<Finding>, verdict: Verdict, leak: impl Fn(&Witness) -> Finding) {
    match verdict {
        Verdict::Proved => {}
        Verdict::Unproved { why, line } => {
            *proof = weaker(*proof, Proof::Unproved);
            findings.push(
                Finding::new(FindingKind::Unproved, Span { line, column: 1 }, why)
                    .hint("choose by position or by mask, not by values over time"),
            );
        }
        Verdict::Refuted(witness) => {
            *proof = Proof::Refuted;
            findings.push(leak(&witness));
        }
    }
}

fn weaker(a: Proof, b: Proof) -> Proof {
    match (a, b) {
        (Proof::Refuted, _) | (_, Proof::Refuted) => Proof::Refuted,
        (Proof::Unproved, _) | (_, Proof::Unproved) => Proof::Unproved,
        _ => Proof::Proved,
    }
}

fn future(w: &Witness, shape: [usize; 2]) -> Finding {
    let message = format!(
        "the output at time {} depends on the input at time {} (T={})",
        w.output_time, w.depends_on_time, shape[1]
    );
    Finding::new(FindingKind::FutureLeak, w.span, message).witness(seen(w, shape)).hint(
        "let step t see steps up to t only: mask with tril, masked_fill(.., -inf) before softmax, pad convolutions on the left, \
         carry state from earlier chunks",
    )
}

fn coupled(w: &Witness, shape: [usize; 2]) -> Finding {
    let message = match shape[0] {
        ROWS => format!("the output of batch row {} depends on row {}", w.output_row, w.depends_on_row),
        rows => format!("the output of batch row {} depends on other rows (B={rows})", w.output_row),
    };
    Finding::new(FindingKind::BatchLeak, w.span, message)
        .witness(seen(w, shape))
        .hint("reduce over time or features, never over dimension 0")
}

fn seen(w: &Witness, shape: [usize; 2]) -> finding::Witness {
    let place = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
    finding::Witness {
        shape: shape.map(place),
        output: [w.output_row, w.output_time, w.output_channel].map(place),
        // Of more rows than two, groups are told apart and not single ones.
        input: (shape[0] <= ROWS).then(|| [w.depends_on_row, w.depends_on_time].map(place)),
        other: None,
    }
}
