//! Following a campaign to its end.

use std::time::{Duration, Instant};

use super::Opened;
use super::silence::Silence;
use crate::engine::Services;
use crate::failure::Failure;
use crate::interrupt;

/// How often progress is drawn.
const TICK: Duration = Duration::from_millis(500);

/// How following a campaign ended.
pub enum Ending {
    Closed,
    Interrupted,
}

/// Who works on the campaign.
pub enum Help<'a> {
    /// Services of this process.
    Here(&'a mut Services),
    /// Services of a cluster, which may be missing.
    There(Silence),
}

/// Tell what happens until the campaign is over, the user interrupts, or a service of this process fails.
pub async fn follow(opened: &mut Opened, mut help: Help<'_>) -> Result<Ending, Failure> {
    let Opened { live, view, reporter } = opened;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut told = live.book().flaws.len();
    loop {
        for flaw in live.book().flaws.iter().skip(told) {
            reporter.note(&format!("a record that is no fact: {flaw}"));
        }
        told = live.book().flaws.len();
        if view.phase().is_over() {
            return Ok(Ending::Closed);
        }
        let failed = async {
            match &mut help {
                Help::Here(services) => services.failed().await,
                Help::There(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            next = live.next() => {
                if let Some(entry) = next? {
                    view.take(&entry);
                    if entry.campaign() == Some(&view.id) {
                        reporter.fact(&entry, view);
                    }
                }
            }
            stopped = failed => return Err(stopped.into()),
            _ = tick.tick() => {
                reporter.tick(view);
                if let Help::There(silence) = &mut help
                    && let Some(hint) = silence.hint(view, Instant::now())
                {
                    reporter.note(&hint);
                }
            }
            () = interrupt::asked() => {
                reporter.note(match help {
                    Help::Here(_) => "interrupted: finishing what is being written ..",
                    Help::There(_) => "interrupted: the campaign goes on, only the following ends",
                });
                return Ok(Ending::Interrupted);
            }
        }
    }
}
