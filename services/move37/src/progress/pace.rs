//! How fast a campaign goes, and how long it will take.

use std::time::{Duration, Instant};

use crate::view::{CampaignView, Phase, duration, number};

/// Measures from when this process took the campaign up.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    begun: Instant,
    done_before: f64,
}

impl Pace {
    /// Start measuring.
    pub fn new(view: &CampaignView) -> Pace {
        Pace { begun: Instant::now(), done_before: view.work().0 }
    }

    /// Time until all planned experiments are done; none before there is something to judge by.
    fn left(&self, view: &CampaignView) -> Option<Duration> {
        let (done, planned) = view.work();
        estimate(self.begun.elapsed(), done - self.done_before, planned - done)
    }

    /// Experiments, best so far, budget, time left: one line.
    pub fn line(&self, view: &CampaignView) -> String {
        let (done, planned) = view.work();
        let mut parts = vec![format!("{} of {planned:.0} trained", number_done(done))];
        match (&view.record, view.best()) {
            (Some(record), _) => parts.push(format!("record {} {}", number(record.fitness), record.name)),
            (None, Some(best)) => {
                parts.push(format!("best so far, unconfirmed {} {}", number(best.fitness), best.name));
            }
            (None, None) => {}
        }
        if let Some(promotion) = &view.promotion {
            parts.push(format!("verifying #{}", promotion.experiment));
        }
        if let Some(left) = &view.left {
            parts.push(format!("{} experiments and {} failures left", left.experiments, left.failures));
        }
        parts.push(match (view.phase(), self.left(view)) {
            (Phase::Paused, _) => format!("paused: `move37 campaign resume {}` lets it go on", view.id),
            (Phase::Stopping(_), _) => "stopping".to_owned(),
            (_, Some(left)) => format!("about {} to go", duration(left)),
            (_, None) => "time to go not known yet".to_owned(),
        });
        parts.join(" · ")
    }
}

fn number_done(done: f64) -> String {
    format!("{done:.1}")
}

/// By the rate so far; none before a twentieth of an experiment is done.
fn estimate(elapsed: Duration, done: f64, left: f64) -> Option<Duration> {
    (done > 0.05).then(|| elapsed.mul_f64((left.max(0.0) / done).min(1e6)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_takes_as_long_as_what_was_done() {
        assert_eq!(estimate(Duration::from_secs(60), 2.0, 4.0), Some(Duration::from_secs(120)));
        assert_eq!(estimate(Duration::from_secs(60), 0.0, 4.0), None);
        assert_eq!(estimate(Duration::from_secs(60), 2.0, -1.0), Some(Duration::ZERO));
    }
}
