//! `campaign`: what campaigns there are, how one stands, and stopping one.

use std::sync::Arc;

use move37_core::CampaignId;
use move37_eventlog::EventLog;
use move37_events::facts::{CampaignFact, CampaignStopped, CommandId};
use move37_runtime::SystemClock;
use serde_json::{Value, json};

use crate::failure::{Answer, Failure};
use crate::journal::{StateDir, campaigns, pick, read_all};
use crate::output;
use crate::view::{CampaignView, Experiment, Phase, count, number, one_line, report};

/// List campaigns, show one, or stop one
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  move37 campaign list\n  move37 campaign show\n  move37 campaign stop campaign-1")]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List every campaign of the state directory, oldest first
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
    /// Stop a campaign for good; a `move37 run` that works on it ends by itself
    #[command(after_help = "Example:\n  move37 campaign stop campaign-1 --reason \"seen enough\"")]
    Stop {
        /// The campaign
        campaign: CampaignId,
        /// Why, for the record
        #[arg(long, default_value = "stopped by the operator")]
        reason: String,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    state: StateDir,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Whether machines read the output.
    pub fn json(&self) -> bool {
        let (Action::List(common) | Action::Show { common, .. } | Action::Stop { common, .. }) = &self.action;
        common.json
    }
}

pub async fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    match &arguments.action {
        Action::List(common) => list(common).await,
        Action::Show { campaign, common } => show(campaign.as_ref(), common).await,
        Action::Stop { campaign, reason, common } => stop(campaign, reason, common).await,
    }
}

async fn list(common: &Common) -> Result<Answer, Failure> {
    let views = campaigns(&common.state.read().await?);
    if common.json {
        output::json(&views.iter().map(summary).collect());
        return Ok(Answer::Yes);
    }
    if views.is_empty() {
        output::line("no campaigns yet: start one with `move37 run`");
    }
    for view in &views {
        let best = view.best().map(|best| format!(", best {} with fitness {}", best.name, number(best.fitness)));
        output::line(format!(
            "{}  {}  {} of {} experiments, {} facts{}",
            view.id,
            view.phase().word(),
            view.done(),
            view.config.as_ref().map_or(0, |config| config.budget.experiments),
            count(view.facts),
            best.unwrap_or_default()
        ));
    }
    Ok(Answer::Yes)
}

/// The fields that every JSON answer about a campaign has.
pub fn summary(view: &CampaignView) -> Value {
    let best =
        view.best().map(|best| json!({ "experiment": best.experiment.0, "name": best.name, "fitness": best.fitness }));
    json!({
        "campaign": view.id.to_string(),
        "phase": view.phase().word(),
        "experiments": view.done(),
        "planned": view.config.as_ref().map(|config| config.budget.experiments),
        "seed_programs": view.experiments.values().filter(|experiment| experiment.is_seed()).count(),
        "failures": view.failures().len(),
        "seed": view.config.as_ref().map(|config| config.seed),
        "lanes": view.config.as_ref().map(|config| config.lanes),
        "best": best,
        "facts": view.facts,
        "flops": view.spend().flops,
        "worker_seconds": view.spend().seconds,
    })
}

async fn show(campaign: Option<&CampaignId>, common: &Common) -> Result<Answer, Failure> {
    let view = pick(&common.state.read().await?, campaign)?;
    match common.json {
        true => {
            let mut value = summary(&view);
            value["history"] = view.experiments.iter().map(|(&ordinal, x)| experiment(ordinal, x)).collect();
            value["left"] = json!(view.left);
            value["baseline"] = json!(view.baseline);
            output::json(&value);
        }
        false => report(&view).iter().for_each(output::line),
    }
    Ok(Answer::Yes)
}

fn experiment(ordinal: u32, experiment: &Experiment) -> Value {
    let brief = experiment.hypothesis.as_ref().map(|hypothesis| &hypothesis.brief);
    json!({
        "experiment": ordinal,
        "lane": experiment.lane(),
        "stage": experiment.stage(),
        "seed_program": experiment.is_seed(),
        "name": experiment.name(),
        "parent": brief.and_then(|brief| brief.parent),
        "hypothesis": brief,
        "diff": experiment.diff.as_ref().map(|diff| &diff.diff),
        "refusals": experiment.refusals.len(),
        "gate": experiment.admitted.as_ref().map(|admitted| &admitted.gate),
        "results": experiment.trained.as_ref().map(|trained| &trained.results),
        "fitness": experiment.fitness(),
        "insight": experiment.insight.as_ref().map(|insight| &insight.insight),
        "ending": experiment.recorded.as_ref().map(|recorded| &recorded.ending),
    })
}

async fn stop(campaign: &CampaignId, reason: &str, common: &Common) -> Result<Answer, Failure> {
    let log: Arc<dyn EventLog> = Arc::new(common.state.open_to_change()?);
    let view = pick(&read_all(&*log).await?, Some(campaign))?;
    if let phase @ (Phase::Closed(_) | Phase::Stopping(_)) = view.phase() {
        return Err(Failure::failed(format!(
            "campaign {campaign} is over already ({}): there is nothing to stop",
            phase.word()
        )));
    }
    let command = CommandId(format!("stop-{campaign}"));
    let fact = CampaignFact::from(CampaignStopped { command, reason: one_line(reason, 500) });
    let id = move37_runtime::command::issue(&log, &SystemClock, campaign, fact).await?;
    match common.json {
        true => output::json(&json!({ "campaign": campaign.to_string(), "stopped_by": id.to_string() })),
        false => output::line(format!(
            "campaign {campaign} is stopped ({id}): a `move37 run` that works on it closes it, or does so when next started"
        )),
    }
    Ok(Answer::Yes)
}
