//! `run`: a campaign from its start, or from where it was left. On a laptop all services are in this process; on a
//! cluster they run by themselves, and this process starts the campaign and follows it.

mod cost;
mod examine;
mod follow;
mod opening;
mod silence;

use std::sync::Arc;

use move37_blobs::Store;
use move37_core::CampaignId;
use move37_eventlog::EventLog;
use move37_events::Fact;
use move37_events::facts::CloseReason;
use move37_kafka::KafkaLog;
use move37_runtime::SystemClock;
use move37_sqlite::StateLock;
use move37_trainer::worker::{Candle, Devices, in_words};
use move37_training::run::Compute;
use serde_json::json;

use self::follow::{Ending, Help, follow};
use self::silence::Silence;
use super::campaign::summary;
use crate::config::Wish;
use crate::engine::{Services, share_cores};
use crate::failure::{Answer, Failure};
use crate::journal::{Live, pick, read_all};
use crate::output;
use crate::place::Place;
use crate::progress::{Reporter, reporter};
use crate::view::{Book, CampaignView, Phase, report};

pub use self::opening::Opening;

/// Start a campaign, or resume the one that was left, and follow it to its end
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  move37 run --experiments 6 --seed 7\n  \
    move37 run --config campaign.toml --text my-texts/ --json\n  \
    move37 run --profile verify-340m --text my-texts/ --dry-run\n  \
    move37 run --kafka localhost:9092 --experiments 100 --lanes 8\n\n\
    Without Kafka all services are in this process, and Ctrl-C leaves in good order; with it the services run by\n\
    themselves, this process only follows, and Ctrl-C ends nothing but the following. A campaign that is not over is\n\
    resumed.")]
pub struct Arguments {
    #[command(flatten)]
    wish: Wish,
    /// Go on with this campaign; the newest that is not over if left out
    #[arg(long, value_name = "CAMPAIGN")]
    campaign: Option<CampaignId>,
    #[command(flatten)]
    place: Place,
    /// Check programs and settings and say what would be done, without doing it
    #[arg(long)]
    dry_run: bool,
    /// What trains, a slot for each; may be given several times: cuda:0 and the like, or candle, with -bf16 behind it if wanted; our
    /// own kernels on the CPU if left out
    #[arg(long = "device", value_name = "DEVICE")]
    devices: Vec<Compute>,
    /// Print one JSON object per line; the last is the summary
    #[arg(long)]
    pub json: bool,
}

pub async fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    for device in &arguments.devices {
        device.open().map_err(|error| Failure::failed(error.to_string()))?;
    }
    if arguments.dry_run {
        let book = match arguments.wish.needs_history() {
            true => arguments.place.read().await?,
            false => Book::default(),
        };
        return examine::dry_run(&arguments.wish, &book, arguments.place.state(), arguments.json);
    }
    if !arguments.devices.is_empty() && arguments.place.cluster()?.is_some() {
        let why = "--device is of a run in this process: on a cluster, name devices in [worker] of the workers' configuration";
        return Err(Failure::usage(why));
    }
    match arguments.place.cluster()? {
        None => here(arguments).await,
        Some(settings) => there(arguments, Arc::new(KafkaLog::connect(settings).await?)).await,
    }
}

/// With all services in this process.
async fn here(arguments: &Arguments) -> Result<Answer, Failure> {
    let state = arguments.place.state();
    let _lock = StateLock::acquire(state.root())?;
    let log: Arc<dyn EventLog> = Arc::new(state.open_to_write()?);
    let mut opened = open(arguments, &log, "choose another directory with --state").await?;
    let (slots, threads) = opened.view.config.as_ref().map_or((1, 1), share_cores);
    let slots = if arguments.devices.is_empty() { slots } else { arguments.devices.len() as u32 };
    let devices = Devices::of(&arguments.devices);
    let backend = Candle { data: state.data(), threads: threads as usize, devices };
    let store = Store::folder(&state.root().join("blobs"))?;
    let mut services = Services::start(
        log.clone(),
        Arc::new(SystemClock),
        backend,
        store,
        in_words(&arguments.devices),
        (slots, threads),
    )?;
    let ending = follow(&mut opened, Help::Here(&mut services)).await;
    services.drain("the run ended").await;
    opened.reporter.end();
    let ending = ending?;
    // What was written while the services left belongs to the summary.
    let view = pick(&read_all(&log).await?, Some(&opened.view.id))?;
    conclude(arguments, &view, &ending)
}

/// With the services on a cluster.
async fn there(arguments: &Arguments, log: Arc<dyn EventLog>) -> Result<Answer, Failure> {
    let mut opened = open(arguments, &log, "start another beside it with `move37 campaign start`").await?;
    let silence = Silence::new(arguments.place.flags(), &opened.view);
    let ending = follow(&mut opened, Help::There(silence)).await;
    opened.reporter.end();
    conclude(arguments, &opened.view, &ending?)
}

/// A campaign that has begun, and what shows it.
struct Opened {
    live: Live,
    view: CampaignView,
    reporter: Box<dyn Reporter>,
}

/// Read what is there, choose the campaign, and begin it where it is new. Only what comes later is told.
async fn open(arguments: &Arguments, log: &Arc<dyn EventLog>, beside: &str) -> Result<Opened, Failure> {
    let mut live = Live::open(log).await?;
    live.catch_up().await?;
    let mut tell = |text: &str| match arguments.json {
        true => output::json(&json!({ "kind": "note", "text": text })),
        false => output::line(text),
    };
    let data = arguments.place.state().data();
    let wanted = arguments.campaign.as_ref();
    let opening = Opening::choose(live.book(), wanted, &arguments.wish, &data, beside, &mut tell)?;
    opening.begin(log, None).await?;
    let mut view = CampaignView::new(opening.campaign().clone());
    live.book().entries().iter().for_each(|entry| view.take(entry));
    let mut early = Vec::new();
    while view.config.is_none() {
        if let Some(entry) = live.next().await? {
            view.take(&entry);
            early.push(entry);
        }
    }
    let mut reporter = reporter(arguments.json, &view);
    // The start itself has been told already.
    let is_news = |entry: &Fact| !matches!(entry, Fact::Campaign(_));
    for entry in early.iter().filter(|entry| is_news(&entry.fact) && entry.campaign() == Some(&view.id)) {
        reporter.fact(entry, &view);
    }
    Ok(Opened { live, view, reporter })
}

fn conclude(arguments: &Arguments, view: &CampaignView, ending: &Ending) -> Result<Answer, Failure> {
    let cluster = arguments.place.cluster()?.map(|settings| settings.bootstrap);
    if arguments.json {
        let mut value = summary(view);
        value["kind"] = "summary".into();
        match &cluster {
            Some(brokers) => value["kafka"] = json!(brokers),
            None => value["state"] = json!(arguments.place.state().root()),
        }
        output::json(&value);
    } else {
        output::line("");
        report(view).iter().for_each(output::line);
        output::line(next_step(&view.id, ending, cluster.is_some(), &arguments.place.flags()));
    }
    Ok(Answer::from_bool(view.phase() == Phase::Closed(CloseReason::Finished)))
}

fn next_step(id: &CampaignId, ending: &Ending, on_cluster: bool, flags: &str) -> String {
    match (ending, on_cluster) {
        (Ending::Closed, _) => {
            format!("next: `move37 replay --verify {flags}`, `move37 explain last-insight {flags}`")
        }
        (Ending::Interrupted, false) => format!("left in good order: `move37 run {flags}` goes on with {id}"),
        (Ending::Interrupted, true) => format!(
            "{id} goes on without this process: `move37 run {flags} --campaign {id}` follows it again, \
             `move37 campaign pause {id} {flags}` pauses it, `move37 campaign stop {id} {flags}` ends it"
        ),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn whoever_stops_following_a_cluster_is_told_that_the_campaign_goes_on_and_how_to_end_it() {
        let id = "campaign-1".parse().unwrap();
        let said = next_step(&id, &Ending::Interrupted, true, "--kafka k:9092");
        for part in ["goes on without this process", "run --kafka k:9092 --campaign", "campaign pause", "campaign stop"]
        {
            assert!(said.contains(part), "{said}");
        }
        assert!(next_step(&id, &Ending::Interrupted, false, "--state x").contains("left in good order"));
    }
}
