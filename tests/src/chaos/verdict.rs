//! What must hold when the faults have stopped.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use move37_core::{Hash, Recorded};
use move37_eventlog::{EventLog, History, Stored};
use move37_events::Topic;
use move37_testkit::{Counts, FirstRead, Invariants, Violation};

use super::cluster::Cluster;

/// How long a campaign may take to come to its end.
const CLOSING: Duration = Duration::from_secs(300);

/// What was found.
#[derive(Debug)]
pub struct Verdict {
    /// All records of the log, and what became of them.
    pub counts: Counts,
    /// Facts of each campaign, as `replay --verify` counts them.
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
    let log = cluster.log().await?;
    let (counts, violations) = read_twice(&log).await?;
    if let Some(first) = violations.first() {
        bail!("{} violations, the first at {}: {} ({})", violations.len(), first.at, first.sentence, first.id);
    }
    let letters: u64 = log.ends(Topic::DeadLetters).await?.iter().sum();
    ensure!(letters == 0, "{letters} records were parked as dead letters");
    let mut counted = Vec::new();
    let mut decisions = Vec::new();
    for campaign in campaigns {
        let replay = cluster.tool(&["replay", "--verify", "--json", "--campaign", campaign])?;
        ensure!(replay["verified"] == true, "the replay of {campaign} is not verified: {replay}");
        counted.push((campaign.clone(), replay["facts"].as_u64().context("a replay counts facts")?));
        decisions.push((campaign.as_str(), replay["decisions_hash"].clone()));
    }
    let of = |campaign: &str| decisions.iter().find(|(known, _)| *known == campaign).map(|(_, hash)| hash);
    ensure!(
        of(same.0).is_some() && of(same.0) == of(same.1),
        "{} and {} have one seed and one lane, but decided differently: {decisions:?}",
        same.0,
        same.1
    );
    Ok(Verdict { counts, campaigns: counted })
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

/// Every invariant over all records, losers included, and that a second read gives the same.
async fn read_twice(log: &dyn EventLog) -> Result<(Counts, Vec<Violation>)> {
    let mut invariants = Invariants::default();
    let mut first = FirstRead::default();
    let mut history = History::of_topics(log, Topic::all()).await?;
    let mut unreadable = Vec::new();
    while let Some(batch) = history.next().await? {
        for stored in batch {
            first.take(stored.topic, stored.partition, digest(&stored));
            let (topic, position) = (stored.topic, stored.position());
            if topic == Topic::DeadLetters {
                continue;
            }
            match stored.parse() {
                Ok(record) => offer(&mut invariants, topic, position.partition, &record),
                Err(error) => unreadable.push(format!("{topic}/{}@{}: {error}", position.partition, position.offset)),
            }
        }
    }
    ensure!(unreadable.is_empty(), "records that cannot be read: {}", unreadable.join("; "));
    let mut again = first.again();
    let mut history = History::of_topics(log, Topic::all()).await?;
    while let Some(batch) = history.next().await? {
        batch.iter().for_each(|stored| again.take(stored.topic, stored.partition, digest(stored)));
    }
    let counts = invariants.counts();
    let mut violations = invariants.finish();
    violations.extend(again.finish());
    Ok((counts, violations))
}

fn offer(invariants: &mut Invariants, topic: Topic, partition: u32, record: &Recorded) {
    invariants.offer(topic, partition, record);
}

fn digest(stored: &Stored) -> Hash {
    let headers = stored.headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
    Hash::of_fields([stored.key.as_bytes()].into_iter().chain(headers).chain([&stored.body[..]]))
}
