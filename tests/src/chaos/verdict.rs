//! What must hold when the faults have stopped.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::cluster::Cluster;

/// How long a campaign may take to come to its end.
const CLOSING: Duration = Duration::from_secs(300);

/// What was found.
#[derive(Debug)]
pub struct Verdict {
    /// Invariants that the log was held against.
    pub invariants: u64,
    /// All records of the log, and what became of them: `records`, `facts`, `duplicates`, `raced`.
    pub records: Value,
    /// Facts of each campaign.
    pub campaigns: Vec<(String, u64)>,
}

/// Judge the log and each campaign, which must be closed or about to be. `same`: two campaigns that must have decided the
/// same.
///
/// # Errors
/// Something does not hold.
pub async fn judge(cluster: &Cluster, campaigns: &[String], same: (&str, &str)) -> Result<Verdict> {
    for campaign in campaigns {
        closed(cluster, campaign).await?;
    }
    let mut verdict = Verdict { invariants: 0, records: Value::Null, campaigns: Vec::new() };
    let mut decisions = Vec::new();
    for campaign in campaigns {
        let replay = cluster.tool(&["replay", "--verify", "--json", "--campaign", campaign])?;
        ensure!(replay["verified"] == true, "the replay of {campaign} is not verified: {replay}");
        ensure!(replay["dead_letters"] == 0, "records were parked as dead letters: {replay}");
        verdict.invariants = replay["invariants"].as_u64().context("a replay counts invariants")?;
        verdict.records = replay["records"].clone();
        verdict.campaigns.push((campaign.clone(), replay["facts"].as_u64().context("a replay counts facts")?));
        decisions.push((campaign.as_str(), replay["decisions_hash"].clone()));
    }
    let of = |campaign: &str| decisions.iter().find(|(known, _)| *known == campaign).map(|(_, hash)| hash);
    ensure!(
        of(same.0).is_some() && of(same.0) == of(same.1),
        "{} and {} have one seed and one lane, but decided differently: {decisions:?}",
        same.0,
        same.1
    );
    Ok(verdict)
}

async fn closed(cluster: &Cluster, campaign: &str) -> Result<()> {
    let begun = Instant::now();
    loop {
        let stands = cluster.campaign(campaign)?;
        let phase = stands["phase"].as_str().unwrap_or_default();
        if matches!(phase, "finished" | "exhausted" | "stopped") {
            return Ok(());
        }
        ensure!(begun.elapsed() < CLOSING, "{campaign} does not come to its end: {stands}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
