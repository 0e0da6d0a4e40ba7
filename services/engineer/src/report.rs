//! The gate's answer in the words of the contract.

use move37_candidate::cost;
use move37_candidate::cost::ComplexityClass;
use move37_candidate::finding;
use move37_candidate::gate;
use move37_events::facts::{
    Complexity, Cost, Finding, GateReport, Growth, Memory, Nearest, Proof, RecurrentState, Witness,
};

/// A report as the contract states it. Cost grows as FLOPs or as activation memory do, whichever is steeper.
pub fn of(report: gate::GateReport) -> GateReport {
    let steepest = [report.complexity, report.memory].into_iter().flatten().map(|growth| growth.class).max();
    let memory = |bytes: gate::Bytes| Memory {
        activations: bytes.activations,
        forward_peak: bytes.peak,
        training_peak: bytes.training,
        growth: report.memory.map(growth),
    };
    let nearest = |near: &gate::Nearest| Some(Nearest { graph_hash: near.hash.parse().ok()?, distance: near.distance });
    let cost = |at: &gate::FlopsAt| Cost { length: length(at.length), flops: at.flops as f64 };
    GateReport {
        admitted: report.admitted,
        class: report.class,
        parameters: report.parameters,
        flops: report.flops.iter().map(cost).collect(),
        complexity: steepest.and_then(complexity),
        growth: report.complexity.map(growth),
        memory: report.bytes.map(memory),
        state: report.state.map(|state| RecurrentState { bytes: state.bytes, bytes_per_step: state.bytes_per_step }),
        causality: proof(report.causality),
        batch_independence: proof(report.batch_independence),
        graph_hash: report.graph_hash.as_deref().and_then(|hash| hash.parse().ok()),
        sketch: report.sketch.map(|sketch| sketch.to_string()),
        nearest: report.nearest.as_ref().and_then(nearest),
        findings: report.findings.into_iter().map(said).collect(),
    }
}

/// A report of nothing but the reason why there is none.
pub fn refusal(kind: &str, message: String) -> GateReport {
    let finding = Finding { kind: kind.to_owned(), line: 0, column: 0, message, hint: String::new(), witness: None };
    GateReport { findings: vec![finding], ..GateReport::default() }
}

fn said(finding: finding::Finding) -> Finding {
    let finding::Finding { kind, line, column, message, hint, witness } = finding;
    let witness =
        witness.map(|finding::Witness { shape, output, input, other }| Witness { shape, output, input, other });
    Finding { kind: kind.to_string(), line, column, message, hint, witness }
}

fn growth(growth: cost::Growth) -> Growth {
    let cost::Growth { class: _, constant, linear, linearithmic, quadratic } = growth;
    Growth { constant, linear, linearithmic, quadratic }
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
