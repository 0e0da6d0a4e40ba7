//! Whether a cluster is fit for Move37, and whether anybody works there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use move37_core::Timestamp;
use move37_eventlog::EventLog;
use move37_events::Role;
use move37_kafka::{KafkaLog, Settings, Topics};
use move37_runtime::{Clock, SystemClock};

use super::{Line, Verdict, flaws, line_of_log};
use crate::command::dead_letters::count_parked;
use crate::journal::{campaigns, read_all};
use crate::view::{Book, CampaignView, SERVICES, Workers, duration};

/// Every check, as far as the one before allows it.
pub async fn lines(settings: Settings) -> Vec<Line> {
    let brokers = settings.bootstrap.clone();
    let topics = match Topics::connect(settings.clone()).await {
        Err(error) => return vec![Line::new("cluster", Verdict::Fail, error.to_string())],
        Ok(topics) => topics,
    };
    let mut lines = vec![Line::new("cluster", Verdict::Ok, format!("{brokers} answers"))];
    let (is_complete, of_topics) = topic_lines(&topics).await;
    lines.extend(of_topics);
    if !is_complete {
        return lines;
    }
    match read(settings).await {
        Err(line) => lines.push(line),
        Ok((log, book)) => lines.extend(inhabitants(&log, &book).await),
    }
    lines
}

/// Whether every topic is there, and what is to be said of them.
async fn topic_lines(topics: &Topics) -> (bool, Vec<Line>) {
    let examined = match topics.examine().await {
        // Reading may be allowed where asking for settings is not.
        Err(error) => return (true, vec![Line::new("topics", Verdict::Warn, error.to_string())]),
        Ok(examined) => examined,
    };
    if !examined.missing.is_empty() {
        let missing: Vec<String> = examined.missing.iter().map(ToString::to_string).collect();
        let text = format!("missing: {}; create them with `move37 topics apply`", missing.join(", "));
        return (false, vec![Line::new("topics", Verdict::Fail, text)]);
    }
    let finding = |finding: &move37_kafka::Finding| {
        let verdict = if finding.is_dangerous() { Verdict::Fail } else { Verdict::Warn };
        Line::new("topics", verdict, finding.to_string())
    };
    match examined.findings.is_empty() {
        true => (true, vec![Line::new("topics", Verdict::Ok, "all there, partitions and settings as declared")]),
        false => (true, examined.findings.iter().map(finding).collect()),
    }
}

async fn read(settings: Settings) -> Result<(Arc<dyn EventLog>, Book), Line> {
    let failed = |error: String| Line::new("log", Verdict::Fail, error);
    let log = KafkaLog::connect(settings).await.map_err(|error| failed(error.to_string()))?;
    let log: Arc<dyn EventLog> = Arc::new(log);
    let book = read_all(&log).await.map_err(|error| failed(error.to_string()))?;
    Ok((log, book))
}

/// The log, who writes it, and what nobody could read.
async fn inhabitants(log: &Arc<dyn EventLog>, book: &Book) -> Vec<Line> {
    let now = SystemClock.now();
    let views = campaigns(book);
    let mut lines = vec![line_of_log(book, &views), flaws(book)];
    lines.extend(services(book, &views, now));
    lines.push(workers(book, now));
    lines.push(match count_parked(log).await {
        Err(error) => Line::new("dead letters", Verdict::Warn, error.to_string()),
        Ok(0) => Line::new("dead letters", Verdict::Ok, "none"),
        Ok(n) => Line::new("dead letters", Verdict::Warn, format!("{n} record(s): `move37 dead-letters` lists them")),
    });
    lines
}

/// One line per service: what it last wrote, and the campaigns that it should know and does not. The log cannot tell a
/// service that is idle from one that has ended.
fn services(book: &Book, views: &[CampaignView], now: Timestamp) -> Vec<Line> {
    let mut newest: BTreeMap<String, Timestamp> = BTreeMap::new();
    for entry in book.entries() {
        let known = newest.entry(entry.id().source.to_string()).or_default();
        *known = (*known).max(entry.time());
    }
    let line = |role: &Role| {
        let name = role.name();
        let ignored: Vec<String> = views
            .iter()
            .filter(|view| !view.phase().is_over() && !view.followers.contains(role))
            .map(|view| view.id.to_string())
            .collect();
        match (newest.get(name), ignored.is_empty()) {
            (_, false) => {
                let text = format!("has not taken note of {}: start it (`{name} --config FILE`)", ignored.join(", "));
                Line::new(name, Verdict::Warn, text)
            }
            (Some(&newest), true) => Line::new(name, Verdict::Ok, format!("last wrote {} ago", ago(newest, now))),
            (None, true) => Line::new(name, Verdict::Ok, "has written nothing yet, nor had to"),
        }
    };
    SERVICES.iter().map(line).collect()
}

fn workers(book: &Book, now: Timestamp) -> Line {
    let mut workers = Workers::default();
    book.entries().iter().for_each(|entry| workers.take(entry));
    let told: Vec<String> = workers
        .present()
        .map(|worker| {
            let joined = &worker.joined;
            format!(
                "{} ({} on {}, last wrote {} ago)",
                joined.worker,
                joined.device,
                joined.host,
                ago(worker.newest, now)
            )
        })
        .collect();
    match told.is_empty() {
        true => Line::new("workers", Verdict::Warn, "none has joined: start one with `trainer --worker --config FILE`"),
        false => Line::new("workers", Verdict::Ok, told.join("; ")),
    }
}

fn ago(then: Timestamp, now: Timestamp) -> String {
    duration(Duration::from_millis(now.millis().saturating_sub(then.millis())))
}
