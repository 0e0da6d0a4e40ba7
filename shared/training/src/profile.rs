//! Sizes that suit a machine.

use crate::model::Dims;
use crate::run::Training;

/// Sizes of a model, of its tasks and of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// The model around a candidate.
    pub dims: Dims,
    /// How each task is trained.
    pub training: Training,
    /// Seeds per task.
    pub seeds: u32,
    /// Next-byte prediction: bytes of a sequence.
    pub bytes_length: usize,
    /// Recall: vocabulary.
    pub recall_vocabulary: usize,
    /// Recall: tokens of a sequence.
    pub recall_length: usize,
    /// Recall: key-value pairs of a sequence.
    pub recall_pairs: usize,
}

/// Two cores shared with other work: a candidate takes about twenty seconds of one core for both tasks.
pub const LAPTOP: Profile = Profile {
    dims: Dims { d_model: 64, layers: 2, heads: 2, swiglu: 128 },
    training: Training {
        steps: 300,
        batch: 16,
        learning_rate: 3e-3,
        warmup: 20,
        weight_decay: 0.1,
        clip: 1.0,
        validation: 128,
    },
    seeds: 1,
    bytes_length: 64,
    recall_vocabulary: 64,
    recall_length: 64,
    recall_pairs: 4,
};
