//! `tail`: the live stream of facts.

use std::sync::Arc;

use clap::ValueEnum;
use move37_core::CampaignId;
use serde_json::{Value, json};

use crate::failure::{Answer, Failure};
use crate::journal::{Live, StateDir, read_all};
use crate::output;
use crate::view::{Entry, experiment_of, headline};

/// Follow the facts of all services as they are written
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  move37 tail --from start --json | head -n 20")]
pub struct Arguments {
    /// Where to begin
    #[arg(long, value_enum, default_value_t = From::Now)]
    from: From,
    /// Only this campaign's facts
    #[arg(long, value_name = "CAMPAIGN")]
    campaign: Option<CampaignId>,
    /// Stop at the log's present end instead of waiting for more
    #[arg(long)]
    no_follow: bool,
    #[command(flatten)]
    state: StateDir,
    /// Print one JSON object per fact, with its whole body
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum From {
    /// Every fact of the log.
    Start,
    /// Only what is written from now on.
    Now,
}

pub async fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let log = arguments.state.open()?;
    // Facts of different topics have no common order; what lies there already is shown by time.
    let mut past: Vec<Arc<Entry>> = read_all(&log).await?.entries().to_vec();
    past.sort_by_key(|entry| entry.record.envelope.time);
    if arguments.from == From::Start {
        past.iter().for_each(|entry| show(arguments, entry));
    }
    if arguments.no_follow {
        return Ok(Answer::Yes);
    }
    let mut live = Live::open(&log).await?;
    let mut known: std::collections::HashSet<_> = past.iter().map(|entry| entry.position).collect();
    drop(past);
    loop {
        tokio::select! {
            batch = live.next() => {
                for entry in batch? {
                    if !known.remove(&entry.position) {
                        show(arguments, &entry);
                    }
                }
            }
            _ = tokio::signal::ctrl_c() => return Ok(Answer::Yes),
        }
    }
}

fn show(arguments: &Arguments, entry: &Entry) {
    if arguments.campaign.as_ref().is_some_and(|campaign| entry.campaign() != Some(campaign)) {
        return;
    }
    if arguments.json {
        let mut value = as_json(entry);
        // The body was decoded a moment ago, so it is JSON.
        value["body"] = serde_json::from_slice(&entry.record.body).unwrap_or(Value::Null);
        return output::json(&value);
    }
    let time = entry.record.envelope.time.to_string();
    let clock = time.get(11..19).unwrap_or(&time);
    let about = experiment_of(&entry.fact).map(|experiment| format!("#{experiment}")).unwrap_or_default();
    output::line(format!("{clock}  {:<36} {about:<5} {}", entry.id().to_string(), headline(&entry.fact)));
}

/// A fact's attributes and headline for machines.
pub fn as_json(entry: &Entry) -> Value {
    let envelope = &entry.record.envelope;
    json!({
        "id": envelope.id.to_string(),
        "type": envelope.fact.to_string(),
        "source": envelope.id.source.to_string(),
        "time": envelope.time.to_string(),
        "campaign": envelope.campaign.as_ref().map(ToString::to_string),
        "experiment": experiment_of(&entry.fact).map(|experiment| experiment.0),
        "cause": envelope.cause.as_ref().map(ToString::to_string),
        "summary": headline(&entry.fact),
    })
}
