//! `tail`: the live stream of facts.

use std::sync::Arc;

use clap::ValueEnum;
use move37_consumer::{Consumer, Event, FactRecord, Start};
use move37_core::CampaignId;
use serde_json::{Value, json};

use crate::failure::{Answer, Failure};
use crate::output;
use crate::place::Place;
use crate::view::headline;

/// Follow the facts of all services as they are written
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  move37 tail --from start --json | head -n 20\n  \
    move37 tail --kafka localhost:9092 --campaign campaign-1")]
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
    place: Place,
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
    let mut consumer = Consumer::new(arguments.place.open().await?).from(match arguments.from {
        From::Start => Start::Beginning,
        From::Now => Start::Now,
    });
    if let Some(campaign) = &arguments.campaign {
        consumer = consumer.campaign(campaign.clone());
    }
    let mut facts = consumer.open().await?;
    let mut past: Vec<Arc<FactRecord>> = Vec::new();
    loop {
        let event = tokio::select! {
            event = facts.next() => event?,
            _ = tokio::signal::ctrl_c() => return Ok(Answer::Yes),
        };
        match event {
            Event::Fact(fact) if facts.is_live() => show(arguments, &fact),
            Event::Fact(fact) => past.push(fact),
            Event::Flaw(flaw) => eprintln!("no fact: {flaw}"),
            Event::Live => {
                // Facts of different topics have no common order; what lies there already is shown by time.
                past.sort_by_key(|fact| fact.time());
                past.drain(..).for_each(|fact| show(arguments, &fact));
                if arguments.no_follow {
                    return Ok(Answer::Yes);
                }
            }
        }
    }
}

fn show(arguments: &Arguments, entry: &FactRecord) {
    if arguments.json {
        let mut value = as_json(entry);
        // The body was decoded a moment ago, so it is JSON.
        value["body"] = serde_json::from_slice(&entry.record.body).unwrap_or(Value::Null);
        return output::json(&value);
    }
    let time = entry.time().to_string();
    let clock = time.get(11..19).unwrap_or(&time);
    let about = entry.experiment().map(|experiment| format!("#{experiment}")).unwrap_or_default();
    output::line(format!("{clock}  {:<36} {about:<5} {}", entry.id().to_string(), headline(&entry.fact)));
}

/// A fact's attributes and headline for machines.
pub fn as_json(entry: &FactRecord) -> Value {
    let envelope = &entry.record.envelope;
    json!({
        "id": envelope.id.to_string(),
        "type": envelope.fact.to_string(),
        "source": envelope.id.source.to_string(),
        "time": envelope.time.to_string(),
        "campaign": envelope.campaign.as_ref().map(ToString::to_string),
        "experiment": entry.experiment().map(|experiment| experiment.0),
        "cause": envelope.cause.as_ref().map(ToString::to_string),
        "summary": headline(&entry.fact),
    })
}
