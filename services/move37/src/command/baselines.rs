//! `baselines`: how well the given programs do, over their seeds.

use move37_core::CampaignId;

use crate::failure::{Answer, Failure};
use crate::journal::pick;
use crate::output;
use crate::place::Place;
use crate::view::Baselines;

/// Print a table of a campaign's seed programs: mean, interval, seeds, solved share and loss on each task
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  move37 run --experiments 0 --seeds 30\n  move37 baselines\n  \
    move37 baselines --json > values.json\n\n\
    A campaign of no experiments trains its seed programs alone: a store of baselines.")]
pub struct Arguments {
    /// The campaign; the newest if left out
    campaign: Option<CampaignId>,
    #[command(flatten)]
    place: Place,
    /// Print JSON, with every run's value
    #[arg(long)]
    pub json: bool,
}

pub async fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let view = pick(&arguments.place.read().await?, arguments.campaign.as_ref())?;
    let baselines = Baselines::of(&view);
    match arguments.json {
        true => output::json(&baselines.json()),
        false => baselines.lines().iter().for_each(output::line),
    }
    Ok(if baselines.is_empty() { Answer::No } else { Answer::Yes })
}
