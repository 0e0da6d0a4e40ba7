//! The tasks by name and settings.

use std::path::Path;

use move37_core::Hash;
use serde::{Deserialize, Serialize};

use super::Batch;
use super::bytes::Bytes;
use super::mqar::Mqar;
use crate::Error;

/// Which task, whole in itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// What a task's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Mean validation loss in nats per byte: lower is better.
    Loss,
    /// Share of queries answered right: higher is better.
    Accuracy,
}

/// A task with its data at hand.
#[derive(Clone, Debug)]
pub enum Task {
    /// Next-byte prediction.
    Bytes(Bytes),
    /// Multi-query associative recall.
    Mqar(Mqar),
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
        }
    }

    /// The batch of a step (from 1) of the run with this seed.
    pub fn training(&self, seed: u64, step: u32, rows: usize) -> Batch {
        match self {
            Self::Bytes(task) => task.training(seed, step, rows),
            Self::Mqar(task) => task.training(seed, step, rows),
        }
    }

    /// The same `sequences` for every run, in batches of `rows`; the last is filled up with rows that count nothing.
    pub fn validation(&self, sequences: usize, rows: usize) -> Vec<Batch> {
        let mut batches = match self {
            Self::Bytes(task) => task.validation(sequences, rows),
            Self::Mqar(task) => task.validation(sequences, rows),
        };
        batches.iter_mut().for_each(|batch| batch.pad(rows));
        batches
    }

    /// Number of different tokens.
    pub fn vocabulary(&self) -> usize {
        match self {
            Self::Bytes(_) => 256,
            Self::Mqar(task) => task.vocabulary,
        }
    }

    /// Tokens of a sequence.
    pub fn length(&self) -> usize {
        match self {
            Self::Bytes(task) => task.length,
            Self::Mqar(task) => task.length,
        }
    }

    /// What its value is.
    pub fn metric(&self) -> Metric {
        match self {
            Self::Bytes(_) => Metric::Loss,
            Self::Mqar(_) => Metric::Accuracy,
        }
    }

    /// Digest of the corpus, or of what a generator's sequences follow from.
    pub fn data_hash(&self) -> Hash {
        match self {
            Self::Bytes(task) => task.corpus.hash(),
            Self::Mqar(task) => task.data_hash(),
        }
    }
}
