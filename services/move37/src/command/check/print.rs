//! A report for people.

use std::path::Path;

use move37_candidate::cost::Growth;
use move37_candidate::finding::Finding;
use move37_candidate::gate::{GateReport, StateGrowth};

use super::proof;
use crate::output;
use crate::view::{bytes, count, flops};

/// Size, growth, proofs and findings.
pub fn print(file: &Path, report: &GateReport) {
    let class = report.class.as_deref().unwrap_or("no layer found");
    output::line(format!("{}: {} ({class})", file.display(), if report.admitted { "admitted" } else { "refused" }));
    if let Some(parameters) = report.parameters {
        output::line(format!("  parameters          {}", count(parameters)));
    }
    for at in &report.flops {
        output::line(format!("  FLOPs at T = {:<6} {}", at.length, flops(at.flops as f64)));
    }
    if let Some(growth) = &report.complexity {
        output::line(format!("  growth with T       {}: {}", growth.class, terms(growth, &flops)));
    }
    if let Some(memory) = &report.bytes {
        let training = memory.training.map(|most| format!(", {} at most in training", bytes(most as f64)));
        output::line(format!(
            "  activations         {}, {} at most in forward{}",
            bytes(memory.activations as f64),
            bytes(memory.peak as f64),
            training.unwrap_or_default()
        ));
    }
    if let Some(growth) = &report.memory {
        output::line(format!("  activations, by T   {}: {}", growth.class, terms(growth, &bytes)));
    }
    if let Some(state) = &report.state {
        let grows = match state.growth {
            StateGrowth::Constant => "of constant size".to_owned(),
            StateGrowth::Linear => format!("{} more for every step", bytes(state.bytes_per_step)),
        };
        output::line(format!("  recurrent state     {}, {grows}", bytes(state.bytes as f64)));
    }
    if report.parameters.is_some() {
        output::line(format!("  causality           {}", proof(report.causality)));
        output::line(format!("  batch independence  {}", proof(report.batch_independence)));
    }
    if let Some(hash) = &report.graph_hash {
        output::line(format!("  graph               {hash}"));
    }
    for note in &report.notes {
        output::line(format!("  note: line {}: {}", note.line, note.text));
    }
    findings(&report.findings);
}

/// A growth's formula, without terms that are nothing beside the others at T = 1024.
fn terms(growth: &Growth, unit: &dyn Fn(f64) -> String) -> String {
    let t = 1024f64;
    let parts = [
        (growth.quadratic, t * t, " T^2"),
        (growth.linearithmic, t * t.log2(), " T log2 T"),
        (growth.linear, t, " T"),
        (growth.constant, 1.0, ""),
    ];
    let most = parts.iter().fold(0f64, |most, (c, size, _)| most.max((c * size).abs()));
    let mut text = String::new();
    for (coefficient, size, name) in parts {
        if (coefficient * size).abs() <= 1e-3 * most {
            continue;
        }
        let sign = match (text.is_empty(), coefficient < 0.0) {
            (true, false) => "",
            (true, true) => "-",
            (false, false) => " + ",
            (false, true) => " - ",
        };
        text += &format!("{sign}{}{name}", unit(coefficient.abs()));
    }
    text
}

/// Each finding with its line and hint.
pub fn findings(findings: &[Finding]) {
    for finding in findings {
        output::line(format!("  {}, line {}: {}", finding.kind, finding.line, finding.message));
        if !finding.hint.is_empty() {
            output::line(format!("      hint: {}", finding.hint));
        }
    }
}
