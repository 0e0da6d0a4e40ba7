//! `language`: what a candidate may be written in.

use serde_json::json;

use crate::failure::{Answer, Failure};
use crate::output;

/// Print the candidate language on one page, for people and for prompts
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  move37 language > language.md\n  move37 language --findings")]
pub struct Arguments {
    /// What the gate can find instead, with meaning and remedy
    #[arg(long)]
    findings: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let page = match arguments.findings {
        true => move37_candidate::finding::page(),
        false => move37_candidate::language::reference(),
    };
    match arguments.json {
        true => output::json(&json!({ "page": page })),
        false => output::line(page.trim_end()),
    }
    Ok(Answer::Yes)
}
