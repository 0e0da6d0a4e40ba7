//! The real backend: `move37-training` on this machine.

use std::path::PathBuf;

use move37_events::facts::{self, CurvePoint, Job, Outcome, Platform, RunResult, Stage, TaskKind};
use move37_training::Error;
use move37_training::data::{SHAKESPEARE, shakespeare};
use move37_training::model::Dims;
use move37_training::run::{
    Cancel, Checkpoint, Compute, JobSpec, Layer, Observer, RunOutcome, Schedule, Training, run,
};
use move37_training::task::TaskSpec;
use move37_training::task::mad::{MadSpec, Puzzle};

use super::{Backend, Devices};

/// Trains with `move37-training`.
#[derive(Clone, Debug)]
pub struct Candle {
    /// Folder of stored corpora.
    pub data: PathBuf,
    /// Threads per run, on the CPU.
    pub threads: usize,
    /// What runs are trained on.
    pub devices: Devices,
}

impl Backend for Candle {
    fn train(&self, job: &Job, state: Option<&[u8]>, observer: &mut dyn Observer, cancel: &Cancel) -> Outcome {
        let device = self.devices.take();
        let spec = JobSpec { compute: device.compute, ..job_spec(job, self.threads) };
        let trained = self
            .fetch(job)
            .and_then(|()| state.map(Checkpoint::read).transpose())
            .and_then(|from| run(&spec, &self.data, from.as_ref(), observer, cancel));
        match trained {
            Ok(outcome) => Outcome::Completed(Box::new(result(job, outcome))),
            Err(error) => failure(&error),
        }
    }
}

impl Candle {
    /// The default text comes by itself the first time; others must lie in the data folder.
    fn fetch(&self, job: &Job) -> Result<(), Error> {
        match job.task.kind.corpus() {
            Some(corpus) if corpus.hash.to_string() == SHAKESPEARE => shakespeare(&self.data).map(drop),
            Some(_) | None => Ok(()),
        }
    }
}

/// Whose fault it is: the candidate's, which would fail again, or the worker's surroundings'.
fn failure(error: &Error) -> Outcome {
    match error {
        Error::Cancelled { .. } => Outcome::Stopped,
        Error::Read { .. }
        | Error::Write { .. }
        | Error::MissingCorpus { .. }
        | Error::DamagedCorpus { .. }
        | Error::Parquet { .. }
        | Error::Hub { .. }
        | Error::Line { .. }
        | Error::Tokenizer(_)
        | Error::Checkpoint(_)
        | Error::Fetch(_) => Outcome::Faulted(format!("failed to {error}")),
        Error::EmptyText { .. }
        | Error::ShortText { .. }
        | Error::LargeText { .. }
        | Error::ShortDocuments { .. }
        | Error::Settings(_)
        | Error::Candidate(_)
        | Error::Graph(_)
        | Error::Tensor(_)
        | Error::Diverged { .. } => Outcome::Failed(format!("failed to {error}")),
    }
}

/// A job as the training crate takes it.
pub fn job_spec(job: &Job, threads: usize) -> JobSpec {
    let length = size(job.task.sequence);
    let task = task_spec(&job.task.kind, length);
    let (model, training) = (&job.model, &job.training);
    JobSpec {
        source: job.source.clone(),
        layer: Layer::default(),
        dims: Dims {
            d_model: size(model.d_model),
            layers: size(model.layers),
            heads: size(model.heads),
            swiglu: size(model.swiglu),
        },
        task,
        training: Training {
            steps: training.steps,
            batch: size(training.batch),
            learning_rate: training.learning_rate,
            warmup: training.warmup,
            schedule: schedule(training.schedule),
            weight_decay: training.weight_decay,
            epsilon: training.epsilon,
            clip: training.clip,
            validation: size(training.validation),
        },
        seed: job.seed,
        threads,
        compute: Compute::Own,
        measure_test: job.stage == Stage::Verify,
    }
}

/// A task as the training crate takes it.
pub fn task_spec(kind: &TaskKind, length: usize) -> TaskSpec {
    match kind {
        TaskKind::Bytes { corpus } => TaskSpec::Bytes { corpus: corpus.hash, length },
        TaskKind::Tokens { corpus, tokenizer, .. } => {
            TaskSpec::Tokens { corpus: corpus.hash, tokenizer: *tokenizer, length }
        }
        TaskKind::Examples { corpus } => TaskSpec::Examples { corpus: corpus.hash, length },
        TaskKind::Mqar { vocabulary, pairs } => {
            TaskSpec::Mqar { vocabulary: size(*vocabulary), length, pairs: size(*pairs) }
        }
        TaskKind::Mad { puzzle, vocabulary, instances } => TaskSpec::Mad(MadSpec {
            puzzle: mad(*puzzle),
            vocabulary: size(*vocabulary),
            length,
            instances: size(*instances),
        }),
    }
}

fn mad(puzzle: facts::Puzzle) -> Puzzle {
    match puzzle {
        facts::Puzzle::InContextRecall => Puzzle::InContextRecall,
        facts::Puzzle::NoisyInContextRecall { noise_vocabulary, noise } => {
            Puzzle::NoisyInContextRecall { noise_vocabulary: size(noise_vocabulary), noise }
        }
        facts::Puzzle::FuzzyInContextRecall { key, value } => {
            Puzzle::FuzzyInContextRecall { key: size(key), value: size(value) }
        }
        facts::Puzzle::Memorization => Puzzle::Memorization,
        facts::Puzzle::Compression => Puzzle::Compression,
        facts::Puzzle::SelectiveCopying { copied } => Puzzle::SelectiveCopying { copied: size(copied) },
    }
}

fn schedule(schedule: facts::Schedule) -> Schedule {
    match schedule {
        facts::Schedule::Cosine { floor } => Schedule::Cosine { floor },
        facts::Schedule::Wsd { decay, floor } => Schedule::Wsd { decay, floor },
    }
}

fn size(n: u32) -> usize {
    usize::try_from(n).expect("addresses have at least 32 bits")
}

fn result(job: &Job, outcome: RunOutcome) -> RunResult {
    let platform = outcome.platform;
    RunResult {
        task: job.task.name.clone(),
        seed: job.seed_number,
        value: outcome.value,
        test: outcome.test.map(|test| test.value),
        validation_loss: outcome.validation_loss,
        curve: outcome.curve.iter().map(|point| CurvePoint { step: point.step, loss: point.loss }).collect(),
        curve_hash: outcome.curve_hash,
        parameters: outcome.parameters,
        tokens: outcome.tokens,
        flops: outcome.flops,
        data_hash: outcome.data_hash,
        program: outcome.program,
        platform: Platform {
            binary: platform.binary,
            device: platform.device,
            features: platform.features,
            threads: u32::try_from(platform.threads).unwrap_or(u32::MAX),
        },
    }
}
