//! `replay`: the history folded again, and verified.

use move37_core::CampaignId;
use serde_json::{Map, Value, json};

use crate::audit::{self, Audit};
use crate::failure::{Answer, Failure};
use crate::journal::pick;
use crate::output;
use crate::place::Place;
use crate::view::{Book, count};

/// Fold every service's state again from the log, and verify the log
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  move37 replay --verify\n  move37 replay --verify --json --campaign campaign-1\n  move37 replay --verify --kafka localhost:9092"
)]
pub struct Arguments {
    /// Also check headers, partitions, chains, causes and invariants; exit code 1 if something is wrong
    #[arg(long)]
    verify: bool,
    /// The campaign; the newest if left out
    #[arg(long, value_name = "CAMPAIGN")]
    campaign: Option<CampaignId>,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

pub async fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let book = arguments.place.read().await?;
    let campaign = pick(&book, arguments.campaign.as_ref())?.id;
    let audit = match arguments.verify {
        true => audit::verify(&book, &campaign),
        false => audit::replay(&book, &campaign),
    };
    match arguments.json {
        true => output::json(&object(&campaign, &book, &audit, arguments.verify)),
        false => print(&campaign, &book, &audit, arguments.verify),
    }
    Ok(Answer::from_bool(audit.faults.is_empty()))
}

fn object(campaign: &CampaignId, book: &Book, audit: &Audit, verify: bool) -> Value {
    let hashes: Map<String, Value> =
        audit.state_hashes.iter().map(|(s, h)| (s.clone(), json!(h.to_string()))).collect();
    json!({
        "campaign": campaign.to_string(),
        "verified": verify.then_some(audit.faults.is_empty()),
        "facts": audit.facts,
        "lost_records": book.lost,
        "state_hashes": hashes,
        "decisions_hash": audit.decisions.to_string(),
        "faults": audit.faults,
    })
}

fn print(campaign: &CampaignId, book: &Book, audit: &Audit, verify: bool) {
    output::line(format!("{campaign}: {} facts, {} records lost their place", count(audit.facts), book.lost));
    for (source, hash) in &audit.state_hashes {
        output::line(format!("  state of {source:<11} {hash}"));
    }
    output::line(format!("  decisions            {}", audit.decisions));
    for fault in audit.faults.iter().take(10) {
        output::line(format!("  fault: {fault}"));
    }
    if audit.faults.len() > 10 {
        output::line(format!("  and {} more faults", audit.faults.len() - 10));
    }
    if verify {
        output::line(format!("verified: {}", audit.faults.is_empty()));
    }
}
