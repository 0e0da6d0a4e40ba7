//! The loop.

use std::path::Path;
use std::time::Instant;

use move37_core::Hash;

use super::{Cancel, CurvePoint, JobSpec, Observer, Platform, RunOutcome, Trainer};
use crate::Error;
use crate::task::Metric;

/// Train one candidate on one task with one seed, then measure it. `data` is the folder of stored corpora.
///
/// # Errors
/// Settings that make no sense, a corpus that is not there, a text that cannot be traced, divergence, cancellation.
pub fn run(job: &JobSpec, data: &Path, observer: &mut dyn Observer, cancel: &Cancel) -> Result<RunOutcome, Error> {
    train(job, data, observer, cancel).map(|(outcome, _)| outcome)
}

/// The same, and the trainer with its final weights.
pub fn train(
    job: &JobSpec,
    data: &Path,
    observer: &mut dyn Observer,
    cancel: &Cancel,
) -> Result<(RunOutcome, Trainer), Error> {
    let begun = Instant::now();
    let mut trainer = Trainer::new(job, data)?;
    observer.started(trainer.parameters(), trainer.flops_per_step());
    let mut losses = Vec::with_capacity(job.training.steps as usize);
    for step in 1..=job.training.steps {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled { step: step - 1 });
        }
        let loss = trainer.step()?;
        losses.push(loss);
        observer.step(step, loss, begun.elapsed());
    }
    observer.validating();
    let validation = trainer.validate(cancel)?;
    let outcome = RunOutcome {
        value: match trainer.task().metric() {
            Metric::Loss => validation.loss,
            Metric::Accuracy => validation.accuracy,
        },
        metric: trainer.task().metric(),
        validation_loss: validation.loss,
        validation_accuracy: validation.accuracy,
        curve: CurvePoint::curve(&losses),
        curve_hash: Hash::of(&losses.iter().flat_map(|loss| loss.to_bits().to_le_bytes()).collect::<Vec<_>>()),
        parameters: trainer.parameters(),
        tokens: u64::from(job.training.steps) * (job.training.batch * trainer.task().length()) as u64,
        flops: f64::from(job.training.steps) * trainer.flops_per_step(),
        data_hash: trainer.task().data_hash(),
        program: Hash::of(job.source.as_bytes()),
        seconds: begun.elapsed().as_secs_f64(),
        platform: Platform::here(job.threads),
    };
    Ok((outcome, trainer))
}
