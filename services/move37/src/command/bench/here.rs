//! What everything but training costs on this machine.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use move37_blobs::Store;
use move37_candidate::cost::ComplexityClass;
use move37_candidate::gate::GateConfig;
use move37_candidate::language::Dims;
use move37_eventlog::EventLog;
use move37_events::Fact;
use move37_events::facts::{CampaignFact, CampaignStarted, CloseReason, CommandId, RunFact};
use move37_runtime::{SystemClock, command};
use move37_sqlite::SqliteLog;
use move37_trainer::worker::Idle;
use move37_training::profile::LAPTOP;
use serde_json::{Value, json};

use crate::command::check::LENGTH;
use crate::config::{Config, resolve};
use crate::engine::Services;
use crate::failure::{Answer, Failure};
use crate::journal::{Live, campaigns, read_all};
use crate::output;
use crate::seeds;
use crate::state::StateDir;
use crate::view::{Book, CampaignView, Phase, duration};

/// Measure the gate, an idle campaign of so many experiments, and the finished campaigns of a directory.
pub async fn run(state: &StateDir, experiments: u32, json: bool) -> Result<Answer, Failure> {
    let checks = checks()?;
    let idle = idle(experiments).await?;
    let shares = match state.log_path().exists() {
        true => {
            let log: Arc<dyn EventLog> = Arc::new(state.open()?);
            let book = read_all(&log).await?;
            campaigns(&book).iter().filter_map(|view| share(&book, view)).collect()
        }
        false => Vec::new(),
    };
    match json {
        true => output::json(&object(&checks, &idle, &shares)),
        false => print(&checks, &idle, &shares),
    }
    Ok(Answer::Yes)
}

/// Best of five looks of the gate at each published design.
fn checks() -> Result<Vec<(String, Duration)>, Failure> {
    let dims = Dims {
        batch: 1,
        time: LENGTH,
        d_model: LAPTOP.dims.d_model,
        num_heads: LAPTOP.dims.heads,
        args: Default::default(),
    };
    let config = GateConfig { max_complexity: ComplexityClass::Quadratic, ..GateConfig::new(dims) };
    let look = |source: &str| {
        let begun = Instant::now();
        let report = move37_tensor::gate::prove(source, &config);
        (report.admitted, begun.elapsed())
    };
    let names = Config::default().programs.published;
    let best = |name: String| {
        let source = seeds::published(&name)?.source;
        let looks: Vec<_> = (0..5).map(|_| look(&source)).collect();
        match looks.iter().all(|(admitted, _)| *admitted) {
            true => Ok((name, looks.into_iter().map(|(_, time)| time).min().unwrap_or_default())),
            false => Err(Failure::failed(format!("the gate refuses {name}: report this as a defect"))),
        }
    };
    names.into_iter().map(best).collect()
}

/// What a campaign costs whose trainer answers at once.
struct IdleCost {
    /// Experiments, seed programs included.
    experiments: usize,
    facts: u64,
    wall: Duration,
    processor: Option<Duration>,
}

async fn idle(experiments: u32) -> Result<IdleCost, Failure> {
    let scratch = Scratch::new()?;
    let log: Arc<dyn EventLog> = Arc::new(SqliteLog::open(scratch.0.join("log.db"))?);
    let mut config = Config::default();
    config.budget.experiments = experiments;
    config.belief.confirm = false;
    config.tasks.retain(|task| !task.needs_text());
    let campaign = resolve(&config, &scratch.0, &mut |_| {})?;
    let id: move37_core::CampaignId = "bench".parse()?;
    let fact = CampaignFact::from(CampaignStarted { command: CommandId("start-bench".to_owned()), campaign });
    let (begun, before) = (Instant::now(), processor_time());
    command::issue(&log, &SystemClock, &id, fact).await?;
    let mut view = CampaignView::new(id);
    let mut live = Live::open(&log).await?;
    let store = Store::open("memory:///")?;
    let mut services =
        Services::start(log.clone(), Arc::new(SystemClock), Idle::default(), store, Idle::DEVICE.to_owned(), (1, 1))?;
    while !view.phase().is_over() {
        tokio::select! {
            next = live.next() => next?.iter().for_each(|entry| view.take(entry)),
            stopped = services.failed() => return Err(stopped.into()),
        }
    }
    let (wall, after) = (begun.elapsed(), processor_time());
    services.drain("the measurement is over").await;
    if view.phase() != Phase::Closed(CloseReason::Finished) {
        return Err(Failure::failed(format!(
            "the campaign of the measurement {}: report this as a defect",
            view.phase().word()
        )));
    }
    let processor = before.zip(after).map(|(before, after)| after.saturating_sub(before));
    Ok(IdleCost { experiments: view.experiments.len(), facts: view.facts, wall, processor })
}

/// Processor time of this process so far, all threads, user and system (Linux: hundredths of a second).
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name in brackets, which may hold spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(10 * ticks))
}

/// A directory that is gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Scratch, Failure> {
        let path = std::env::temp_dir().join(format!("move37-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Wall time of a finished campaign, and the part of it in which nothing was trained.
struct Share {
    campaign: String,
    wall: Duration,
    other: f64,
}

fn share(book: &Book, view: &CampaignView) -> Option<Share> {
    let started = view.started?;
    if !view.phase().is_over() {
        return None;
    }
    let wall = view.newest.millis().saturating_sub(started.millis());
    let trained = covered(runs(book, view));
    let other = 1.0 - trained as f64 / wall.max(1) as f64;
    Some(Share { campaign: view.id.to_string(), wall: Duration::from_millis(wall), other })
}

/// From when to when each run of a campaign was trained, in milliseconds.
fn runs(book: &Book, view: &CampaignView) -> Vec<(u64, u64)> {
    let mut begun = HashMap::new();
    let mut runs = Vec::new();
    for entry in book.of(&view.id) {
        let time = entry.record.envelope.time.millis();
        match &entry.fact {
            Fact::Run(RunFact::RunAccepted(fact)) => {
                begun.insert((fact.run.clone(), fact.attempt), time);
            }
            Fact::Run(RunFact::RunFinished(fact)) => {
                runs.extend(begun.remove(&(fact.run.clone(), fact.attempt)).map(|begin| (begin, time)));
            }
            Fact::Campaign(_)
            | Fact::Memory(_)
            | Fact::Researcher(_)
            | Fact::Engineer(_)
            | Fact::Trainer(_)
            | Fact::Run(_)
            | Fact::Analyst(_) => {}
        }
    }
    runs
}

/// How much time some intervals cover, overlaps counted once.
fn covered(mut intervals: Vec<(u64, u64)>) -> u64 {
    intervals.sort_unstable();
    let mut until = 0;
    let mut covered = 0;
    for (begin, end) in intervals {
        covered += end.saturating_sub(begin.max(until));
        until = until.max(end);
    }
    covered
}

fn per_experiment(cost: &IdleCost, time: Duration) -> f64 {
    1e3 * time.as_secs_f64() / cost.experiments.max(1) as f64
}

fn object(checks: &[(String, Duration)], idle: &IdleCost, shares: &[Share]) -> Value {
    let checks: Vec<_> =
        checks.iter().map(|(name, time)| json!({ "program": name, "seconds": time.as_secs_f64() })).collect();
    let shares: Vec<_> = shares
        .iter()
        .map(|share| json!({ "campaign": share.campaign, "wall_seconds": share.wall.as_secs_f64(), "not_training": share.other }))
        .collect();
    json!({
        "checks": checks,
        "idle": {
            "experiments": idle.experiments,
            "facts": idle.facts,
            "wall_ms_per_experiment": per_experiment(idle, idle.wall),
            "cpu_ms_per_experiment": idle.processor.map(|time| per_experiment(idle, time)),
        },
        "campaigns": shares,
    })
}

fn print(checks: &[(String, Duration)], idle: &IdleCost, shares: &[Share]) {
    for (name, time) in checks {
        output::line(format!("check   {name:<24} {:.3} s", time.as_secs_f64()));
    }
    let cpu = match idle.processor {
        Some(time) => format!("{:.1} ms of processor time", per_experiment(idle, time)),
        None => "processor time not known on this system".to_owned(),
    };
    output::line(format!(
        "idle    {cpu} and {:.1} ms of wall time per experiment ({} experiments, {} facts, gate included)",
        per_experiment(idle, idle.wall),
        idle.experiments,
        idle.facts
    ));
    for share in shares {
        let percent = 100.0 * share.other;
        output::line(format!(
            "share   {:<24} {percent:.1} % of {} was not training",
            share.campaign,
            duration(share.wall)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::covered;

    #[test]
    fn time_in_which_two_runs_overlap_counts_once() {
        assert_eq!(covered(vec![(10, 20), (0, 5), (15, 30), (16, 18)]), 25);
        assert_eq!(covered(Vec::new()), 0);
    }
}
