//! Findings as a text that a language model mends its own program by.

use std::fmt::Write;

use move37_candidate::finding::{Finding, Witness};
use move37_candidate::gate::GateReport;

use super::proof;
use crate::view::{count, flops};

/// Longer lines are cut.
const WIDTH: usize = 160;

/// The line of the text that a finding names, without its indentation; empty where it names none.
pub fn excerpt(source: &str, line: u32) -> String {
    let text = (line as usize).checked_sub(1).and_then(|line| source.lines().nth(line)).unwrap_or_default().trim();
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}

/// All there is to mend, and what is known of the layer. Compact, since prompts cost.
pub fn prompt(source: &str, report: &GateReport) -> String {
    let class = report.class.as_deref().unwrap_or("no layer was found");
    let mut text = String::new();
    let verdict = match (report.admitted, report.findings.len()) {
        (true, 0) => "The gate admits the layer".to_owned(),
        (true, n) => format!("The gate admits the layer with {n} remark(s)"),
        (false, n) => format!("The gate refuses the layer for {n} finding(s); mend each and change nothing else"),
    };
    let _ = writeln!(text, "{verdict} ({class}).");
    for (finding, number) in report.findings.iter().zip(1..) {
        one(&mut text, number, finding, source);
    }
    if let (Some(parameters), Some(at)) = (report.parameters, report.flops.first()) {
        let growth = report.complexity.map(|g| format!(", {}", g.class)).unwrap_or_default();
        let _ = writeln!(
            text,
            "Measured: {} parameters, {} at T={}{growth}; causality {}, batch independence {}.",
            count(parameters),
            flops(at.flops as f64),
            at.length,
            proof(report.causality),
            proof(report.batch_independence)
        );
    }
    text
}

fn one(text: &mut String, number: usize, finding: &Finding, source: &str) {
    let place = match finding.line {
        0 => String::new(),
        line => format!(", line {line}"),
    };
    let _ = writeln!(text, "{number}. {}{place}: {}", finding.kind, finding.message);
    let line = excerpt(source, finding.line);
    if !line.is_empty() {
        let _ = writeln!(text, "   {} | {line}", finding.line);
    }
    if let Some(witness) = &finding.witness {
        let _ = writeln!(text, "   seen: {}", seen(witness));
    }
    if !finding.hint.is_empty() {
        let _ = writeln!(text, "   mend: {}", finding.hint);
    }
}

fn seen(witness: &Witness) -> String {
    let Witness { shape: [rows, length], output: [b, t, d], .. } = witness;
    let mut seen = format!("with B={rows}, T={length}, output[{b}, {t}, {d}]");
    if let Some([b, t]) = witness.input {
        seen += &format!(" changes with input[{b}, {t}]");
    }
    if let Some([rows, length]) = witness.other {
        seen += &format!(" differs from that with B={rows}, T={length}");
    }
    seen
}
