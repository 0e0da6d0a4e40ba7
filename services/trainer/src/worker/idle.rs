//! A backend that does not train: to measure what everything else costs, and to rehearse a system without its GPUs.

use std::thread;
use std::time::{Duration, Instant};

use move37_core::Hash;
use move37_events::facts::{Job, Outcome, Platform, RunResult, Stage, TaskKind};
use move37_training::Error;
use move37_training::run::{Cancel, Observer, State};

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
    fn train(&self, job: &Job, state: Option<&[u8]>, observer: &mut dyn Observer, cancel: &Cancel) -> Outcome {
        let from = match state.map(|bytes| Passed::read(job, bytes)).transpose() {
            Ok(from) => from.unwrap_or(0),
            Err(why) => return Outcome::Faulted(why),
        };
        if !self.pass(job, from, observer, cancel) {
            return Outcome::Stopped;
        }
        Outcome::Completed(Box::new(result(job)))
    }
}

impl Idle {
    /// What its results, and workers with it, name as their device.
    pub const DEVICE: &str = "rehearsal: nothing was trained";

    /// Take the steps, evenly over the time; false once cancelled.
    fn pass(&self, job: &Job, from: u32, observer: &mut dyn Observer, cancel: &Cancel) -> bool {
        let (steps, begun) = (job.training.steps, Instant::now());
        if self.time.is_zero() && !cancel.is_cancelled() {
            observer.step(steps, 1.0, Duration::ZERO);
            return true;
        }
        let each = self.time / steps.max(1);
        for step in from + 1..=steps {
            let due = each * (step - from);
            loop {
                if cancel.is_cancelled() {
                    observer.stopping(&Passed { job, step: step - 1 });
                    return false;
                }
                let left = due.saturating_sub(begun.elapsed());
                if left.is_zero() {
                    break;
                }
                thread::sleep(left.min(GLANCE));
            }
            observer.step(step, 1.0, due);
            observer.between(&Passed { job, step });
        }
        true
    }
}

/// How much of a rehearsal has passed.
struct Passed<'a> {
    job: &'a Job,
    step: u32,
}

impl State for Passed<'_> {
    fn step(&self) -> u32 {
        self.step
    }

    fn bytes(&self) -> Result<Vec<u8>, Error> {
        Ok(format!("{}{}", Passed::of(self.job), self.step).into_bytes())
    }
}

impl Passed<'_> {
    /// What the state of a job begins with.
    fn of(job: &Job) -> String {
        format!("rehearsal of {} on {} with seed {}, after step ", job.program, job.task.name, job.seed)
    }

    /// Steps of a state of this job.
    fn read(job: &Job, bytes: &[u8]) -> Result<u32, String> {
        let text = std::str::from_utf8(bytes).ok();
        let step = text.and_then(|text| text.strip_prefix(&Passed::of(job))).and_then(|step| step.parse().ok());
        step.ok_or_else(|| "failed to go on from the checkpoint: it is not of this rehearsal".to_owned())
    }
}

fn result(job: &Job) -> RunResult {
    let digest = Hash::of(format!("{} {} {}", job.program, job.task.name, job.seed).as_bytes()).to_string();
    // 0 to 255, from the first two hexadecimal digits.
    let chance = f64::from(u8::from_str_radix(&digest[..2], 16).unwrap_or_default());
    let value = match &job.task.kind {
        TaskKind::Bytes { .. } | TaskKind::Tokens { .. } => 2.0 + chance / 255.0,
        TaskKind::Mqar { .. } | TaskKind::Mad { .. } | TaskKind::Examples { .. } => 0.3 + chance / 512.0,
    };
    RunResult {
        task: job.task.name.clone(),
        seed: job.seed_number,
        value,
        test: (job.stage == Stage::Verify).then_some(value),
        validation_loss: 2.0 + chance / 255.0,
        curve: Vec::new(),
        curve_hash: Hash::of(b"no curve"),
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
    #![expect(clippy::unwrap_used, reason = "tests")]

    use move37_testkit::sample;

    use super::*;

    /// Counts steps, and cancels after some.
    struct Steps {
        taken: Vec<u32>,
        patience: usize,
        cancel: Cancel,
        state: Option<Vec<u8>>,
    }

    impl Observer for Steps {
        fn step(&mut self, step: u32, _loss: f32, _elapsed: Duration) {
            self.taken.push(step);
            if self.taken.len() == self.patience {
                self.cancel.cancel();
            }
        }

        fn stopping(&mut self, run: &dyn State) {
            self.state = Some(run.bytes().unwrap());
        }
    }

    fn job(seed: u64) -> Job {
        let (campaign, admitted) = (sample::campaign(), sample::admitted(1, false));
        Job {
            experiment: admitted.experiment,
            stage: Stage::Explore,
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
        let mut steps = Steps { taken: Vec::new(), patience, cancel: cancel.clone(), state: None };
        let outcome = Idle { time }.train(job, None, &mut steps, &cancel);
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

    #[test]
    fn a_rehearsal_goes_on_from_its_state_and_from_no_other() {
        let (job, cancel, time) = (job(1), Cancel::default(), Duration::from_millis(5));
        let mut steps = Steps { taken: Vec::new(), patience: 2, cancel: cancel.clone(), state: None };
        assert_eq!(Idle { time }.train(&job, None, &mut steps, &cancel), Outcome::Stopped);
        let state = steps.state.unwrap();
        let mut rest = Steps { taken: Vec::new(), patience: usize::MAX, cancel: Cancel::default(), state: None };
        let outcome = Idle { time }.train(&job, Some(&state), &mut rest, &Cancel::default());
        assert_eq!(rest.taken, (3..=job.training.steps).collect::<Vec<_>>());
        assert_eq!(outcome, rehearsed(&job, Duration::ZERO, usize::MAX).0);
        let other = Idle { time }.train(&self::job(2), Some(&state), &mut rest, &Cancel::default());
        assert!(matches!(other, Outcome::Faulted(_)), "{other:?}");
    }
}
