//! A real system on a real broker under faults that are drawn from a seed: what it decides must not depend on them.
//!
//!     cargo run -p move37-tests --bin chaos -- --kills 200 --seed 1
//!
//! First a short campaign runs undisturbed. Then the storm: processes are killed, brokers killed and revived, connections
//! refused, cut, muted and delayed, answers of appends lost and doubled, processes halted and woken, workers doubled,
//! disks filled, while a long campaign runs, is paused and resumed, and the short campaign runs again. In the end all
//! must be ready, both campaigns closed, every invariant held, no record parked, and the short campaign must have decided
//! the same in the storm as before it.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use clap::builder::TypedValueParser as _;
use move37_tests::chaos::{Cluster, Plan, Shape, Storm, Tally, Verdict, judge};
use move37_tests::proxy::Tally as Carried;

/// Run the whole system on a real broker under faults that are drawn from a seed
#[derive(Debug, Parser)]
struct Arguments {
    /// Services and workers to kill
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// Seed of what goes wrong
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End the storm after this time even if less was killed
    #[arg(long)]
    minutes: Option<f64>,
    /// Brokers: 1 or 3
    #[arg(long, default_value_t = 1, value_parser = clap::builder::PossibleValuesParser::new(["1", "3"]).map(|n| n.parse::<usize>().unwrap_or(1)))]
    brokers: usize,
    /// Processes of each service
    #[arg(long, default_value_t = 2)]
    instances: usize,
    /// Workers
    #[arg(long, default_value_t = 3)]
    workers: usize,
    /// Acts between two calms
    #[arg(long, default_value_t = 25)]
    acts: u32,
    /// Where logs and data are kept; a new folder that is removed after success if left out
    #[arg(long)]
    directory: Option<PathBuf>,
    /// Use the binaries as they are
    #[arg(long)]
    no_build: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.context("no threads").and_then(|runtime| runtime.block_on(run(&arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("FAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.no_build {
        build()?;
    }
    let temporary = tempfile::Builder::new().prefix("move37-chaos-").tempdir()?;
    let directory = arguments.directory.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&directory)?;
    let done = storm(arguments, &directory).await;
    if done.is_err() && arguments.directory.is_none() {
        let kept = temporary.keep();
        eprintln!("logs and data are kept in {}", kept.display());
    }
    done.with_context(|| {
        format!(
            "seed {}; repeat with: cargo run -p move37-tests --bin chaos -- --kills {} --seed {} --brokers {} --acts {}",
            arguments.seed, arguments.kills, arguments.seed, arguments.brokers, arguments.acts
        )
    })
}

fn build() -> Result<()> {
    let packages = ["", "-memory", "-researcher", "-engineer", "-trainer", "-analyst"];
    let names = packages.iter().flat_map(|name| ["-p".to_owned(), format!("move37{name}")]);
    let built = Command::new("cargo").args(["build", "--locked", "--quiet"]).args(names).status()?;
    ensure!(built.success(), "the build failed");
    Ok(())
}

/// Experiments of the short campaign.
const SHORT: u32 = 6;

async fn storm(arguments: &Arguments, directory: &std::path::Path) -> Result<()> {
    let shape = Shape {
        brokers: arguments.brokers,
        instances: arguments.instances,
        workers: arguments.workers,
        training: 0.5,
        session: Duration::from_secs(3),
        lease: Duration::from_secs(5),
    };
    println!("starting {} broker(s), {} of each service, {} workers ..", shape.brokers, shape.instances, shape.workers);
    let cluster = Cluster::start(shape, directory).await?;
    let before = cluster.start_campaign(1, SHORT, 37)?;
    println!("{before} runs undisturbed ..");
    let begun = Instant::now();
    while cluster.campaign(&before)?["phase"] != "finished" {
        ensure!(begun.elapsed() < Duration::from_secs(180), "{before} does not end: {}", cluster.campaign(&before)?);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!(
        "{before} is finished after {:.1} s; the storm begins, seed {}",
        begun.elapsed().as_secs_f64(),
        arguments.seed
    );

    let long = cluster.start_campaign(4, 1_000_000, arguments.seed)?;
    let again = cluster.start_campaign(1, SHORT, 37)?;
    let plan = Plan {
        kills: arguments.kills,
        seed: arguments.seed,
        limit: arguments.minutes.map(|minutes| Duration::from_secs_f64(60.0 * minutes)),
        acts_between_calms: arguments.acts,
    };
    let begun = Instant::now();
    let mut storm = Storm::new(cluster, long.clone(), plan);
    let blown = storm.blow().await;
    report(&storm, begun.elapsed());
    blown?;
    let cluster = &storm.cluster;
    cluster.tool(&["campaign", "stop", &long, "--reason", "the storm is over", "--json"])?;
    let verdict = judge(cluster, &[before.clone(), long, again.clone()], (&before, &again)).await?;
    let fallen = storm.cluster.ready_within(Duration::from_secs(60)).await?;
    ensure!(fallen.is_empty(), "in the end, {}", fallen.join("; "));
    conclude(&verdict);
    println!("chaos: all as it should be");
    Ok(())
}

fn report(storm: &Storm, time: Duration) {
    let tally: &Tally = &storm.tally;
    println!("the storm took {} s; what was done:", time.as_secs());
    for (name, times) in &tally.acts {
        println!("  {times:>5}  {name}");
    }
    println!("kills of services and workers: {}, by kind: {:?}", tally.kills, tally.killed);
    println!("brokers ended by a full disk: {}", tally.full_disks_that_ended_a_broker);
    let total = |of: fn(&Carried) -> &std::sync::atomic::AtomicU64| -> u64 {
        storm.cluster.proxies.iter().map(|proxy| of(proxy.tally()).load(Ordering::Relaxed)).sum()
    };
    println!(
        "at the proxies: {} connections taken, {} refused, {} cut; answers of appends: {} delayed, {} lost, {} doubled, {} denied",
        total(|tally| &tally.connections),
        total(|tally| &tally.refused),
        total(|tally| &tally.cut),
        total(|tally| &tally.slowed),
        total(|tally| &tally.lost),
        total(|tally| &tally.echoed),
        total(|tally| &tally.disordered)
    );
    println!("ended by themselves and started again: {}", tally.fallen.len());
    tally.fallen.iter().for_each(|fallen| println!("  {fallen}"));
    println!("recovery of a killed process to ready, nothing else wrong: {}", times(&tally.recoveries));
    println!("all ready after the faults of a stretch: {}", times(&tally.settlings));
}

fn times(times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort();
    let at = |share: f64| sorted.get(((sorted.len().saturating_sub(1)) as f64 * share).round() as usize);
    match (at(0.5), at(0.99), sorted.last()) {
        (Some(half), Some(most), Some(longest)) => format!(
            "p50 {:.2} s, p99 {:.2} s, longest {:.2} s of {}",
            half.as_secs_f64(),
            most.as_secs_f64(),
            longest.as_secs_f64(),
            sorted.len()
        ),
        _ => "none was measured".to_owned(),
    }
}

fn conclude(verdict: &Verdict) {
    let of = |what: &str| verdict.records[what].as_u64().unwrap_or_default();
    println!(
        "log: {} records, {} facts, {} duplicates, {} lost a race ({:.2} %); 0 violations of {} invariants; 0 dead letters",
        of("records"),
        of("facts"),
        of("duplicates"),
        of("raced"),
        100.0 * (of("duplicates") + of("raced")) as f64 / of("records").max(1) as f64,
        verdict.invariants
    );
    for (campaign, facts) in &verdict.campaigns {
        println!("{campaign}: replay --verify true, {facts} facts");
    }
    println!("the short campaign decided the same before and in the storm");
}
