//! Putting the parts together.

use super::novelty::novelty;
use super::report::{Bytes, FlopsAt, GateConfig, GateReport, Proof};
use crate::cost::{Cost, cost, growth};
use crate::finding::{self, Finding, FindingKind};
use crate::ir::{Graph, NodeId, Op, ParamKind, Span};
use crate::language::{Attempt, Dims, Options, Traced, attempt};
use crate::taint::{self, Verdict, Witness};

/// Lengths of the dependency analysis: more than two chunks of 32 and no multiple of it, and a short odd one.
const LENGTHS: [usize; 2] = [70, 5];
/// Tried when a layer accepts multiples of its chunk only.
const FALLBACKS: [usize; 3] = [96, 128, 256];

/// Check a text.
pub fn check(source: &str, config: &GateConfig) -> GateReport {
    let mut report = GateReport::default();
    let first = trace_at(source, config, 1, config.dims.time);
    report.class.clone_from(&first.class);
    let Some(traced) = first.traced else {
        if let Some(graph) = first.partial {
            partial(graph, config, &mut report);
        }
        report.add(first.findings, config);
        return report;
    };
    let mut findings = traced.hidden_state.clone();
    findings.extend(size(source, config, &traced, &mut report));
    findings.extend(dead(&traced.graph, &mut report));
    report.notes.clone_from(&traced.notes);
    findings.extend(novelty(&traced.graph, config, &mut report));
    findings.extend(dependencies(source, config, &mut report));
    report.add(findings, config);
    report
}

fn trace_at(source: &str, config: &GateConfig, batch: usize, time: usize) -> Attempt {
    let dims = Dims { batch, time, ..config.dims.clone() };
    attempt(source, &dims, &Options { class: config.class.clone(), limits: config.limits })
}

/// What is known of a refused program: its parameters once it could be constructed, and all that forward computed.
fn partial(mut graph: Graph, config: &GateConfig, report: &mut GateReport) {
    let mut varies = vec![false; graph.nodes().len()];
    let mut used = vec![false; graph.nodes().len()];
    for (i, node) in graph.nodes().iter().enumerate() {
        varies[i] = matches!(node.op, Op::Input(_)) || node.inputs.iter().any(|n| varies[n.index()]);
        node.inputs.iter().for_each(|n| used[n.index()] = true);
    }
    graph.outputs = (0..varies.len()).filter(|&i| varies[i] && !used[i]).map(|i| NodeId(i as u32)).collect();
    let own = cost(&graph);
    report.parameters = Some(own.parameters);
    report.bytes = Some(Bytes { activations: own.bytes, peak: own.peak_bytes, training: None });
    report.flops.push(FlopsAt { length: config.dims.time, flops: own.flops });
    report.lines = own.lines;
    // What is not whole is no duplicate of anything.
    novelty(&graph, config, report);
}

/// Cost at T/2, T, 2T and 4T, and what the policy says about it.
fn size(source: &str, config: &GateConfig, traced: &Traced, report: &mut GateReport) -> Vec<Finding> {
    let mut findings = Vec::new();
    let time = config.dims.time;
    let own = cost(&traced.graph);
    report.parameters = Some(own.parameters);
    report.bytes = Some(Bytes { activations: own.bytes, peak: own.peak_bytes, training: None });
    report.lines.clone_from(&own.lines);
    report.flops.push(FlopsAt { length: time, flops: own.flops });
    let mut measured: Vec<(usize, Cost)> = vec![(time, own.clone())];
    for length in [2 * time, 4 * time, (time / 2).max(1)] {
        match trace_at(source, config, 1, length) {
            Attempt { traced: Some(traced), .. } => {
                let cost = cost(&traced.graph);
                if length > time {
                    report.flops.push(FlopsAt { length, flops: cost.flops });
                }
                if cost.parameters != own.parameters {
                    let message = format!(
                        "the number of parameters depends on T ({} at {time}, {} at {length})",
                        own.parameters, cost.parameters
                    );
                    findings.push(Finding::new(FindingKind::LengthDependent, Span::default(), message));
                }
                measured.push((length, cost));
            }
            refused => findings.extend(refused.findings.into_iter().take(1).map(|f| at_length(f, length))),
        }
    }
    if let [(_, f1), (_, f2), (_, f4), (_, f0)] = &measured[..] {
        let flops = growth(time, [f0, f1, f2, f4].map(|c| c.flops));
        let memory = growth(time, [f0, f1, f2, f4].map(|c| c.bytes));
        (report.complexity, report.memory) = (Some(flops), Some(memory));
        for (what, grown) in [("FLOPs grow", flops), ("activation memory grows", memory)] {
            if grown.class > config.max_complexity {
                let span = dearest(f1, f4);
                let message = format!(
                    "{what} with T as {}; the policy allows {}",
                    grown.to_string().replacen(": ", " (", 1) + ")",
                    config.max_complexity
                );
                findings.push(
                    Finding::new(FindingKind::Complexity, span, message)
                        .hint("use a chunkwise or recurrent form whose windows do not grow with T"),
                );
                break;
            }
        }
    }
    let budgets = [
        ("parameters", own.parameters, config.max_parameters),
        ("FLOPs", own.flops, config.max_flops),
        ("activation bytes", own.bytes, config.max_bytes),
    ];
    for (what, used, allowed) in budgets {
        if let Some(allowed) = allowed
            && used > allowed
        {
            let line = own.lines.first().map_or(0, |l| l.line);
            let message = format!("{used} {what}, the budget is {allowed}");
            findings.push(
                Finding::new(FindingKind::OverBudget, Span { line, column: 1 }, message)
                    .hint("make projections or branches smaller"),
            );
        }
    }
    findings
}

/// The line whose cost grows most between two lengths.
fn dearest(short: &Cost, long: &Cost) -> Span {
    let at = |cost: &Cost, line: u32| cost.lines.iter().find(|l| l.line == line).map_or(0, |l| l.flops + l.bytes);
    let line = long.lines.iter().max_by_key(|l| at(long, l.line).saturating_sub(4 * at(short, l.line)));
    Span { line: line.map_or(0, |l| l.line), column: 1 }
}

fn at_length(mut finding: Finding, length: usize) -> Finding {
    finding.message = format!("at T={length}: {}", finding.message);
    finding
}

/// Trained parameters that no output depends on.
fn dead(graph: &Graph, report: &mut GateReport) -> Vec<Finding> {
    let live = graph.reachable(&graph.outputs);
    let mut used = vec![false; graph.params.len()];
    for (node, live) in graph.nodes().iter().zip(&live) {
        if let (Op::Param(i), true) = (&node.op, live) {
            used[*i as usize] = true;
        }
    }
    let mut findings = Vec::new();
    for (param, used) in graph.params.iter().zip(used) {
        if param.kind == ParamKind::Trained && !used {
            report.dead_parameters.push(param.name.clone());
            let message = format!("no output depends on the parameter '{}'", param.name);
            findings.push(
                Finding::new(FindingKind::DeadParameter, param.span, message).hint("use it in forward or remove it"),
            );
        }
    }
    findings
}

/// Causality and batch independence at several lengths: proved where proved at all of them.
fn dependencies(source: &str, config: &GateConfig, report: &mut GateReport) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut causality, mut batch) = (Proof::Proved, Proof::Proved);
    for length in LENGTHS {
        let traced = trace_at(source, config, 2, length);
        let graph = match traced.traced {
            Some(traced) => Some((traced.graph, length)),
            None => {
                let why = traced.findings.first().map_or_else(String::new, |f| f.to_string());
                let message = format!(
                    "the layer cannot be traced at T={length}, so nothing is proved about lengths that are no multiple of its chunk: {why}"
                );
                let line = traced.findings.first().map_or(0, |f| f.line);
                findings.push(
                    Finding::new(FindingKind::Unproved, Span { line, column: 1 }, message)
                        .hint("pad to a multiple of the chunk with F.pad and cut the result back to T"),
                );
                (causality, batch) = (Proof::Unproved, Proof::Unproved);
                FALLBACKS
                    .into_iter()
                    .filter(|_| length == LENGTHS[0])
                    .find_map(|l| trace_at(source, config, 2, l).traced.map(|t| (t.graph, l)))
            }
        };
        let Some((graph, length)) = graph else { continue };
        report.analysed.push([2, length]);
        match taint::analyse(&graph) {
            Ok(found) => {
                judge(&mut causality, &mut findings, found.causality, |w| future(w, length));
                judge(&mut batch, &mut findings, found.batch_independence, |w| coupled(w, length));
            }
            Err(error) => {
                (causality, batch) = (weaker(causality, Proof::Unproved), weaker(batch, Proof::Unproved));
                findings.push(Finding::new(
                    FindingKind::Unproved,
                    Span::default(),
                    format!("nothing is proved of dependencies, since the analysis failed to {error}"),
                ));
            }
        }
    }
    report.causality = causality;
    report.batch_independence = batch;
    // The same leak shows at several lengths; its line is told once.
    let mut seen = Vec::new();
    findings.retain(|f| {
        let key = (f.kind, f.line);
        let new = !seen.contains(&key);
        seen.push(key);
        new
    });
    findings
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

fn future(w: &Witness, length: usize) -> Finding {
    let message =
        format!("the output at time {} depends on the input at time {} (T={length})", w.output_time, w.depends_on_time);
    Finding::new(FindingKind::FutureLeak, w.span, message).witness(seen(w, length)).hint(
        "let step t see steps up to t only: mask with tril, masked_fill(.., -inf) before softmax, pad convolutions on the left, \
         carry state from earlier chunks",
    )
}

fn coupled(w: &Witness, length: usize) -> Finding {
    let message = format!("the output of batch row {} depends on row {}", w.output_row, w.depends_on_row);
    Finding::new(FindingKind::BatchLeak, w.span, message)
        .witness(seen(w, length))
        .hint("reduce over time or features, never over dimension 0")
}

fn seen(w: &Witness, length: usize) -> finding::Witness {
    let place = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
    finding::Witness {
        shape: [2, place(length)],
        output: [w.output_row, w.output_time, w.output_channel].map(place),
        input: Some([w.depends_on_row, w.depends_on_time].map(place)),
        other: None,
    }
}
