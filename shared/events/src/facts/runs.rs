//! What workers report.

use move37_core::{CampaignId, Hash, Key};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{RunId, Spend};
use super::set::fact_set;
use super::trainer::Job;

fact_set! {
    /// Facts of workers; each worker's boot is a chain of its own.
    RunFact on Runs by Worker {
        WorkerJoined = "worker.joined" v 1, in none;
        RunAccepted = "run.accepted" v 1 about run, in campaign;
        RunDeclined = "run.declined" v 1 about run, in campaign;
        MetricsRecorded = "metrics.recorded" v 1 about run, in campaign;
        CheckpointSaved = "checkpoint.saved" v 1 about run, in campaign;
        RunFinished = "run.finished" v 1 about run, in campaign;
        WorkerWithdrew = "worker.withdrew" v 1, in none;
        WorkerLeft = "worker.left" v 1, in none;
    }
}

/// A worker offers its slots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerJoined {
    /// The key of this chain: the worker's name, a dot, and its boot. A later boot of the same name replaces it.
    #[schemars(with = "String")]
    pub worker: Key,
    /// Host.
    pub host: String,
    /// Device, in words.
    pub device: String,
    /// Threads per run.
    pub threads: u32,
    /// Version and build of the binary.
    pub binary: String,
    /// Free slots.
    pub free: u32,
}

/// A worker took a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunAccepted {
    /// Campaign.
    #[schemars(with = "String")]
    pub campaign: CampaignId,
    /// Run.
    pub run: RunId,
    /// Attempt.
    pub attempt: u32,
    /// Dispatch that was answered.
    pub dispatch: u32,
    /// What is being trained.
    pub job: Box<Job>,
    /// Where it goes on from; none: from the start.
    pub resume: Option<Checkpoint>,
    /// Slots still free.
    pub free: u32,
}

/// A worker did not take a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunDeclined {
    /// Campaign.
    #[schemars(with = "String")]
    pub campaign: CampaignId,
    /// Run.
    pub run: RunId,
    /// Attempt.
    pub attempt: u32,
    /// Dispatch that was answered.
    pub dispatch: u32,
    /// Why.
    pub why: String,
    /// Slots still free.
    pub free: u32,
}

/// A run's progress; without points it says only that the worker is alive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricsRecorded {
    /// Campaign.
    #[schemars(with = "String")]
    pub campaign: CampaignId,
    /// Run.
    pub run: RunId,
    /// Attempt.
    pub attempt: u32,
    /// Steps done of all.
    pub step: u32,
    /// Steps in all.
    pub steps: u32,
    /// New points of the training curve.
    pub points: Vec<CurvePoint>,
    /// Cost of this attempt so far.
    pub spend: Spend,
}

/// A point of a training curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurvePoint {
    /// Optimiser step, from 1.
    pub step: u32,
    /// Mean training loss since the point before, nats per scored token.
    pub loss: f64,
}

/// The state of a run between two steps, in the content-addressed store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checkpoint {
    /// Digest of its bytes: their name in the store.
    #[schemars(with = "String")]
    pub hash: Hash,
    /// Size in bytes.
    pub size: u64,
    /// Steps done.
    pub step: u32,
}

/// A run's state was put into the store: the run can go on from it elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointSaved {
    /// Campaign.
    #[schemars(with = "String")]
    pub campaign: CampaignId,
    /// Run.
    pub run: RunId,
    /// Attempt.
    pub attempt: u32,
    /// Steps done of all.
    pub step: u32,
    /// Steps in all.
    pub steps: u32,
    /// The state after these steps.
    pub checkpoint: Checkpoint,
    /// Cost of this attempt so far.
    pub spend: Spend,
}

/// A run ended on its worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunFinished {
    /// Campaign.
    #[schemars(with = "String")]
    pub campaign: CampaignId,
    /// Run.
    pub run: RunId,
    /// Attempt.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// What this attempt cost.
    pub spend: Spend,
    /// The last checkpoint of this attempt, where the run can go on from it.
    pub checkpoint: Option<Checkpoint>,
    /// Slots free again.
    pub free: u32,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Outcome {
    /// With a result.
    Completed(Box<RunResult>),
    /// The candidate cannot be trained: divergence, a program that does not fit. It would fail again.
    Failed(String),
    /// The worker's surroundings failed: no data, no memory, .. Another attempt may succeed.
    Faulted(String),
    /// It was told to stop.
    Stopped,
}

/// Result of one run, with what it takes to repeat it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunResult {
    /// Task.
    pub task: String,
    /// Seed number, from 0.
    pub seed: u32,
    /// The task's value on validation data.
    pub value: f64,
    /// The task's value on test data: measured by runs of the stage verify only.
    #[serde(default)]
    pub test: Option<f64>,
    /// Validation loss, nats per scored token.
    pub validation_loss: f64,
    /// Training curve.
    pub curve: Vec<CurvePoint>,
    /// Digest of the loss of every step, bit by bit.
    #[schemars(with = "String")]
    pub curve_hash: Hash,
    /// Trained parameters of the whole model.
    pub parameters: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// Training FLOPs.
    pub flops: f64,
    /// Digest of the data.
    #[schemars(with = "String")]
    pub data_hash: Hash,
    /// Digest of the program's text.
    #[schemars(with = "String")]
    pub program: Hash,
    /// Where and how it ran: bit-for-bit equality is promised only for equal values.
    pub platform: Platform,
}

/// What bit-for-bit equality depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Platform {
    /// Version and build of the binary.
    pub binary: String,
    /// Device, in words.
    pub device: String,
    /// CPU features that kernels use.
    pub features: String,
    /// Threads.
    pub threads: u32,
}

/// A worker takes no more runs and lets go of those under way, their state saved where it can be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerWithdrew {
    /// Why.
    pub why: String,
    /// Free slots: none.
    pub free: u32,
}

/// A worker left; its slots are gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerLeft {
    /// Why.
    pub why: String,
    /// Free slots: none.
    pub free: u32,
}
