//! The tasks by name and settings.

use std::path::Path;

use move37_core::Hash;
use serde::{Deserialize, Serialize};

use super::Batch;
use super::bytes::Bytes;
use super::examples::Examples;
use super::mad::{Mad, MadSpec};
use super::mqar::Mqar;
use super::tokens::Tokens;
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
    /// Next-token prediction over a text under a byte-pair encoding.
    Tokens {
        /// Digest of a stored corpus.
        corpus: Hash,
        /// Digest of a stored tokenizer.
        tokenizer: Hash,
        /// Tokens that the model reads at once.
        length: usize,
    },
    /// The user's own questions and answers, as bytes.
    Examples {
        /// Digest of the stored examples.
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
            Self::Bytes { .. } | Self::Tokens { .. } | Self::Examples { .. } | Self::Mqar { .. } => Readout::Each,
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
    /// Share of sequences whose answer is right from its first token to its end: higher is better.
    Exact,
    /// Mean over batches of 128 sequences of the mean over classes of the share of answers that are right: higher is better.
    Macro,
}

/// A task with its data at hand.
#[derive(Clone, Debug)]
pub enum Task {
    /// Next-byte prediction.
    Bytes(Bytes),
    /// Next-token prediction.
    Tokens(Tokens),
    /// The user's own questions and answers.
    Examples(Examples),
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
            TaskSpec::Tokens { corpus, tokenizer, length } => {
                Tokens::open(data, corpus, tokenizer, length).map(Self::Tokens)
            }
            TaskSpec::Examples { corpus, length } => Examples::open(data, corpus, length).map(Self::Examples),
            TaskSpec::Mqar { vocabulary, length, pairs } => Mqar::new(vocabulary, length, pairs).map(Self::Mqar),
            TaskSpec::Mad(spec) => Mad::new(spec).map(Self::Mad),
        }
    }

    /// The batch of a step (from 1) of the run with this seed.
    pub fn training(&self, seed: u64, step: u32, rows: usize) -> Batch {
        match self {
            Self::Bytes(task) => task.training(seed, step, rows),
            Self::Tokens(task) => task.training(seed, step, rows),
            Self::Examples(task) => task.training(seed, step, rows),
            Self::Mqar(task) => task.training(seed, step, rows),
            Self::Mad(task) => task.training(seed, step, rows),
        }
    }

    /// The same `sequences` of a part for every run, in batches of `rows`; the last is filled up with rows that count nothing.
    pub fn held_out(&self, part: Part, sequences: usize, rows: usize) -> Vec<Batch> {
        let mut batches = match self {
            Self::Bytes(task) => task.held_out(part, sequences, rows),
            Self::Tokens(task) => task.held_out(part, sequences, rows),
            Self::Examples(task) => task.held_out(part, sequences, rows),
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
            Self::Tokens(task) => task.vocabulary,
            Self::Examples(_) => Examples::VOCABULARY,
            Self::Mqar(task) => task.vocabulary,
            Self::Mad(task) => task.spec.vocabulary,
        }
    }

    /// Tokens that a model reads at once.
    pub fn length(&self) -> usize {
        match self {
            Self::Bytes(task) => task.length,
            Self::Tokens(task) => task.length,
            Self::Examples(task) => task.length,
            Self::Mqar(task) => task.length,
            Self::Mad(task) => task.length(),
        }
    }

    /// What its value is.
    pub fn metric(&self) -> Metric {
        match self {
            Self::Bytes(_) | Self::Tokens(_) => Metric::Loss,
            Self::Examples(_) => Metric::Exact,
            Self::Mqar(_) => Metric::Accuracy,
            Self::Mad(_) => Metric::Macro,
        }
    }

    /// A text as tokens, for what is measured beside the task; none where the task is no language.
    ///
    /// # Errors
    /// A text that the tokenizer does not take.
    pub fn encode(&self, text: &str) -> Option<Result<Vec<usize>, Error>> {
        match self {
            Self::Bytes(_) => Some(Ok(text.bytes().map(usize::from).collect())),
            Self::Tokens(task) => {
                let encoded = task.tokenizer.encode(text.as_bytes());
                Some(encoded.map(|tokens| tokens.into_iter().map(|(token, _)| token as usize).collect()))
            }
            Self::Examples(_) | Self::Mqar(_) | Self::Mad(_) => None,
        }
    }

    /// Digest of the corpus, or of what a generator's sequences follow from.
    pub fn data_hash(&self) -> Hash {
        match self {
            Self::Bytes(task) => task.corpus.hash(),
            Self::Tokens(task) => task.hash,
            Self::Examples(task) => task.hash,
            Self::Mqar(task) => task.data_hash(),
            Self::Mad(task) => task.data_hash(),
        }
    }
}
