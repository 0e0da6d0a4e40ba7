//! What to train, on what, how.

use std::collections::BTreeMap;

use move37_candidate::language::ArgValue;
use move37_core::Hash;
use move37_tensor::Compute;
use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::Error;
use crate::model::Dims;
use crate::task::TaskSpec;

/// A training run, whole in itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// The candidate's text.
    pub source: String,
    /// Which of its classes is the layer, and how it is constructed.
    #[serde(default, skip_serializing_if = "Layer::is_found")]
    pub layer: Layer,
    /// The model around it.
    pub dims: Dims,
    /// What it learns.
    pub task: TaskSpec,
    /// How it learns.
    pub training: Training,
    /// Seed of first weights and data order.
    pub seed: u64,
    /// Threads of the executor, where it is our own.
    pub threads: usize,
    /// What executes it.
    #[serde(default, skip_serializing_if = "Compute::is_own")]
    pub compute: Compute,
    /// Whether the trained model is measured on the test part as well: what a search chooses by is validation alone.
    #[serde(default)]
    pub measure_test: bool,
}

/// The layer of a text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Its class; found by itself when `None`.
    pub class: Option<String>,
    /// Constructor arguments beside the model's dimensions.
    pub args: BTreeMap<String, ArgValue>,
}

impl Layer {
    /// Whether nothing is asked for.
    fn is_found(&self) -> bool {
        *self == Self::default()
    }
}

/// How a model is trained and measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Optimiser steps.
    pub steps: u32,
    /// Sequences per step.
    pub batch: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps of linear warm-up.
    pub warmup: u32,
    /// What the learning rate does after the warm-up.
    pub schedule: Schedule,
    /// Decoupled weight decay of matrices.
    pub weight_decay: f64,
    /// Added to the root of AdamW's second moment.
    pub epsilon: f64,
    /// Greatest global norm of the gradient.
    pub clip: f64,
    /// Validation sequences at the end.
    pub validation: usize,
}

impl JobSpec {
    /// Digest of what the run does; by what, and with how many threads, is told by its platform.
    pub fn digest(&self) -> Hash {
        let job = JobSpec { threads: 0, compute: Compute::Own, ..self.clone() };
        Hash::of(&serde_json::to_vec(&job).expect("a job is numbers and texts"))
    }

    /// Tokens of so many steps over sequences of this length.
    pub(super) fn tokens(&self, steps: u32, length: usize) -> u64 {
        u64::from(steps) * (self.training.batch * length) as u64
    }

    /// Refuse settings that make no sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let Training { steps, batch, learning_rate, weight_decay, epsilon, clip, validation, .. } = self.training;
        let Dims { d_model, layers, heads, swiglu } = self.dims;
        let whole = [
            ("training.steps", steps as usize),
            ("training.batch", batch),
            ("training.validation", validation),
            ("dims.d_model", d_model),
            ("dims.layers", layers),
            ("dims.heads", heads),
            ("dims.swiglu", swiglu),
            ("threads", self.threads),
        ];
        if let Some((name, _)) = whole.iter().find(|(_, value)| *value == 0) {
            return Err(Error::Settings(format!("{name} must be at least 1")));
        }
        let floor = self.training.schedule.floor();
        let real = [
            ("training.learning_rate", learning_rate, learning_rate > 0.0),
            ("training.weight_decay", weight_decay, weight_decay >= 0.0),
            ("training.epsilon", epsilon, epsilon > 0.0),
            ("training.schedule.floor", floor, (0.0..=1.0).contains(&floor)),
            ("training.clip", clip, clip > 0.0),
        ];
        match real.iter().find(|(_, value, fits)| !(*fits && value.is_finite())) {
            Some((name, value, _)) => Err(Error::Settings(format!("{name} cannot be {value}"))),
            None => Ok(()),
        }
    }
}
