//! `candidate`: a discovered layer, taken out of its campaign.

mod export;
mod load;

use std::path::PathBuf;

use move37_core::CampaignId;

use crate::failure::{Answer, Failure};
use crate::place::Place;

/// Take a discovered layer out of its campaign
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  move37 candidate export best --out best-layer")]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Write an experiment's layer as a folder: text, weights, configuration, model card, loader for PyTorch
    #[command(after_help = "Example:\n  move37 candidate export 7 --out layer-7\n  \
        move37 candidate export best --campaign campaign-1 --kafka localhost:9092\n\n\
        The folder holds layer.py, model.safetensors (layer I under the prefix layers.I.mixer.), config.json, README.md (the \
        model card) and load.py. Campaigns keep results, not weights: the run is trained again from its own fact, and its \
        result is held against the recorded one.")]
    Export(Export),
}

#[derive(Debug, clap::Args)]
pub struct Export {
    /// The experiment: its number, `best`, or `record` for the confirmed one
    #[arg(value_name = "EXPERIMENT")]
    experiment: String,
    /// The campaign; the newest if left out
    #[arg(long, value_name = "NAME")]
    campaign: Option<CampaignId>,
    /// The folder to write; made where there is none [default: the architecture's name]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The run whose weights are wanted, as the model card lists them; the first if left out
    #[arg(long, value_name = "RUN", conflicts_with = "no_weights")]
    run: Option<String>,
    /// Write no weights, and train nothing
    #[arg(long)]
    no_weights: bool,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Whether machines read the output.
    pub fn json(&self) -> bool {
        let Action::Export(export) = &self.action;
        export.json
    }
}

pub async fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let Action::Export(export) = &arguments.action;
    export::run(export).await
}
