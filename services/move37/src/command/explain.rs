//! `explain`: why a fact is there, back to the campaign's start.

use move37_core::EventId;
use move37_events::Fact;
use move37_events::facts::{AnalystFact, CampaignFact};
use serde_json::{Value, json};

use super::tail::as_json;
use crate::failure::{Answer, Failure};
use crate::output;
use crate::place::Place;
use crate::view::causes::{self, Step};
use crate::view::{Book, headline};

/// Walk back from a fact through its causes to the campaign's start
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  move37 explain last-insight\n  move37 explain campaign-1/analyst/12 --json --kafka localhost:9092"
)]
pub struct Arguments {
    /// The fact: its id as `move37 tail` prints it, or `last-insight`
    #[arg(value_name = "EVENT")]
    event: String,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

pub async fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let book = arguments.place.read().await?;
    let id = find(&book, &arguments.event)?;
    let steps = causes::back_from(&book, &id)?;
    match arguments.json {
        true => output::json(&object(&steps)),
        false => steps.iter().enumerate().for_each(|(i, step)| print(i, step)),
    }
    Ok(Answer::Yes)
}

fn find(book: &Book, event: &str) -> Result<EventId, Failure> {
    if event != "last-insight" {
        return event.parse().map_err(|error| {
            Failure::usage(format!("{error}, or `last-insight`; `move37 tail --from start` lists the ids"))
        });
    }
    let insights = book.entries().iter().filter(|e| matches!(e.fact, Fact::Analyst(AnalystFact::InsightRecorded(_))));
    let newest = insights.max_by_key(|entry| (entry.record.envelope.time, entry.id().sequence));
    newest
        .map(|entry| entry.id().clone())
        .ok_or_else(|| Failure::failed("there is no insight here yet: let `move37 run` finish an experiment first"))
}

/// Whether the way back ends where a campaign starts.
fn reaches_start(steps: &[Step]) -> bool {
    steps.last().is_some_and(|step| matches!(step.entry.fact, Fact::Campaign(CampaignFact::CampaignStarted(_))))
}

fn object(steps: &[Step]) -> Value {
    let step = |step: &Step| {
        let mut value = as_json(&step.entry);
        value["details"] = json!(causes::details(&step.entry.fact));
        value["evidence"] = step.evidence.iter().map(|entry| entry.id().to_string()).collect();
        value
    };
    json!({
        "event": steps.first().map(|step| step.entry.id().to_string()),
        "reaches_start": reaches_start(steps),
        "causes": steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn print(place: usize, step: &Step) {
    let entry = &step.entry;
    let envelope = &entry.record.envelope;
    let about = entry.experiment().map(|experiment| format!("  experiment {experiment}")).unwrap_or_default();
    if place > 0 {
        output::line("  ▲ because of");
    }
    output::line(format!("{}  {}{about}  {}", envelope.id, envelope.fact.name, envelope.time));
    output::line(format!("    {}", headline(&entry.fact)));
    for detail in causes::details(&entry.fact) {
        output::line(format!("    {detail}"));
    }
    for evidence in &step.evidence {
        output::line(format!("    rests on {}", causes::evidence_line(evidence)));
    }
}
