//! The gate's answer in the words of the contract.

use move37_candidate::cost::ComplexityClass;
use move37_candidate::finding;
use move37_candidate::gate;
use move37_events::facts::{Complexity, Cost, Finding, GateReport, Proof};

/// A report as the contract states it. Cost grows as FLOPs or as activation memory do, whichever is steeper.
pub fn of(report: gate::GateReport) -> GateReport {
    let growth = [report.complexity, report.memory].into_iter().flatten().map(|growth| growth.class).max();
    let cost = |at: &gate::FlopsAt| Cost { length: length(at.length), flops: at.flops as f64 };
    GateReport {
        admitted: report.admitted,
        class: report.class,
        parameters: report.parameters,
        flops: report.flops.iter().map(cost).collect(),
        complexity: growth.and_then(complexity),
        causality: proof(report.causality),
        batch_independence: proof(report.batch_independence),
        graph_hash: report.graph_hash.as_deref().and_then(|hash| hash.parse().ok()),
        findings: report.findings.into_iter().map(said).collect(),
    }
}

/// A report of nothing but the reason why there is none.
pub fn refusal(kind: &str, message: String) -> GateReport {
    let finding = Finding { kind: kind.to_owned(), line: 0, message, hint: String::new() };
    GateReport { findings: vec![finding], ..GateReport::default() }
}

fn said(finding: finding::Finding) -> Finding {
    let finding::Finding { kind, line, column: _, message, hint } = finding;
    Finding { kind: kind.to_string(), line, message, hint }
}

/// None for what is steeper than any class of the contract; the rules admit it as they admit the unmeasured.
fn complexity(class: ComplexityClass) -> Option<Complexity> {
    match class {
        ComplexityClass::Linear => Some(Complexity::Linear),
        ComplexityClass::Linearithmic => Some(Complexity::LogLinear),
        ComplexityClass::Quadratic => Some(Complexity::Quadratic),
        ComplexityClass::Higher => None,
    }
}

fn proof(proof: gate::Proof) -> Proof {
    match proof {
        gate::Proof::Proved => Proof::Proved,
        gate::Proof::Unproved => Proof::Unproved,
        gate::Proof::Refuted => Proof::Refuted,
    }
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
