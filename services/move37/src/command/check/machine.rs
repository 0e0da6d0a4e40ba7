//! A report as JSON.

use std::path::Path;

use move37_candidate::gate::GateReport;
use serde_json::{Value, json};

use super::explain::functions;
use super::prompt::{excerpt, prompt};

/// The report, its findings with the line of the text that each names, and a text for a prompt.
pub fn object(file: &Path, source: &str, report: &GateReport) -> Value {
    let mut value = json!(report);
    value["file"] = json!(file);
    value["growth"] = json!({ "flops": report.complexity, "memory": report.memory });
    value["complexity"] = json!(report.complexity.map(|growth| growth.class.to_string()));
    value["memory"] = json!(report.memory.map(|growth| growth.class.to_string()));
    for (told, finding) in value["findings"].as_array_mut().into_iter().flatten().zip(&report.findings) {
        told["excerpt"] = json!(excerpt(source, finding.line));
    }
    value["functions"] = json!(functions(source, report));
    value["prompt"] = json!(prompt(source, report));
    value
}
