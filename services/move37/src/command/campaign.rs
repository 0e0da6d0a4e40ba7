//! `campaign`: what campaigns there are and how one stands, and the operator's commands.

mod control;
mod show;

use move37_core::CampaignId;

use crate::config::Wish;
use crate::failure::{Answer, Failure};
use crate::place::Place;

pub use show::summary;

/// Start, pause, resume or stop a campaign, list them all, or show one
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  move37 campaign list\n  move37 campaign show\n  \
    move37 campaign pause campaign-1 --kafka localhost:9092")]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List every campaign, oldest first
    #[command(after_help = "Example:\n  move37 campaign list --json")]
    List(Common),
    /// Show a campaign's lanes, leaderboard, failures and ledger
    #[command(after_help = "Example:\n  move37 campaign show campaign-1")]
    Show {
        /// The campaign; the newest if left out
        campaign: Option<CampaignId>,
        #[command(flatten)]
        common: Common,
    },
    /// Start a campaign without following it; it goes on as soon as services do
    #[command(after_help = "Example:\n  move37 campaign start --experiments 100 --lanes 8 --kafka localhost:9092")]
    Start {
        #[command(flatten)]
        wish: Wish,
        #[command(flatten)]
        command: Command,
    },
    /// Pause a campaign: nothing new begins until it is resumed
    #[command(after_help = "Example:\n  move37 campaign pause campaign-1")]
    Pause {
        /// The campaign
        campaign: CampaignId,
        #[command(flatten)]
        command: Command,
    },
    /// Let a paused campaign go on
    #[command(after_help = "Example:\n  move37 campaign resume campaign-1")]
    Resume {
        /// The campaign
        campaign: CampaignId,
        #[command(flatten)]
        command: Command,
    },
    /// Stop a campaign for good; a `move37 run` that follows it ends by itself
    #[command(after_help = "Example:\n  move37 campaign stop campaign-1 --reason \"seen enough\"")]
    Stop {
        /// The campaign
        campaign: CampaignId,
        /// Why, for the record
        #[arg(long, default_value = "stopped by the operator")]
        reason: String,
        #[command(flatten)]
        command: Command,
    },
}

#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What every operator's command has.
#[derive(Debug, clap::Args)]
struct Command {
    /// Name of this command: the same name is carried out once, however often it is sent
    #[arg(long = "command-id", value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    id: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    /// Whether machines read the output.
    pub fn json(&self) -> bool {
        match &self.action {
            Action::List(common) | Action::Show { common, .. } => common.json,
            Action::Start { command, .. }
            | Action::Pause { command, .. }
            | Action::Resume { command, .. }
            | Action::Stop { command, .. } => command.common.json,
        }
    }
}

pub async fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    match &arguments.action {
        Action::List(common) => show::list(common).await,
        Action::Show { campaign, common } => show::show(campaign.as_ref(), common).await,
        Action::Start { wish, command } => control::start(wish, command).await,
        Action::Pause { campaign, command } => control::change(campaign, &control::Change::Pause, command).await,
        Action::Resume { campaign, command } => control::change(campaign, &control::Change::Resume, command).await,
        Action::Stop { campaign, reason, command } => {
            control::change(campaign, &control::Change::Stop(reason.clone()), command).await
        }
    }
}
