//! The loop.

use std::path::Path;
use std::time::Instant;

use move37_core::Hash;

use super::checkpoint::{History, Snapshot};
use super::{Cancel, Checkpoint, CurvePoint, JobSpec, Observer, RunOutcome, Trainer};
use crate::Error;
use crate::data::Part;

/// Train one candidate on one task with one seed, from the start or from where it was stopped, then measure it. `data` is the
/// folder of stored corpora.
///
/// # Errors
/// Settings that make no sense, a corpus that is not there, a text that cannot be traced, a checkpoint of another run,
/// divergence, cancellation.
pub fn run(
    job: &JobSpec,
    data: &Path,
    from: Option<&Checkpoint>,
    observer: &mut dyn Observer,
    cancel: &Cancel,
) -> Result<RunOutcome, Error> {
    train(job, data, from, observer, cancel).map(|(outcome, _)| outcome)
}

/// The same, and the trainer with its final weights.
pub fn train(
    job: &JobSpec,
    data: &Path,
    from: Option<&Checkpoint>,
    observer: &mut dyn Observer,
    cancel: &Cancel,
) -> Result<(RunOutcome, Trainer), Error> {
    let begun = Instant::now();
    let mut trainer = Trainer::new(job, data)?;
    let mut losses = from.map(|from| trainer.resume(from)).transpose()?.unwrap_or_default();
    let history = History::here(job, from);
    losses.reserve(job.training.steps as usize - losses.len());
    observer.started(trainer.parameters(), trainer.flops_per_step());
    for step in trainer.steps_taken() + 1..=job.training.steps {
        let loss = match trainer.step_unless(cancel) {
            Err(error @ Error::Cancelled { .. }) => {
                observer.stopping(&Snapshot { trainer: &trainer, losses: &losses, history: &history });
                return Err(error);
            }
            taken => taken?,
        };
        losses.push(loss);
        observer.step(step, loss, begun.elapsed());
        observer.between(&Snapshot { trainer: &trainer, losses: &losses, history: &history });
    }
    observer.validating();
    let measure = || {
        let validation = trainer.validate(cancel)?;
        let test = job.measure_test.then(|| trainer.measure(Part::Test, cancel)).transpose()?;
        Ok((validation, test))
    };
    let (validation, test) = measure().inspect_err(|error| {
        if matches!(error, Error::Cancelled { .. }) {
            observer.stopping(&Snapshot { trainer: &trainer, losses: &losses, history: &history });
        }
    })?;
    observer.finished(&Snapshot { trainer: &trainer, losses: &losses, history: &history });
    let outcome = RunOutcome {
        value: validation.value,
        metric: trainer.task().metric(),
        validation_loss: validation.loss,
        validation_accuracy: validation.accuracy,
        validation,
        test,
        curve: CurvePoint::curve(&losses),
        curve_hash: Hash::of(&losses.iter().flat_map(|loss| loss.to_bits().to_le_bytes()).collect::<Vec<_>>()),
        parameters: trainer.parameters(),
        tokens: job.tokens(job.training.steps, trainer.task().length()),
        flops: f64::from(job.training.steps) * trainer.flops_per_step(),
        data_hash: trainer.task().data_hash(),
        program: Hash::of(job.source.as_bytes()),
        seconds: begun.elapsed().as_secs_f64(),
        platform: history.platform(),
    };
    Ok((outcome, trainer))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::time::Duration;

    use super::*;
    use crate::data::Corpus;
    use crate::fixtures::{self, text};
    use crate::task::{Metric, TaskSpec, mad};

    /// A running mean of what came before, with weights.
    const SOURCE: &str = "\
import torch, torch.nn as nn

class Mixer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.value = nn.Linear(d_model, d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        count = torch.arange(1, x.shape[1] + 1).float()
        return self.out(self.value(x).cumsum(dim=1) / count[:, None] + x)
";

    fn job(source: &str, task: TaskSpec, steps: u32) -> JobSpec {
        JobSpec { source: source.to_owned(), task, ..fixtures::job(steps) }
    }

    fn recall(source: &str, steps: u32) -> JobSpec {
        job(source, fixtures::job(1).task, steps)
    }

    fn outcome(job: &JobSpec) -> RunOutcome {
        run(job, Path::new("unused"), None, &mut super::super::Silent, &Cancel::default()).unwrap()
    }

    #[derive(Default)]
    struct Notes {
        losses: Vec<f32>,
        parameters: u64,
        cancel: Option<(u32, Cancel)>,
    }

    impl Observer for Notes {
        fn started(&mut self, parameters: u64, _: f64) {
            self.parameters = parameters;
        }
        fn step(&mut self, step: u32, loss: f32, _: Duration) {
            self.losses.push(loss);
            if let Some((last, cancel)) = &self.cancel
                && step == *last
            {
                cancel.cancel();
            }
        }
    }

    #[test]
    fn the_loss_falls_on_a_tiny_text() {
        let data = tempfile::tempdir().unwrap();
        let corpus = Corpus::new([text(1, 20_000)]);
        corpus.store(data.path()).unwrap();
        let mut job = job(SOURCE, TaskSpec::Bytes { corpus: corpus.hash(), length: 16 }, 80);
        job.training.batch = 8;
        let mut notes = Notes::default();
        let outcome = run(&job, data.path(), None, &mut notes, &Cancel::default()).unwrap();
        assert!((notes.losses[0] - 256f32.ln()).abs() < 0.1, "{}", notes.losses[0]);
        assert!(outcome.validation_loss < 2.4, "{}", outcome.validation_loss);
        assert_eq!((outcome.value, outcome.metric), (outcome.validation_loss, Metric::Loss));
        let bits = outcome.validation.bits_per_byte.unwrap();
        assert!((bits - outcome.value / std::f64::consts::LN_2).abs() < 1e-12, "{bits}");
        assert_eq!(
            (outcome.data_hash, outcome.tokens, outcome.parameters),
            (corpus.hash(), 80 * 8 * 16, notes.parameters)
        );
        assert_eq!(notes.parameters, (2 * 256 * 8 + 8 + 2 * (2 * 8 + 2 * 64 + 3 * 8 * 12)) as u64);
    }

    #[test]
    fn the_test_part_is_measured_only_where_it_is_asked_for() {
        let blind = outcome(&recall(SOURCE, 3));
        assert_eq!(blind.test, None);
        let seen = outcome(&JobSpec { measure_test: true, ..recall(SOURCE, 3) });
        let test = seen.test.unwrap();
        assert_eq!((seen.value, &seen.curve_hash), (blind.value, &blind.curve_hash));
        assert!(test.loss.is_finite() && test.loss != seen.validation.loss, "{test:?}");
    }

    #[test]
    fn every_puzzle_of_mad_trains() {
        for spec in mad::MINI {
            let outcome = outcome(&job(SOURCE, TaskSpec::Mad(spec), 2));
            assert_eq!(outcome.metric, Metric::Macro, "{spec:?}");
            assert!((0.0..=1.0).contains(&outcome.value) && outcome.validation.bits_per_byte.is_none());
        }
    }

    #[test]
    fn the_same_job_gives_the_same_outcome_bit_for_bit() {
        let (one, two) = (outcome(&recall(SOURCE, 5)), outcome(&recall(SOURCE, 5)));
        assert_eq!(RunOutcome { seconds: 0.0, ..one.clone() }, RunOutcome { seconds: 0.0, ..two });
        let other = outcome(&JobSpec { seed: 2, ..recall(SOURCE, 5) });
        assert_ne!(other.curve_hash, one.curve_hash);
        assert_eq!(other.data_hash, one.data_hash);
    }

    #[test]
    fn a_published_program_trains() {
        let source = include_str!("../../../candidate/seeds/gated_delta_net.py");
        let outcome = outcome(&recall(source, 40));
        assert!(outcome.curve[39].loss < outcome.curve[0].loss, "{:?}", outcome.curve);
        assert!(outcome.flops > 0.0 && outcome.metric == Metric::Accuracy);
    }

    #[test]
    fn a_cancelled_run_ends_between_steps() {
        let cancel = Cancel::default();
        let mut notes = Notes { cancel: Some((3, cancel.clone())), ..Notes::default() };
        let error = run(&recall(SOURCE, 9), Path::new("unused"), None, &mut notes, &cancel).unwrap_err();
        assert!(matches!(error, Error::Cancelled { step: 3 }), "{error}");
        assert_eq!(notes.losses.len(), 3);
        let mut notes = Notes { cancel: Some((9, cancel.clone())), ..Notes::default() };
        let error = run(&recall(SOURCE, 9), Path::new("unused"), None, &mut notes, &cancel).unwrap_err();
        assert!(matches!(error, Error::Cancelled { step: 0 }), "{error}");
    }

    fn refused(job: &JobSpec) -> Error {
        run(job, Path::new("/nowhere"), None, &mut super::super::Silent, &Cancel::default()).unwrap_err()
    }

    #[test]
    fn a_text_that_is_not_a_layer_is_refused_with_its_line() {
        let error = refused(&recall("import os\n", 1));
        assert!(matches!(&error, Error::Candidate(why) if why.starts_with("1:")), "{error}");
    }

    #[test]
    fn a_nan_names_the_line_of_the_text() {
        let source = SOURCE.replace("+ x)", "+ torch.log(-x * x))");
        let error = refused(&recall(&source, 3));
        assert!(matches!(error, Error::Diverged { step: 1, line: Some(11), .. }), "{error}");
        assert!(error.to_string().ends_with("which began at line 11 of the candidate"), "{error}");
    }

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        let mut job = recall(SOURCE, 0);
        assert!(refused(&job).to_string().contains("training.steps must be at least 1"));
        job.training.steps = 1;
        job.training.learning_rate = f64::NAN;
        assert!(refused(&job).to_string().contains("training.learning_rate cannot be NaN"));
        job.training.learning_rate = 0.1;
        job.task = TaskSpec::Bytes { corpus: Hash::of(b"none"), length: 8 };
        assert!(matches!(refused(&job), Error::MissingCorpus { .. }));
    }
}
