//! What the gate must answer, whatever it is asked.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use move37_candidate::gate::{GateConfig, GateReport};
use move37_candidate::language::Dims;

/// The gate's behaviour on one text.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// What is wrong with it; none for a sound answer.
    pub fault: Option<String>,
    /// Whether the text was admitted.
    pub admitted: bool,
    /// Wall time.
    pub took: Duration,
}

/// Ask the whole gate, execution included, at a small size.
pub fn judge(text: &str) -> Judgement {
    let begun = Instant::now();
    let answer = catch_unwind(AssertUnwindSafe(|| move37_tensor::gate::prove(text, &config())));
    let took = begun.elapsed();
    match answer {
        Ok(report) => Judgement { fault: unsound(text, &report), admitted: report.admitted, took },
        Err(_) => Judgement { fault: Some("the gate panicked".to_owned()), admitted: false, took },
    }
}

fn config() -> GateConfig {
    GateConfig::new(Dims { batch: 1, time: 64, d_model: 16, num_heads: 2, args: Default::default() })
}

fn unsound(text: &str, report: &GateReport) -> Option<String> {
    let lines = text.lines().count().max(1) + 1;
    for finding in &report.findings {
        if finding.message.contains("defect of move37") {
            return Some(finding.message.clone());
        }
        if finding.line as usize > lines {
            return Some(format!("a finding names line {} of {lines}: {}", finding.line, finding.message));
        }
        if finding.message.chars().count() > 700 {
            return Some(format!("a finding of {} characters", finding.message.len()));
        }
    }
    if let Some(note) = report.notes.iter().find(|note| note.text.chars().count() > 700) {
        return Some(format!("a note of {} characters", note.text.len()));
    }
    let silent = !report.admitted && report.findings.is_empty();
    silent.then(|| "refused without a finding".to_owned())
}
