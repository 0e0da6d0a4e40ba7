//! The whole gate: what can be proved of a candidate's text, and what only running it shows.

use move37_candidate::cost::cost;
use move37_candidate::finding::{Finding, FindingKind};
use move37_candidate::gate::{self, GateConfig, GateReport, Proof, varied};
use move37_candidate::ir::{DType, Graph, NodeId, Op, ParamKind, Span};
use move37_candidate::language::{Dims, Options, trace};

use crate::probe::{Probe, ProbeFinding, ProbeKind, probe};
use crate::{Error, gradients};

/// (length, shorter length) at which a program is run: no multiples of a chunk, else, for layers that accept nothing
/// else, multiples.
const LENGTHS: [(usize, usize); 2] = [(70, 37), (128, 64)];
/// Rows of the batch.
const BATCH: usize = 2;
/// Seed of the parameters and data of the run; any other serves as well.
const SEED: u64 = 37;

/// Check a text with [`gate::check`], then run it once at a small size and add what that shows. A text that cannot be
/// traced is not run; a leak that is refuted statically is not told twice.
pub fn prove(source: &str, config: &GateConfig) -> GateReport {
    let mut report = gate::check(source, config);
    if report.graph_hash.is_none() {
        return report;
    }
    if let (Some(bytes), Some(graph)) = (&mut report.bytes, graph(source, config, &report.class, 1, config.dims.time)) {
        bytes.training = training_peak(graph);
    }
    let graphs = LENGTHS.into_iter().find_map(|(long, short)| {
        let at = |time| graph(source, config, &report.class, BATCH, time);
        Some((at(long)?, at(short)))
    });
    let Some((graph, shorter)) = graphs else { return report };
    let findings = match probe(&graph, shorter.as_ref(), SEED) {
        Ok(Probe { findings, .. }) => {
            let found = findings.into_iter().filter_map(|f| told(f, &mut report));
            found.map(|f| placed(f, &graph, shorter.as_ref())).collect()
        }
        Err(error) => {
            let span = Span { line: error.line().unwrap_or(0), column: 1 };
            let kind = if matches!(error, Error::Large { .. }) { FindingKind::Unproved } else { FindingKind::Type };
            vec![Finding::new(kind, span, format!("running the layer failed to {error}"))]
        }
    };
    report.add(findings, config);
    report
}

fn graph(source: &str, config: &GateConfig, class: &Option<String>, batch: usize, time: usize) -> Option<Graph> {
    let dims = Dims { batch, time, ..config.dims.clone() };
    let options = Options { class: class.clone(), limits: config.limits };
    trace(source, &dims, &options).ok().map(|traced| traced.graph)
}

/// Most bytes alive at once while one sequence goes forward and its gradients back, as the executor frees them.
fn training_peak(mut graph: Graph) -> Option<u64> {
    let output = *graph.outputs.first()?;
    let live = graph.reachable(&[output]);
    let trained: Vec<NodeId> = (0..live.len())
        .filter(|&i| match graph.nodes()[i].op {
            Op::Param(p) => live[i] && graph.params[p as usize].kind == ParamKind::Trained,
            _ => false,
        })
        .map(|i| u32::try_from(i).map(NodeId))
        .collect::<Result<_, _>>()
        .ok()?;
    let shape = graph.shape(output).to_vec();
    let cotangent = graph.input("cotangent", &shape, DType::F32).ok()?;
    let found = gradients(&mut graph, output, cotangent, &trained).ok()?;
    graph.outputs = [output].into_iter().chain(found.into_iter().flatten()).collect();
    Some(cost(&graph).peak_bytes)
}

/// The line of a finding about length: of the number that changes with T, where there is one.
fn placed(finding: Finding, graph: &Graph, shorter: Option<&Graph>) -> Finding {
    let (FindingKind::LengthDependent, Some(shorter)) = (finding.kind, shorter) else { return finding };
    let mut finding = finding;
    if let Some(constant) = varied(graph, shorter) {
        (finding.line, finding.column) = (constant.span.line, constant.span.column);
        finding.message = format!("{}: a number in this line changes with T ({})", finding.message, constant.what);
    }
    finding
}

/// The probe's finding as one of the gate's; a leak that was seen outweighs a proof.
fn told(seen: ProbeFinding, report: &mut GateReport) -> Option<Finding> {
    let (kind, proof) = match seen.kind {
        ProbeKind::NotFinite => (FindingKind::NonFinite, None),
        ProbeKind::NoGradient => (FindingKind::NoGradient, None),
        ProbeKind::Length => (FindingKind::LengthDependent, None),
        ProbeKind::Causality => (FindingKind::FutureLeak, Some(&mut report.causality)),
        ProbeKind::Batch => (FindingKind::BatchLeak, Some(&mut report.batch_independence)),
    };
    if let Some(proof) = proof {
        if *proof == Proof::Refuted {
            return None;
        }
        *proof = Proof::Refuted;
    }
    let span = Span { line: seen.line, column: u32::from(seen.line > 0) };
    Some(Finding::new(kind, span, seen.message).hint(hint(seen.kind)))
}

fn hint(kind: ProbeKind) -> &'static str {
    match kind {
        ProbeKind::NotFinite => {
            "add a small epsilon before division, log, sqrt and rsqrt, and keep arguments of exp at or below zero"
        }
        ProbeKind::NoGradient => {
            "do not put round, floor, sign, comparisons, argmax or detach between it and the output"
        }
        ProbeKind::Causality => "let step t see steps up to t only",
        ProbeKind::Batch => "reduce over time or features, never over dimension 0",
        ProbeKind::Length => {
            "do not divide by T or normalise over all of time; what step t computes must not depend on the end"
        }
    }
}
