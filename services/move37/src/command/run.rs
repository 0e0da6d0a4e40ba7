//! `run`: a campaign with all services in this process, from its start or from where it was left.

mod examine;
mod opening;

use std::sync::Arc;
use std::time::Duration;

use move37_eventlog::EventLog;
use move37_runtime::SystemClock;
use move37_sqlite::StateLock;
use move37_trainer::worker::Candle;
use serde_json::json;

use self::opening::Opening;
use super::campaign::summary;
use crate::config::Wish;
use crate::engine::{Services, share_cores};
use crate::failure::{Answer, Failure};
use crate::journal::{Live, StateDir, pick, read_all};
use crate::output;
use crate::progress::{Reporter, reporter};
use crate::view::{CampaignView, Phase, report};

/// How often progress is drawn.
const TICK: Duration = Duration::from_millis(500);

/// Start a campaign, or resume the one that was left, with all services in this process
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  move37 run --experiments 6 --seed 7\n  \
    move37 run --config campaign.toml --text my-texts/ --json\n\n\
    An unfinished campaign of the state directory is resumed. Ctrl-C leaves in good order.")]
pub struct Arguments {
    #[command(flatten)]
    wish: Wish,
    #[command(flatten)]
    state: StateDir,
    /// Check programs and settings and say what would be done, without doing it
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object per line; the last is the summary
    #[arg(long)]
    pub json: bool,
}

pub async fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    if arguments.dry_run {
        return examine::dry_run(&arguments.wish, &arguments.state, arguments.json);
    }
    let _lock = StateLock::acquire(arguments.state.root())?;
    let log: Arc<dyn EventLog> = Arc::new(arguments.state.open_to_write()?);
    let book = read_all(&*log).await?;
    let opening = Opening::choose(&book, &arguments.wish, &arguments.state.data(), &mut |text| tell(arguments, text))?;
    let campaign = opening.campaign().clone();
    let mut view = CampaignView::new(campaign.clone());
    opening.begin(&log).await?;

    let mut live = Live::open(&*log).await?;
    // What lies there is taken in first, so that only new facts are told.
    while live.book().entries().len() < book.entries().len() + usize::from(opening.is_new()) {
        live.next().await?.iter().for_each(|entry| view.take(entry));
    }
    let mut reporter = reporter(arguments.json, &view);
    let (slots, threads) = view.config.as_ref().map_or((1, 1), share_cores);
    let backend = Candle { data: arguments.state.data(), threads: threads as usize };
    let mut services = Services::start(log.clone(), Arc::new(SystemClock), backend, (slots, threads))?;
    let ending = follow(&mut live, &mut view, &mut *reporter, &mut services).await;
    services.drain("the run ended").await;
    reporter.end();
    let ending = ending?;
    // What was written while the services left belongs to the summary.
    let view = pick(&read_all(&*log).await?, Some(&campaign))?;
    conclude(arguments, &view, &ending)
}

/// A sentence for the user, before progress is shown.
fn tell(arguments: &Arguments, text: &str) {
    match arguments.json {
        true => output::json(&json!({ "kind": "note", "text": text })),
        false => output::line(text),
    }
}

/// How following a campaign ended.
enum Ending {
    Closed,
    Interrupted,
}

/// Tell what happens until the campaign is over, the user interrupts, or a service fails.
async fn follow(
    live: &mut Live,
    view: &mut CampaignView,
    reporter: &mut dyn Reporter,
    services: &mut Services,
) -> Result<Ending, Failure> {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        if view.phase().is_over() {
            return Ok(Ending::Closed);
        }
        tokio::select! {
            batch = live.next() => {
                for entry in batch? {
                    view.take(&entry);
                    if entry.campaign() == Some(&view.id) {
                        reporter.fact(&entry, view);
                    }
                }
            }
            _ = tick.tick() => reporter.tick(view),
            stopped = services.failed() => return Err(stopped.into()),
            () = interrupted() => {
                reporter.note("interrupted: finishing what is being written ..");
                return Ok(Ending::Interrupted);
            }
        }
    }
}

/// Ctrl-C, or a polite request to end.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

fn conclude(arguments: &Arguments, view: &CampaignView, ending: &Ending) -> Result<Answer, Failure> {
    if arguments.json {
        let mut value = summary(view);
        value["kind"] = "summary".into();
        value["state"] = json!(arguments.state.root());
        output::json(&value);
    } else {
        output::line("");
        report(view).iter().for_each(output::line);
        output::line(next_step(view, ending, arguments));
    }
    Ok(Answer::from_bool(view.phase() == Phase::Closed(move37_events::facts::CloseReason::Finished)))
}

fn next_step(view: &CampaignView, ending: &Ending, arguments: &Arguments) -> String {
    let state = arguments.state.root().display();
    match ending {
        Ending::Interrupted => format!("left in good order: `move37 run --state {state}` goes on with {}", view.id),
        Ending::Closed => {
            format!("next: `move37 replay --verify --state {state}`, `move37 explain last-insight --state {state}`")
        }
    }
}
