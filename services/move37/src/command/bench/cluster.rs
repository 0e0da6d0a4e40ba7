//! Hops and throughput of the services of a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use move37_core::CampaignId;
use move37_eventlog::EventLog;
use move37_events::facts::{CampaignFact, CampaignStopped, CommandId};
use move37_kafka::{KafkaLog, Settings};
use move37_runtime::SystemClock;
use move37_runtime::command::issue;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::Arguments;
use super::measure::{Hops, Spread, hops, peak, per_second, saturation};
use crate::command::run::Opening;
use crate::config::Config;
use crate::failure::{Answer, Failure};
use crate::journal::Live;
use crate::output;
use crate::view::{CampaignView, count};

/// Longest wait for the services to take note of a campaign.
const PATIENCE: Duration = Duration::from_secs(30);

/// Seconds over which the peak rate is a mean.
const PEAK: usize = 5;

/// A campaign under load.
struct Load {
    lanes: u32,
    campaign: CampaignId,
    experiments: usize,
    per_second: Vec<u64>,
    hop: Spread,
    /// Resident memory of each watched process in KiB, before and at the end.
    memory: BTreeMap<u32, (u64, u64)>,
}

impl Load {
    fn decisions(&self) -> u64 {
        self.per_second.iter().sum()
    }

    fn mean(&self) -> f64 {
        self.decisions() as f64 / self.per_second.len().max(1) as f64
    }
}

pub async fn run(arguments: &Arguments, settings: Settings) -> Result<Answer, Failure> {
    let log: Arc<dyn EventLog> = Arc::new(KafkaLog::connect(settings).await?);
    let calm = calm(&log, arguments).await?;
    let mut loads = Vec::new();
    for &lanes in &arguments.lanes {
        loads.push(load(&log, arguments, lanes).await?);
    }
    match arguments.json {
        true => output::json(&object(&calm, &loads)),
        false => print(&calm, &loads),
    }
    Ok(Answer::Yes)
}

/// Hops of a campaign with one lane, which runs to its end.
async fn calm(log: &Arc<dyn EventLog>, arguments: &Arguments) -> Result<Hops, Failure> {
    let mut bench = Bench::start(log, arguments, 1, arguments.experiments).await?;
    bench.follow(Instant::now() + Duration::from_secs(86_400)).await?;
    Ok(hops(bench.live.book(), &bench.view.id))
}

/// A campaign with so many lanes, watched for a while and stopped.
async fn load(log: &Arc<dyn EventLog>, arguments: &Arguments, lanes: u32) -> Result<Load, Failure> {
    let before: Vec<(u32, u64)> = arguments.pids.iter().filter_map(|&pid| Some((pid, resident(pid)?))).collect();
    // More than it can get to, so that it is stopped by the clock.
    let mut bench = Bench::start(log, arguments, lanes, u32::MAX / 4).await?;
    bench.follow(Instant::now() + Duration::from_secs(arguments.seconds)).await?;
    let memory = before.into_iter().filter_map(|(pid, before)| Some((pid, (before, resident(pid)?)))).collect();
    let (book, campaign) = (bench.live.book(), bench.view.id.clone());
    let load = Load {
        lanes,
        experiments: bench.view.experiments.len(),
        per_second: per_second(book, &campaign),
        hop: Spread::of(hops(book, &campaign).into_values().flatten()),
        memory,
        campaign,
    };
    if !bench.view.phase().is_over() {
        let command = CommandId(format!("stop-{}", load.campaign));
        let fact = CampaignFact::from(CampaignStopped { command, reason: "the measurement is over".to_owned() });
        issue(log, &SystemClock, &load.campaign, fact).await?;
        bench.follow(Instant::now() + PATIENCE).await?;
    }
    Ok(load)
}

/// A campaign of the measurement.
struct Bench {
    live: Live,
    view: CampaignView,
}

impl Bench {
    async fn start(
        log: &Arc<dyn EventLog>,
        arguments: &Arguments,
        lanes: u32,
        experiments: u32,
    ) -> Result<Bench, Failure> {
        let mut live = Live::open(log).await?;
        live.catch_up().await?;
        let mut config = Config { name: "bench".to_owned(), lanes, ..Config::default() };
        config.budget.experiments = experiments;
        config.budget.failures = Some(u32::MAX / 4);
        config.tasks.retain(|task| !task.needs_text());
        let mut tell = |text: &str| {
            if !arguments.json {
                output::line(text);
            }
        };
        let data = arguments.place.state().data();
        let opening = Opening::of_config(live.book(), &config, &data, &mut tell)?;
        opening.begin(log, None).await?;
        let mut bench = Bench { live, view: CampaignView::new(opening.campaign().clone()) };
        let patience = Instant::now() + PATIENCE;
        while bench.view.experiments.is_empty() {
            if !bench.step(patience).await? {
                return Err(Failure::failed(format!(
                    "no memory service has begun {} within {} s: start the services and a worker that rehearses, then run it again",
                    bench.view.id,
                    PATIENCE.as_secs()
                )));
            }
        }
        Ok(bench)
    }

    /// Take in one event; no when the time is up before.
    async fn step(&mut self, until: Instant) -> Result<bool, Failure> {
        match timeout_at(until, self.live.next()).await {
            Err(_) => Ok(false),
            Ok(next) => {
                if let Some(entry) = next? {
                    self.view.take(&entry);
                }
                Ok(true)
            }
        }
    }

    /// Take in what happens until the campaign is over or the time is up.
    async fn follow(&mut self, until: Instant) -> Result<(), Failure> {
        while !self.view.phase().is_over() && Instant::now() < until && self.step(until).await? {}
        Ok(())
    }
}

/// Resident memory of a process in KiB (Linux).
fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

/// A process's name (Linux).
fn name_of(pid: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim().to_owned())
}

fn saturated(loads: &[Load]) -> Option<u32> {
    let mut rates: Vec<_> = loads.iter().map(|load| (load.lanes, load.mean())).collect();
    rates.sort_by_key(|(lanes, _)| *lanes);
    saturation(&rates)
}

fn object(calm: &Hops, loads: &[Load]) -> Value {
    let hop = |((from, to), times): (&(String, String), &Vec<u64>)| json!({ "from": from, "to": to, "milliseconds": Spread::of(times.iter().copied()) });
    let memory = |load: &Load| -> Vec<Value> {
        let process = |(pid, (before, after)): (&u32, &(u64, u64))| json!({ "pid": pid, "name": name_of(*pid), "kib_before": before, "kib_after": after, "kib_per_lane": per_lane(*before, *after, load.lanes) });
        load.memory.iter().map(process).collect()
    };
    let load = |load: &Load| {
        json!({
            "lanes": load.lanes,
            "campaign": load.campaign.to_string(),
            "experiments": load.experiments,
            "decisions": load.decisions(),
            "per_second": load.per_second,
            "mean": load.mean(),
            "peak": peak(&load.per_second, PEAK),
            "hop_milliseconds": load.hop,
            "memory": memory(load),
        })
    };
    json!({
        "hops": calm.iter().map(hop).collect::<Vec<_>>(),
        "hop_milliseconds": Spread::of(calm.values().flatten().copied()),
        "loads": loads.iter().map(load).collect::<Vec<_>>(),
        "saturates_at_lanes": saturated(loads),
    })
}

fn per_lane(before: u64, after: u64, lanes: u32) -> f64 {
    (after as f64 - before as f64) / f64::from(lanes)
}

fn print(calm: &Hops, loads: &[Load]) {
    let figures = |spread: Spread| format!("p50 {} ms, p99 {} ms of {}", spread.p50, spread.p99, spread.count);
    for ((from, to), times) in calm {
        output::line(format!(
            "hop     {:<46} {}",
            format!("{from} -> {to}"),
            figures(Spread::of(times.iter().copied()))
        ));
    }
    output::line(format!("hop     {:<46} {}", "all of them", figures(Spread::of(calm.values().flatten().copied()))));
    for load in loads {
        output::line(format!(
            "load    {} lane(s): {:.0} decisions per second, at most {:.0} over {PEAK} s ({} decisions, {} experiments begun); hop {}",
            count(load.lanes.into()),
            load.mean(),
            peak(&load.per_second, PEAK),
            count(load.decisions()),
            count(load.experiments as u64),
            figures(load.hop)
        ));
        for (pid, (before, after)) in &load.memory {
            output::line(format!(
                "memory  process {pid}{}: {before} KiB before, {after} KiB after, {:.1} KiB per lane",
                name_of(*pid).map(|name| format!(" ({name})")).unwrap_or_default(),
                per_lane(*before, *after, load.lanes)
            ));
        }
    }
    if let Some(lanes) = saturated(loads) {
        output::line(format!("load    more than {lanes} lane(s) bring less than a tenth more: it saturates there"));
    }
}
