//! `check`: the gate on one candidate.

use std::path::PathBuf;

use move37_candidate::cost::ComplexityClass;
use move37_candidate::finding::Finding;
use move37_candidate::gate::{GateConfig, GateReport, Proof};
use move37_candidate::language::Dims;
use move37_training::profile::LAPTOP;
use serde_json::{Value, json};

use super::layer::Layer;
use crate::failure::{Answer, Failure};
use crate::output;
use crate::seeds;
use crate::view::{count, flops};

/// Sequence length unless told otherwise. In shorter ones filling up a chunk looks like growth.
pub const LENGTH: usize = 64;

/// Check one candidate without training it; exit code 1 if it is refused
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  move37 check mixer.py\n  move37 check mixer.py --arg chunk_size=32 --length 256 --json"
)]
pub struct Arguments {
    /// The candidate: a PyTorch file with one nn.Module, forward(x: [B, T, D]) -> [B, T, D]
    #[arg(value_name = "FILE.py")]
    file: PathBuf,
    #[command(flatten)]
    layer: Layer,
    /// Sequence length T; cost is measured at T, 2T and 4T
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..=65536))]
    length: Option<u32>,
    /// Width D
    #[arg(long, value_name = "D", value_parser = clap::value_parser!(u32).range(1..=65536))]
    d_model: Option<u32>,
    /// Heads, given to constructors that ask for them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    heads: Option<u32>,
    /// Steepest growth of cost with length that is admitted
    #[arg(long, value_enum, default_value_t = Growth::Linearithmic)]
    max_complexity: Growth,
    /// Admit what can be neither proved nor refuted
    #[arg(long)]
    admit_unproved: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Growth {
    /// O(n).
    #[value(name = "n")]
    Linear,
    /// O(n log n).
    #[value(name = "n-log-n")]
    Linearithmic,
    /// O(n^2).
    #[value(name = "n^2")]
    Quadratic,
}

impl From<Growth> for ComplexityClass {
    fn from(growth: Growth) -> ComplexityClass {
        match growth {
            Growth::Linear => ComplexityClass::Linear,
            Growth::Linearithmic => ComplexityClass::Linearithmic,
            Growth::Quadratic => ComplexityClass::Quadratic,
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let source = seeds::read(&arguments.file)?;
    let report = move37_tensor::gate::prove(&source, &config(arguments));
    match arguments.json {
        true => output::json(&object(&report)),
        false => print(arguments, &report),
    }
    Ok(Answer::from_bool(report.admitted))
}

fn config(arguments: &Arguments) -> GateConfig {
    let sizes = LAPTOP;
    let mut config = GateConfig::new(Dims {
        batch: 1,
        time: size(arguments.length, LENGTH),
        d_model: size(arguments.d_model, sizes.dims.d_model),
        num_heads: size(arguments.heads, sizes.dims.heads),
        args: arguments.layer.arguments(),
    });
    config.class.clone_from(&arguments.layer.class);
    config.max_complexity = arguments.max_complexity.into();
    config.admit_unproved = arguments.admit_unproved;
    config
}

fn size(given: Option<u32>, default: usize) -> usize {
    given.map_or(default, |given| given as usize)
}

/// The documented fields first; then everything else that the gate found.
fn object(report: &GateReport) -> Value {
    let mut value = json!(report);
    value["growth"] = json!({ "flops": report.complexity, "memory": report.memory });
    value["complexity"] = json!(report.complexity.map(|growth| growth.class.to_string()));
    value["memory"] = json!(report.memory.map(|growth| growth.class.to_string()));
    value
}

fn print(arguments: &Arguments, report: &GateReport) {
    let file = arguments.file.display();
    let class = report.class.as_deref().unwrap_or("no layer found");
    output::line(format!("{file}: {} ({class})", if report.admitted { "admitted" } else { "refused" }));
    if let Some(parameters) = report.parameters {
        output::line(format!("  parameters          {}", count(parameters)));
    }
    for at in &report.flops {
        output::line(format!("  FLOPs at T = {:<6} {}", at.length, flops(at.flops as f64)));
    }
    if let Some(growth) = report.complexity {
        output::line(format!("  growth with T       {}", growth.class));
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
    print_findings(&report.findings);
}

/// Each finding with its line and hint.
pub fn print_findings(findings: &[Finding]) {
    for finding in findings {
        output::line(format!("  {}, line {}: {}", finding.kind, finding.line, finding.message));
        if !finding.hint.is_empty() {
            output::line(format!("      hint: {}", finding.hint));
        }
    }
}

fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::Proved => "proved",
        Proof::Unproved => "unproved",
        Proof::Refuted => "refuted",
    }
}
