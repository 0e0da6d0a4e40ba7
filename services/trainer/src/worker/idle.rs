//! A backend that does not train: to measure what everything else costs, and to rehearse a system without its GPUs.

use std::thread;
use std::time::{Duration, Instant};

use move37_core::Hash;
use move37_events::facts::{Job, Outcome, Platform, RunResult, TaskKind};
use move37_training::run::{Cancel, Observer};

use super::Backend;

/// How often it looks whether it was cancelled.
const GLANCE: Duration = Duration::from_millis(20);

/// Passes the time of a training and answers with numbers that follow from the program's digest. They mean nothing,
/// and their platform says so.
#[derive(Clone, Copy, Debug, Default)]
pub struct Idle {
    /// How long each training takes; none answers at once.
    pub time: Duration,
}

impl Backend for Idle {
    fn train(&self, job: &Job, observer: &mut dyn Observer, cancel: &Cancel) -> Outcome {
        if cancel.is_cancelled() || !self.pass(job.training.steps, observer, cancel) {
            return Outcome::Stopped;
        }
        Outcome::Completed(Box::new(result(job)))
    }
}

impl Idle {
    /// What its results, and workers with it, name as their device.
    pub const DEVICE: &str = "rehearsal: nothing was trained";

    /// Take the steps, evenly over the time; false once cancelled.
    fn pass(&self, steps: u32, observer: &mut dyn Observer, cancel: &Cancel) -> bool {
        if self.time.is_zero() {
            observer.step(steps, 1.0, Duration::ZERO);
            return true;
        }
        let begun = Instant::now();
        for step in 1..=steps {
            let due = self.time.mul_f64(f64::from(step) / f64::from(steps));
            loop {
                if cancel.is_cancelled() {
                    return false;
                }
                let left = due.saturating_sub(begun.elapsed());
                if left.is_zero() {
                    break;
                }
                thread::sleep(left.min(GLANCE));
            }
            observer.step(step, 1.0, due);
        }
        true
    }
}

fn result(job: &Job) -> RunResult {
    let digest = Hash::of(format!("{} {} {}", job.program, job.task.name, job.seed).as_bytes()).to_string();
    // 0 to 255, from the first two hexadecimal digits.
    let chance = f64::from(u8::from_str_radix(&digest[..2], 16).unwrap_or_default());
    let value = match &job.task.kind {
        TaskKind::Bytes { .. } => 2.0 + chance / 255.0,
        TaskKind::Mqar { .. } => 0.3 + chance / 512.0,
    };
    RunResult {
        task: job.task.name.clone(),
        seed: job.seed_number,
        value,
        validation_loss: 2.0 + chance / 255.0,
        curve: Vec::new(),
        parameters: 0,
        tokens: 0,
        flops: 0.0,
        data_hash: Hash::of(b"no data"),
        program: job.program,
        platform: Platform {
            binary: env!("CARGO_PKG_VERSION").to_owned(),
            device: Idle::DEVICE.to_owned(),
            features: String::new(),
            threads: 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use move37_testkit::sample;

    use super::*;

    /// Counts steps, and cancels after some.
    struct Steps {
        taken: Vec<u32>,
        patience: usize,
        cancel: Cancel,
    }

    impl Observer for Steps {
        fn step(&mut self, step: u32, _loss: f32, _elapsed: Duration) {
            self.taken.push(step);
            if self.taken.len() == self.patience {
                self.cancel.cancel();
            }
        }
    }

    fn job(seed: u64) -> Job {
        let (campaign, admitted) = (sample::campaign(), sample::admitted(1, false));
        Job {
            experiment: admitted.experiment,
            source: admitted.source,
            program: admitted.program,
            model: campaign.model,
            task: campaign.tasks[0].clone(),
            training: campaign.training,
            seed_number: 0,
            seed,
        }
    }

    fn rehearsed(job: &Job, time: Duration, patience: usize) -> (Outcome, Vec<u32>) {
        let cancel = Cancel::default();
        if patience == 0 {
            cancel.cancel();
        }
        let mut steps = Steps { taken: Vec::new(), patience, cancel: cancel.clone() };
        let outcome = Idle { time }.train(job, &mut steps, &cancel);
        (outcome, steps.taken)
    }

    #[test]
    fn a_rehearsal_takes_every_step_and_says_that_nothing_was_trained() {
        let job = job(1);
        let (outcome, steps) = rehearsed(&job, Duration::from_millis(5), usize::MAX);
        assert_eq!(steps, (1..=job.training.steps).collect::<Vec<_>>());
        let Outcome::Completed(result) = &outcome else { panic!("{outcome:?}") };
        assert_eq!(result.platform.device, "rehearsal: nothing was trained");
        assert_eq!((result.flops, result.parameters), (0.0, 0));
        assert_eq!(outcome, rehearsed(&job, Duration::ZERO, usize::MAX).0);
    }

    #[test]
    fn another_seed_rehearses_another_result() {
        let value = |seed| match rehearsed(&job(seed), Duration::ZERO, usize::MAX).0 {
            Outcome::Completed(result) => result.value,
            other => panic!("{other:?}"),
        };
        assert_eq!(value(1), value(1));
        assert_ne!(value(1), value(2));
    }

    #[test]
    fn a_cancelled_rehearsal_stops_at_once() {
        let (outcome, steps) = rehearsed(&job(1), Duration::from_secs(3600), 0);
        assert_eq!((outcome, steps), (Outcome::Stopped, Vec::new()));
        let (outcome, steps) = rehearsed(&job(1), Duration::from_millis(5), 2);
        assert_eq!((outcome, steps), (Outcome::Stopped, vec![1, 2]));
    }
}
