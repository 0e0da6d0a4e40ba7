//! `check`: the gate on candidates. [`print`] shows a report to people, [`explain`] where its costs arise, [`table`] many
//! at a glance, [`machine`] is for programs and [`prompt`] for language models that mend their own text.

mod explain;
mod machine;
mod print;
mod prompt;
mod table;

use std::path::PathBuf;

use move37_candidate::cost::ComplexityClass;
use move37_candidate::gate::{GateConfig, Proof};
use move37_candidate::language::Dims;
use move37_training::profile::LAPTOP;

use super::layer::Layer;
use crate::failure::{Answer, Failure};
use crate::output;
use crate::seeds;

pub use print::findings as print_findings;

/// Sequence length unless told otherwise. In shorter ones filling up a chunk looks like growth.
pub const LENGTH: usize = 64;

/// Check candidates without training them; exit code 1 if one is refused
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  move37 check mixer.py\n  move37 check mixer.py --arg chunk_size=32 --length 256 --json\n  \
    move37 check --explain mixer.py\n  move37 check --table candidates/*.py"
)]
pub struct Arguments {
    /// The candidates: PyTorch files, each with one nn.Module, forward(x: [B, T, D]) -> [B, T, D]
    #[arg(value_name = "FILE.py", required = true)]
    files: Vec<PathBuf>,
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
    /// Show where FLOPs, memory and parameters arise, by function and by line
    #[arg(long)]
    explain: bool,
    /// Print a line for each file
    #[arg(long, conflicts_with = "explain")]
    table: bool,
    /// Print one JSON object for each file, a line each; its `prompt` is for language models
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
    /// Whatever it is.
    #[value(name = "any")]
    Any,
}

impl From<Growth> for ComplexityClass {
    fn from(growth: Growth) -> ComplexityClass {
        match growth {
            Growth::Linear => ComplexityClass::Linear,
            Growth::Linearithmic => ComplexityClass::Linearithmic,
            Growth::Quadratic => ComplexityClass::Quadratic,
            Growth::Any => ComplexityClass::Higher,
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let config = config(arguments);
    let mut admitted = true;
    let mut table = table::Table::new(&arguments.files);
    if arguments.table && !arguments.json {
        output::line(table.head());
    }
    for file in &arguments.files {
        let source = seeds::read(file)?;
        let report = move37_tensor::gate::prove(&source, &config);
        admitted &= report.admitted;
        match (arguments.json, arguments.table) {
            (true, _) => output::json(&machine::object(file, &source, &report)),
            (false, true) => output::line(table.row(file, &report)),
            (false, false) => {
                print::print(file, &report);
                if arguments.explain {
                    explain::lines(&source, &report).iter().for_each(output::line);
                }
            }
        }
    }
    if arguments.table && !arguments.json {
        output::line(table.sum());
    }
    Ok(Answer::from_bool(admitted))
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

/// A proof in one word.
fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::Proved => "proved",
        Proof::Unproved => "unproved",
        Proof::Refuted => "refuted",
    }
}

#[cfg(test)]
mod tests;
