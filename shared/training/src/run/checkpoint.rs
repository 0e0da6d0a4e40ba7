//! A run's whole state between two steps, as bytes: so that the run can go on elsewhere as if it had never stopped.
//!
//! Weights, moments and losses are tensors of a safetensors file; its note says which run they belong to. The position in
//! the data and every draw follow from seed and step, so the step is all there is to know of them.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use move37_core::Hash;
use move37_tensor::optim::State;
use move37_tensor::weights;
use serde::{Deserialize, Serialize};

use super::{JobSpec, Platform, Trainer};
use crate::Error;

/// Version of the note that this build writes, and the newest that it reads.
const FORMAT: u32 = 1;

/// A run's state, read back.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    note: Note,
    tensors: HashMap<String, Tensor>,
}

/// What a checkpoint belongs to, and how far the run had come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    format: u32,
    /// Digest of the job, threads aside.
    job: Hash,
    /// Digest of the candidate's text.
    program: Hash,
    /// Digest of the data.
    data: Hash,
    seed: u64,
    /// Steps done.
    step: u32,
    /// Tokens seen.
    tokens: u64,
    /// FLOPs done.
    flops: f64,
    /// Where the last of the steps were done.
    platform: Platform,
    /// Where else steps were done before.
    before: Vec<Platform>,
}

/// A run between two steps.
pub(super) struct Snapshot<'a> {
    pub(super) trainer: &'a Trainer,
    /// Of all steps.
    pub(super) losses: &'a [f32],
    pub(super) history: &'a History,
}

/// Where the steps of a run were done.
#[derive(Clone, Debug)]
pub(super) struct History {
    here: Platform,
    before: Vec<Platform>,
}

impl super::State for Snapshot<'_> {
    fn step(&self) -> u32 {
        self.trainer.steps_taken()
    }

    /// The bytes that [`Checkpoint::read`] reads.
    fn bytes(&self) -> Result<Vec<u8>, Error> {
        let (job, task) = (self.trainer.job(), self.trainer.task());
        let note = Note {
            format: FORMAT,
            job: job.digest(),
            program: Hash::of(job.source.as_bytes()),
            data: task.data_hash(),
            seed: job.seed,
            step: self.step(),
            tokens: job.tokens(self.step(), task.length()),
            flops: f64::from(self.step()) * self.trainer.flops_per_step(),
            platform: self.history.here.clone(),
            before: self.history.before.clone(),
        };
        let mut tensors = self.trainer.tensors()?;
        let losses = Tensor::from_slice(self.losses, self.losses.len(), &Device::Cpu);
        tensors.push(("losses".to_owned(), losses.map_err(move37_tensor::Error::from)?));
        let note = serde_json::to_string(&note).expect("a note is numbers and texts");
        Ok(weights::to_bytes(&tensors, Some(&note))?)
    }
}

impl Checkpoint {
    /// Read a checkpoint's bytes.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if they are none, or of a newer format.
    pub fn read(bytes: &[u8]) -> Result<Checkpoint, Error> {
        let refuse = |why: String| Error::Checkpoint(why);
        let (tensors, note) = weights::from_bytes(bytes).map_err(|error| refuse(error.to_string()))?;
        let note = note.ok_or_else(|| refuse("it has no note of a run".to_owned()))?;
        let format: Format = serde_json::from_str(&note).map_err(|error| refuse(error.to_string()))?;
        if format.format > FORMAT {
            let newer = format.format;
            return Err(refuse(format!("its format {newer} is newer than this build, which reads up to {FORMAT}")));
        }
        let note = serde_json::from_str(&note).map_err(|error| refuse(error.to_string()))?;
        Ok(Checkpoint { note, tensors })
    }

    /// Steps done.
    pub fn step(&self) -> u32 {
        self.note.step
    }

    /// Tokens seen.
    pub fn tokens(&self) -> u64 {
        self.note.tokens
    }

    /// FLOPs done.
    pub fn flops(&self) -> f64 {
        self.note.flops
    }

    /// Refuse what does not belong to this trainer's job.
    pub(super) fn check(&self, trainer: &Trainer) -> Result<(), Error> {
        let (note, job) = (&self.note, trainer.job());
        let (program, data) = (Hash::of(job.source.as_bytes()), trainer.task().data_hash());
        let why = if note.program != program {
            format!("it belongs to program {}, not {}", note.program.short(), program.short())
        } else if note.data != data {
            format!("it belongs to data {}, not {}", note.data.short(), data.short())
        } else if note.seed != job.seed {
            format!("it belongs to seed {}, not {}", note.seed, job.seed)
        } else if note.job != job.digest() {
            "it belongs to a run with other settings".to_owned()
        } else if note.step > job.training.steps {
            format!("it has {} steps, the run only {}", note.step, job.training.steps)
        } else {
            return Ok(());
        };
        Err(Error::Checkpoint(why))
    }

    /// The losses of all steps.
    pub(super) fn losses(&self) -> Result<Vec<f32>, Error> {
        let tensor = self.tensors.get("losses").ok_or_else(|| Error::Checkpoint("it has no losses".to_owned()))?;
        let losses: Vec<f32> = tensor.to_vec1().map_err(move37_tensor::Error::from)?;
        match losses.len() == self.note.step as usize {
            true => Ok(losses),
            false => Err(Error::Checkpoint(format!("it has {} losses of {} steps", losses.len(), self.note.step))),
        }
    }

    /// The weights of a graph, and the moments that belong to them.
    pub(super) fn state(&self, graph: &move37_candidate::ir::Graph) -> Result<(Vec<Tensor>, State), Error> {
        let refuse = |error: move37_tensor::Error| Error::Checkpoint(error.to_string());
        let params = weights::of_graph(&self.tensors, "p.", graph).map_err(refuse)?;
        let mut moments = Vec::with_capacity(2 * params.len());
        for kind in ["m", "v"] {
            for (param, weight) in graph.params.iter().zip(&params) {
                let name = format!("{kind}.{}", param.name);
                let moment = self.tensors.get(&name).filter(|moment| moment.elem_count() == weight.elem_count());
                moments.push(moment.cloned().ok_or_else(|| Error::Checkpoint(format!("it lacks a fitting {name}")))?);
            }
        }
        let state = State::restore(u64::from(self.note.step), &moments).map_err(refuse)?;
        Ok((params, state))
    }
}

/// The part of a note that every format has.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl History {
    /// A run that begins, or goes on, here.
    pub(super) fn here(job: &JobSpec, from: Option<&Checkpoint>) -> History {
        let here = Platform::here(job.threads, job.compute);
        let mut before: Vec<Platform> = Vec::new();
        for platform in from.iter().flat_map(|from| from.note.before.iter().chain([&from.note.platform])) {
            if *platform != here && !before.contains(platform) {
                before.push(platform.clone());
            }
        }
        History { here, before }
    }

    /// Where the whole run was done. Steps done elsewhere are told with the device: the same bits are promised only where
    /// there are none.
    pub(super) fn platform(&self) -> Platform {
        let mut whole = self.here.clone();
        for Platform { binary, device, features, threads } in &self.before {
            whole.device += &format!("; before on {device} with {threads} threads, {features}, {binary}");
        }
        whole
    }
}
