//! The six tasks of MAD (Poli et al., "Mechanistic Design and Scaling of Hybrid Architectures", 2024, arXiv 2403.17844).
//!
//! Every instance follows from the settings, the part and its number. As published, a run sees the same training instances
//! epoch after epoch, here in an order that follows from its seed; what is measured on are other instances. The recall tasks
//! train on every next token and are measured on the values that can be known; the others train on what they are measured
//! on. The draws are ours (a counter-based stream), so instances are equal to the published generator's in distribution, not
//! in number. [`settings`] names the published parameters; the value is the published [`macro`](super::Metric::Macro)
//! accuracy.
//!
//! `compression` is read out of the last position alone ([`crate::model::Readout::Last`]), as by the published auto-encoder:
//! a causal language model would only have to repeat each token.

mod compression;
mod copying;
mod fuzzy;
mod memorization;
mod recall;
mod settings;

use move37_core::Hash;
use move37_tensor::rng::Stream;
use serde::{Deserialize, Serialize};

use super::Batch;
use crate::Error;
use crate::data::Part;
use crate::model::Readout;

pub use settings::{MINI, published};

/// Seed of everything that is the same for every run, as published.
const SEED: u64 = 12_345;

/// A task of MAD, whole in itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadSpec {
    /// Which of the six.
    pub puzzle: Puzzle,
    /// Number of different tokens, special ones and noise included.
    pub vocabulary: usize,
    /// Length as published; `in-context-recall` and its noisy kind read one token less.
    pub length: usize,
    /// Training instances.
    pub instances: usize,
}

impl MadSpec {
    /// Where a model's answers come from.
    pub(super) fn readout(&self) -> Readout {
        match self.puzzle {
            Puzzle::Compression => Readout::Last,
            _ => Readout::Each,
        }
    }
}

/// The six tasks with what only they need.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Puzzle {
    /// Recall the values of keys that were shown.
    InContextRecall,
    /// The same with noise in between.
    NoisyInContextRecall {
        /// Tokens of the vocabulary that are noise.
        noise_vocabulary: usize,
        /// Probability that a slot is noise.
        noise: f64,
    },
    /// Recall with keys and values of several tokens.
    FuzzyInContextRecall {
        /// Most tokens of a key.
        key: usize,
        /// Most tokens of a value.
        value: usize,
    },
    /// Learn a fixed map by heart.
    Memorization,
    /// Put a whole sequence into one position.
    Compression,
    /// Repeat scattered tokens in their order.
    SelectiveCopying {
        /// Tokens to repeat.
        copied: usize,
    },
}

impl Puzzle {
    /// Its published name.
    pub fn name(self) -> &'static str {
        match self {
            Self::InContextRecall => "in-context-recall",
            Self::NoisyInContextRecall { .. } => "noisy-in-context-recall",
            Self::FuzzyInContextRecall { .. } => "fuzzy-in-context-recall",
            Self::Memorization => "memorization",
            Self::Compression => "compression",
            Self::SelectiveCopying { .. } => "selective-copying",
        }
    }
}

/// What is read at each position, and the answer where one counts.
type Sequence = Vec<(usize, Option<usize>)>;

/// The generator.
#[derive(Clone, Debug)]
pub struct Mad {
    pub(super) spec: MadSpec,
    /// Value of each key of `memorization`.
    map: Vec<usize>,
}

impl Mad {
    pub(super) fn new(spec: MadSpec) -> Result<Self, Error> {
        check(&spec).map_err(|why| Error::Settings(format!("{} needs {why}", spec.puzzle.name())))?;
        let map = match spec.puzzle {
            Puzzle::Memorization => memorization::map(&spec, &mut Stream::new(SEED, "map of memorization")),
            _ => Vec::new(),
        };
        Ok(Self { spec, map })
    }

    /// Tokens that a model reads.
    pub(super) fn length(&self) -> usize {
        match self.spec.puzzle {
            Puzzle::InContextRecall | Puzzle::NoisyInContextRecall { .. } => self.spec.length - 1,
            _ => self.spec.length,
        }
    }

    pub(super) fn training(&self, seed: u64, step: u32, rows: usize) -> Batch {
        let mut batch = Batch::with_capacity(rows, self.length());
        let first = (u64::from(step) - 1) * rows as u64;
        let mut order: Option<(u64, Vec<usize>)> = None;
        for dealt in first..first + rows as u64 {
            let epoch = dealt / self.spec.instances as u64;
            let order = match &mut order {
                Some((known, order)) if *known == epoch => order,
                other => &mut other.insert((epoch, self.order(seed, epoch))).1,
            };
            let place = dealt % self.spec.instances as u64;
            batch.push(self.instance(Part::Train, order[usize::try_from(place).expect("below the instances")]));
        }
        batch
    }

    pub(super) fn held_out(&self, part: Part, sequences: usize, rows: usize) -> Vec<Batch> {
        let mut batches = Vec::with_capacity(sequences.div_ceil(rows));
        for start in (0..sequences).step_by(rows) {
            let mut batch = Batch::with_capacity(rows, self.length());
            (start..sequences.min(start + rows)).for_each(|i| batch.push(self.instance(part, i)));
            batches.push(batch);
        }
        batches
    }

    /// Digest of the settings and of the first instances, which stand for the generator.
    pub(super) fn data_hash(&self) -> Hash {
        let settings = serde_json::to_vec(&self.spec).expect("settings are numbers and names");
        let sample = self.held_out(Part::Validation, 16, 16).swap_remove(0);
        let numbers: Vec<u8> = sample.tokens.iter().chain(&sample.targets).flat_map(|n| n.to_le_bytes()).collect();
        Hash::of_fields([settings.as_slice(), &numbers])
    }

    /// In which order the training instances come in an epoch.
    fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.spec.instances).collect();
        Stream::new(seed, &format!("order of epoch {epoch}")).shuffle(&mut order);
        order
    }

    fn instance(&self, part: Part, index: usize) -> Sequence {
        let (spec, whole) = (&self.spec, part == Part::Train);
        let stream = &mut Stream::new(SEED, &format!("{} instance {index}", part.name()));
        match spec.puzzle {
            Puzzle::InContextRecall => recall::instance(spec, 0, 0.0, whole, stream),
            Puzzle::NoisyInContextRecall { noise_vocabulary, noise } => {
                recall::instance(spec, noise_vocabulary, noise, whole, stream)
            }
            Puzzle::FuzzyInContextRecall { key, value } => fuzzy::instance(spec, key, value, whole, stream),
            Puzzle::Memorization => memorization::instance(spec, &self.map, stream),
            Puzzle::Compression => compression::instance(spec, stream),
            Puzzle::SelectiveCopying { copied } => copying::instance(spec, copied, stream),
        }
    }
}

/// Read all but the last token; the answers are those of the next position, or every next token.
fn shifted(shown: &[(usize, Option<usize>)], whole: bool) -> Sequence {
    let answer = |next: &(usize, Option<usize>)| if whole { Some(next.0) } else { next.1 };
    shown.windows(2).map(|pair| (pair[0].0, answer(&pair[1]))).collect()
}

/// What the settings lack, as words that follow "needs".
fn check(spec: &MadSpec) -> Result<(), String> {
    let need = |fits: bool, what: String| if fits { Ok(()) } else { Err(what) };
    let MadSpec { vocabulary, length, instances, .. } = *spec;
    need(instances > 0, "at least one training instance".to_owned())?;
    match spec.puzzle {
        Puzzle::InContextRecall => recall::check(spec, 0, 0.0),
        Puzzle::NoisyInContextRecall { noise_vocabulary, noise } => {
            need(noise_vocabulary > 0, "at least one token of noise".to_owned())?;
            recall::check(spec, noise_vocabulary, noise)
        }
        Puzzle::FuzzyInContextRecall { key, value } => {
            need(key > 0 && value > 0, "keys and values of at least one token".to_owned())?;
            let half = vocabulary.saturating_sub(1) / 2;
            need(half >= key.max(value), format!("a vocabulary of at least {}", 2 * key.max(value) + 1))?;
            need(length > 3 * (key + value), format!("a length of more than {}", 3 * (key + value)))
        }
        Puzzle::Memorization => {
            need(vocabulary >= 4, "a vocabulary of at least 4".to_owned())?;
            need(length >= 2 && length.is_multiple_of(2), "an even length".to_owned())
        }
        Puzzle::Compression => {
            need(vocabulary >= 3, "a vocabulary of at least 3".to_owned())?;
            need(length >= 2, "a length of at least 2".to_owned())
        }
        Puzzle::SelectiveCopying { copied } => {
            need(vocabulary >= 4, "a vocabulary of at least 4".to_owned())?;
            need(copied > 0, "at least one token to copy".to_owned())?;
            need(length > 2 * copied + 1, format!("a length of more than {}", 2 * copied + 1))
        }
    }
}

#[cfg(test)]
mod tests;
