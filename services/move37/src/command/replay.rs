//! `replay`: the history folded again, and verified.

use move37_core::CampaignId;
use move37_testkit::Invariants;
use serde_json::{Map, Value, json};

use crate::audit::{self, Audit};
use crate::failure::{Answer, Failure};
use crate::journal::{pick, read_all};
use crate::output;
use crate::place::Place;
use crate::records::{self, Records};
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

/// How many invariants a verified log is held against: the log's own, letters, second reads, and folding in pieces.
const INVARIANTS: usize = Invariants::JUDGED.len() + 3;

pub async fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let log = arguments.place.open().await?;
    let book = read_all(&log).await?;
    let campaign = pick(&book, arguments.campaign.as_ref())?.id;
    let records = match arguments.verify {
        true => Some(records::examine(&*log).await?),
        false => None,
    };
    let audit = match &records {
        Some(records) => audit::verify(&book, records, &campaign),
        None => audit::replay(&book, &campaign),
    };
    match arguments.json {
        true => output::json(&object(&campaign, &book, &audit, records.as_ref())),
        false => print(&campaign, &book, &audit, records.as_ref()),
    }
    Ok(Answer::from_bool(audit.faults.is_empty()))
}

fn object(campaign: &CampaignId, book: &Book, audit: &Audit, records: Option<&Records>) -> Value {
    let hashes: Map<String, Value> =
        audit.state_hashes.iter().map(|(s, h)| (s.clone(), json!(h.to_string()))).collect();
    json!({
        "campaign": campaign.to_string(),
        "verified": records.map(|_| audit.faults.is_empty()),
        "invariants": records.map(|_| INVARIANTS),
        "records": records.map(|records| records.counts),
        "dead_letters": records.map(|records| records.letters),
        "facts": audit.facts,
        "lost_records": book.lost,
        "state_hashes": hashes,
        "decisions_hash": audit.decisions.to_string(),
        "faults": audit.faults,
    })
}

fn print(campaign: &CampaignId, book: &Book, audit: &Audit, records: Option<&Records>) {
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
    if let Some(Records { counts, letters, .. }) = records {
        output::line(format!(
            "  the whole log        {} records: {} facts, {} there twice, {} that lost a race; {letters} dead letters",
            count(counts.records),
            count(counts.facts),
            counts.duplicates,
            counts.raced
        ));
        output::line(format!("verified: {}, by {INVARIANTS} invariants", audit.faults.is_empty()));
    }
}
