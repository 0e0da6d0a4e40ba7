//! Progress of a run, and the keeping of its state.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use move37_training::run::{Observer, State};

use super::keep::Keep;
use crate::view::number;

/// Shows steps, losses and the time that is left.
pub struct Watch {
    pub bar: ProgressBar,
    drawn: Instant,
    keep: Option<Keep>,
}

impl Watch {
    /// Of a run of so many steps, of which some may be done.
    pub fn new(quiet: bool, steps: u32, done: u32, keep: Option<Keep>) -> Watch {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(u64::from(steps)) };
        let template = "  {bar:20.cyan} step {pos}/{len} · {msg} · {eta} to go";
        let style = ProgressStyle::with_template(template).expect("the template is well formed");
        let bar = bar.with_style(style.progress_chars("━╸ ")).with_position(u64::from(done));
        bar.reset_eta();
        Watch { bar, drawn: Instant::now(), keep }
    }

    /// What keeps the run's state.
    pub fn keep(&self) -> Option<&Keep> {
        self.keep.as_ref()
    }
}

impl Observer for Watch {
    fn step(&mut self, step: u32, loss: f32, _elapsed: Duration) {
        if self.drawn.elapsed() > Duration::from_millis(100) {
            self.drawn = Instant::now();
            self.bar.set_position(u64::from(step));
            self.bar.set_message(format!("loss {}", number(f64::from(loss))));
        }
    }

    fn between(&mut self, run: &dyn State) {
        if let Some(keep) = &mut self.keep {
            keep.now_and_then(run);
        }
    }

    fn stopping(&mut self, run: &dyn State) {
        if let Some(keep) = &mut self.keep {
            keep.keep(run);
        }
    }

    fn validating(&mut self) {
        self.bar.set_message("validating");
    }
}
