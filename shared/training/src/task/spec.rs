//! The tasks by name and settings.

use std::path::Path;

use move37_core::Hash;
use serde::{Deserialize, Serialize};

use super::Batch;
use super::bytes::Bytes;
use super::mad::{Mad, MadSpec};
use super::mqar::Mqar;
use crate::Error;
use crate::data::Part;
use crate::model::Readout;

/// Which task, whole in itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TaskSpec {
    /// Next-byte prediction over a text.
    Bytes {
        /// Digest of a stored corpus.
        corpus: Hash,
        /// Bytes that the model reads at once.
        length: usize,
    },
    /// Multi-query associative recall.
    Mqar {
        /// Vocabulary: the first half are keys, the second values.
        vocabulary: usize,
        /// Tokens of a sequence.
        length: usize,
        /// Key-value pairs of a sequence.
        pairs: usize,
    },
    /// One of the six tasks of MAD.
    Mad(MadSpec),
}

impl TaskSpec {
    /// Where a model's answers come from.
    pub fn readout(&self) -> Readout {
        match self {
            Self::Mad(spec) => spec.readout(),
            Self::Bytes { .. } | Self::Mqar { .. } => Readout::Each,
        }
    }
}

/// What a task's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Mean loss in nats per token: lower is better.
    Loss,
    /// Share of answers that are right: higher is better.
    Accuracy,
    /// Mean over batches of 128 sequences of the mean over classes of the share of answers that are right: higher is better.
    Macro,
}

/// A task with its data at hand.
#[derive(Clone, Debug)]
pub enum Task {
    /// Next-byte prediction.
    Bytes(Bytes),
    /// Multi-query associative recall.
    Mqar(Mqar),
    /// A task of MAD.
    Mad(Mad),
}

impl Task {
    /// Check the settings and open the data.
    ///
    /// # Errors
    /// Settings that make no sense; a corpus that is missing, damaged or too short for the length.
    pub fn prepare(spec: &TaskSpec, data: &Path) -> Result<Self, Error> {
        match *spec {
            TaskSpec::Bytes { corpus, length } => Bytes::open(data, corpus, length).map(Self::Bytes),
            TaskSpec::Mqar { vocabulary, length, pairs } => Mqar::new(vocabulary, length, pairs).map(Self::Mqar),
            TaskSpec::Mad(spec) => Mad::new(spec).map(Self::Mad),
        }
    }

    /// The batch of a step (from 1) of the run with this seed.
    pub fn training(&self, seed: u64, step: u32, rows: usize) -> Batch {
        match self {
            Self::Bytes(task) => task.training(seed, step, rows),
            Self::Mqar(task) => task.training(seed, step, rows),
            Self::Mad(task) => task.training(seed, step, rows),
        }
    }

    /// The same `sequences` of a part for every run, in batches of `rows`; the last is filled up with rows that count nothing.
    pub fn held_out(&self, part: Part, sequences: usize, rows: usize) -> Vec<Batch> {
        let mut batches = match self {
            Self::Bytes(task) => task.held_out(part, sequences, rows),
            Self::Mqar(task) => task.held_out(part, sequences, rows),
            Self::Mad(task) => task.held_out(part, sequences, rows),
        };
        batches.iter_mut().for_each(|batch| batch.pad(rows));
        batches
    }

    /// Number of different tokens.
    pub fn vocabulary(&self) -> usize {
        match self {
            Self::Bytes(_) => 256,
            Self::Mqar(task) => task.vocabulary,
            Self::Mad(task) => task.spec.vocabulary,
        }
    }

    /// Tokens that a model reads at once.
    pub fn length(&self) -> usize {
        match self {
            Self::Bytes(task) => task.length,
            Self::Mqar(task) => task.length,
            Self::Mad(task) => task.length(),
        }
    }

    /// What its value is.
    pub fn metric(&self) -> Metric {
        match self {
            Self::Bytes(_) => Metric::Loss,
            Self::Mqar(_) => Metric::Accuracy,
            Self::Mad(_) => Metric::Macro,
        }
    }

    /// Digest of the corpus, or of what a generator's sequences follow from.
    pub fn data_hash(&self) -> Hash {
        match self {
            Self::Bytes(task) => task.corpus.hash(),
            Self::Mqar(task) => task.data_hash(),
            Self::Mad(task) => task.data_hash(),
        }
    }
}
