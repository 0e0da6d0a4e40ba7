//! The learning rate over a run.

use super::Training;

/// Share of the peak that is left at the last step.
const FLOOR: f64 = 0.1;

impl Training {
    /// Learning rate of a step (from 1): a line up to the peak, then half a cosine down to a tenth of it.
    pub fn rate(&self, step: u32) -> f64 {
        let warmup = self.warmup.min(self.steps);
        if step <= warmup {
            return self.learning_rate * f64::from(step) / f64::from(warmup);
        }
        let progress = f64::from(step - warmup) / f64::from((self.steps - warmup).max(1));
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos());
        self.learning_rate * (FLOOR + (1.0 - FLOOR) * cosine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_to_its_peak_and_falls_to_a_tenth() {
        let training = Training {
            steps: 110,
            batch: 1,
            learning_rate: 2.0,
            warmup: 10,
            weight_decay: 0.0,
            clip: 1.0,
            validation: 1,
        };
        let near = |step, rate: f64| (training.rate(step) - rate).abs() < 1e-12;
        assert!(near(1, 0.2) && near(10, 2.0) && near(60, 1.1) && near(110, 0.2));
        assert!((11..110).all(|step| training.rate(step + 1) < training.rate(step)));
        let short = Training { steps: 4, ..training };
        assert_eq!((short.rate(1), short.rate(4)), (0.5, 2.0));
    }
}
