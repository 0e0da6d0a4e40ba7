//! What a campaign has learned, in numbers.

use move37_events::facts::{Campaign, Failure, Lessons, MoveRecord, Standing};

use crate::state::{Baseline, Memory, Tally};

/// Failures that lessons keep.
pub(crate) const FAILURES: usize = 10;

impl Memory {
    /// The lessons so far.
    pub(crate) fn lessons(&self, campaign: &Campaign) -> Lessons {
        Lessons {
            weak_task: self.weak_task(campaign),
            moves: self.moves.iter().map(|(name, tally)| record(name, tally)).collect(),
            failures: self.failures.clone(),
        }
    }

    /// The task on which the pool's best gains least against the baseline; none while the baseline leads or is
    /// unknown.
    fn weak_task(&self, campaign: &Campaign) -> Option<String> {
        let (Baseline::Known(baseline), Some(best)) = (&self.baseline, self.pool.first()) else {
            return None;
        };
        if best.experiment == baseline.experiment {
            return None;
        }
        let gains = campaign.tasks.iter().filter_map(|task| {
            let gain = gain(baseline, best, &task.name, task.kind.higher_is_better())?;
            Some((gain, &task.name))
        });
        gains.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name.clone())
    }

    /// Count an ended experiment's moves: its gain over the parent where it was scored.
    pub(crate) fn count_moves(&mut self, moves: &[String], gain: Option<f64>) {
        for name in moves {
            let tally = self.moves.entry(name.clone()).or_default();
            tally.tried += 1;
            match gain {
                Some(gain) => {
                    tally.gain += gain;
                    tally.improved += u32::from(gain > 0.0);
                }
                None => tally.failed += 1,
            }
        }
    }

    /// Remember a failure, and forget the oldest beyond the bound.
    pub(crate) fn remember(&mut self, failure: Failure) {
        self.failures.push(failure);
        let excess = self.failures.len().saturating_sub(FAILURES);
        self.failures.drain(..excess);
    }
}

/// Relative gain of a task's value; positive is better.
fn gain(baseline: &Standing, best: &Standing, task: &str, higher_is_better: bool) -> Option<f64> {
    let (from, to) = (baseline.results.tasks.get(task)?.value, best.results.tasks.get(task)?.value);
    let change = (to - from) / from.abs().max(1e-9);
    Some(if higher_is_better { change } else { -change })
}

fn record(name: &str, tally: &Tally) -> MoveRecord {
    let scored = tally.tried - tally.failed;
    let mean_gain = if scored == 0 { 0.0 } else { tally.gain / f64::from(scored) };
    MoveRecord { name: name.to_owned(), tried: tally.tried, improved: tally.improved, failed: tally.failed, mean_gain }
}
