//! The learning rate over a run.

use serde::{Deserialize, Serialize};

use super::Training;

/// What the learning rate does after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// It falls along half a cosine until the last step, to this share of the peak.
    Cosine {
        /// Share of the peak that is left at the last step.
        floor: f64,
    },
    /// Warm-up, stable, decay (MiniCPM, arXiv 2404.06395): it stays at the peak, then falls along a line.
    Wsd {
        /// Steps of the fall, the last of the run.
        decay: u32,
        /// Share of the peak that is left at the last step.
        floor: f64,
    },
}

impl Schedule {
    /// Share of the peak that is left at the last step.
    pub(super) fn floor(self) -> f64 {
        match self {
            Schedule::Cosine { floor } | Schedule::Wsd { floor, .. } => floor,
        }
    }

    /// Share of the way down, 0 to 1, of a step after the warm-up.
    fn fallen(self, step: u32, warmup: u32, steps: u32) -> f64 {
        let share = |from: u32| f64::from(step.saturating_sub(from)) / f64::from(steps.saturating_sub(from).max(1));
        match self {
            Schedule::Cosine { .. } => 0.5 * (1.0 - (std::f64::consts::PI * share(warmup).min(1.0)).cos()),
            Schedule::Wsd { decay, .. } => share(steps.saturating_sub(decay).max(warmup)).min(1.0),
        }
    }
}

impl Training {
    /// Learning rate of a step (from 1): a line up to the peak, then the schedule.
    pub fn rate(&self, step: u32) -> f64 {
        let warmup = self.warmup.min(self.steps);
        if step <= warmup {
            return self.learning_rate * f64::from(step) / f64::from(warmup);
        }
        let (floor, fallen) = (self.schedule.floor(), self.schedule.fallen(step, warmup, self.steps));
        self.learning_rate * (floor + (1.0 - floor) * (1.0 - fallen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    fn training(steps: u32, schedule: Schedule) -> Training {
        Training { learning_rate: 2.0, warmup: 10, schedule, ..fixtures::job(steps).training }
    }

    #[test]
    fn a_cosine_rises_to_its_peak_and_falls_to_its_floor() {
        let cosine = training(110, Schedule::Cosine { floor: 0.1 });
        let near = |step, rate: f64| (cosine.rate(step) - rate).abs() < 1e-12;
        assert!(near(1, 0.2) && near(10, 2.0) && near(60, 1.1) && near(110, 0.2));
        assert!((11..110).all(|step| cosine.rate(step + 1) < cosine.rate(step)));
        let short = Training { steps: 4, ..cosine };
        assert_eq!((short.rate(1), short.rate(4)), (0.5, 2.0));
    }

    #[test]
    fn warm_up_stable_decay_stays_at_its_peak_and_falls_in_its_last_steps() {
        let wsd = training(110, Schedule::Wsd { decay: 20, floor: 0.0 });
        let rates = [1, 10, 11, 60, 90, 95, 100, 110].map(|step| wsd.rate(step));
        assert_eq!(rates, [0.2, 2.0, 2.0, 2.0, 2.0, 1.5, 1.0, 0.0]);
        // A decay that is longer than what the warm-up leaves begins at its end.
        let long = training(20, Schedule::Wsd { decay: 50, floor: 0.5 });
        assert_eq!([10, 15, 20].map(|step| long.rate(step)), [2.0, 1.5, 1.0]);
    }
}
