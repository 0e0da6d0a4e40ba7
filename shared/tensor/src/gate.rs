//! The whole gate: what can be proved of a candidate's text, and what only running it shows.

use move37_candidate::finding::{Finding, FindingKind};
use move37_candidate::gate::{self, GateConfig, GateReport, Proof};
use move37_candidate::ir::{Graph, Span};
use move37_candidate::language::{Dims, Options, trace};

use crate::Error;
use crate::probe::{Probe, ProbeFinding, ProbeKind, probe};

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
    let graphs = LENGTHS.into_iter().find_map(|(long, short)| {
        let at = |time| graph(source, config, &report, time);
        Some((at(long)?, at(short)))
    });
    let Some((graph, shorter)) = graphs else { return report };
    let findings = match probe(&graph, shorter.as_ref(), SEED) {
        Ok(Probe { findings, .. }) => findings.into_iter().filter_map(|f| told(f, &mut report)).collect(),
        Err(error) => {
            let span = Span { line: error.line().unwrap_or(0), column: 1 };
            let kind = if matches!(error, Error::Large { .. }) { FindingKind::Unproved } else { FindingKind::Type };
            vec![Finding::new(kind, span, format!("running the layer failed to {error}"))]
        }
    };
    report.add(findings, config);
    report
}

fn graph(source: &str, config: &GateConfig, report: &GateReport, time: usize) -> Option<Graph> {
    let dims = Dims { batch: BATCH, time, ..config.dims.clone() };
    let options = Options { class: report.class.clone(), limits: config.limits };
    trace(source, &dims, &options).ok().map(|traced| traced.graph)
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
