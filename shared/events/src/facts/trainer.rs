//! Placement and results of trainings.

use move37_core::{ExperimentId, Hash, Key};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::campaign::{CampaignFollowed, Model, Task, Training};
use super::common::{Brief, ResultSummary, RunId, Seeds, Sizes, Spend, Stage};
use super::runs::{Checkpoint, RunResult};
use super::set::fact_set;
use crate::genome::Genome;

fact_set! {
    /// Facts of the trainer.
    TrainerFact on Trainer by Trainer {
        CampaignFollowed = "campaign.followed" v 1;
        TrainingScheduled = "training.scheduled" v 1 about experiment;
        RunDispatched = "run.dispatched" v 1 about run;
        RunUnplaced = "run.unplaced" v 1 about run;
        RunPaused = "run.paused" v 1 about run;
        RunCompleted = "run.completed" v 1 about run;
        RunFailed = "run.failed" v 1 about run;
        RunLost = "run.lost" v 1 about run;
        RunStopped = "run.stopped" v 1 about run;
        RunSpared = "run.spared" v 1 about run;
        TrainingCompleted = "training.completed" v 1 about experiment;
        TrainingFailed = "training.failed" v 1 about experiment;
    }
}

/// An admitted candidate, or a promoted one, was taken on: these runs are to be trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrainingScheduled {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Stage.
    pub stage: Stage,
    /// The hypothesis in short.
    pub brief: Brief,
    /// Grammar form, where there is one.
    pub genome: Option<Genome>,
    /// The candidate's text.
    pub source: String,
    /// Digest of the text.
    #[schemars(with = "String")]
    pub program: Hash,
    /// True for the program that all scores are relative to.
    pub baseline: bool,
    /// Whether it may be a parent.
    pub parent: bool,
    /// Trained parameters of one mixing layer, as the gate counted.
    pub parameters: u64,
    /// Forward FLOPs of one mixing layer for one sequence, as the gate counted.
    pub flops: f64,
    /// The sizes at which it is trained.
    pub sizes: Sizes,
    /// Seed numbers of the runs.
    pub seeds: Seeds,
    /// Runs, in the order in which they are placed.
    pub runs: Vec<RunId>,
}

/// A run was given to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunDispatched {
    /// Run.
    pub run: RunId,
    /// Attempt, from 1.
    pub attempt: u32,
    /// How often this run was given out, from 1; grows with declines too, which spend no attempt.
    pub dispatch: u32,
    /// Worker: key of its chain.
    #[schemars(with = "String")]
    pub worker: Key,
    /// What to do.
    pub job: Job,
    /// Where to go on from; none: from the start.
    pub resume: Option<Checkpoint>,
}

/// A training job, whole in itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Stage: a run of the stage verify is measured on test data as well.
    pub stage: Stage,
    /// The candidate's text.
    pub source: String,
    /// Digest of the text.
    #[schemars(with = "String")]
    pub program: Hash,
    /// Model around it, with the candidate's own inner size of the SwiGLU.
    pub model: Model,
    /// Task.
    pub task: Task,
    /// How to train.
    pub training: Training,
    /// Seed number, from 0: names the run among its siblings.
    pub seed_number: u32,
    /// Seed of initialisation and data order.
    pub seed: u64,
}

/// A dispatched run came back unaccepted; no attempt was spent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunUnplaced {
    /// Run.
    pub run: RunId,
    /// Attempt, unchanged.
    pub attempt: u32,
    /// Dispatch that came back.
    pub dispatch: u32,
    /// Why.
    pub why: String,
}

/// A dispatched run is to rest: its worker saves its state and lets go of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunPaused {
    /// Run.
    pub run: RunId,
    /// Attempt that is to rest.
    pub attempt: u32,
    /// Why.
    pub why: String,
}

/// A run completed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunCompleted {
    /// Run.
    pub run: RunId,
    /// Attempt that completed.
    pub attempt: u32,
    /// Its result.
    pub result: RunResult,
    /// Its cost.
    pub spend: Spend,
}

/// A run failed for good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunFailed {
    /// Run.
    pub run: RunId,
    /// Last attempt.
    pub attempt: u32,
    /// Why.
    pub why: String,
    /// Its cost.
    pub spend: Spend,
}

/// An attempt ended without a result: its worker fell silent, left, could not go on, or was told to let go. The run is
/// dispatched again with the next attempt, unless it has failed or was stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunLost {
    /// Run.
    pub run: RunId,
    /// Attempt that was lost.
    pub attempt: u32,
    /// Why.
    pub why: String,
    /// Whether it counts against the attempts that a run has: not where its worker left in good order.
    pub counts: bool,
    /// Its cost, as far as the worker told.
    pub spend: Spend,
    /// Where the next attempt goes on from; none: from the start.
    pub checkpoint: Option<Checkpoint>,
}

/// A dispatched run is stopped for good: its worker lets go of it, and tells what it cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunStopped {
    /// Run.
    pub run: RunId,
    /// Attempt that was stopped.
    pub attempt: u32,
    /// Why, with the evidence.
    pub why: String,
}

/// A completed run would have been stopped early, had that been on: what stopping it would have saved and lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunSpared {
    /// Run.
    pub run: RunId,
    /// Step at which it would have been stopped.
    pub step: u32,
    /// Its loss there.
    pub loss: f64,
    /// The loss that it is above.
    pub bound: f64,
    /// Earlier runs that the bound comes from.
    pub runs: u32,
    /// Share of its steps that stopping would have saved.
    pub saved: f64,
    /// Its last loss.
    pub last: f64,
    /// Earlier runs whose last loss was higher: it would have been stopped although it came to be better than these.
    pub wronged: u32,
    /// How much lower its last loss is than the lowest of the earlier runs; 0 where it is not: what stopping it would have
    /// lost for good.
    pub regret: f64,
}

/// All runs of an experiment's stage completed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrainingCompleted {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Stage.
    pub stage: Stage,
    /// The hypothesis in short.
    pub brief: Brief,
    /// Grammar form, where there is one.
    pub genome: Option<Genome>,
    /// Digest of the candidate's text.
    #[schemars(with = "String")]
    pub program: Hash,
    /// True for the program that all scores are relative to.
    pub baseline: bool,
    /// Whether it may be a parent.
    pub parent: bool,
    /// Every run's result, in order; in the stage verify those of earlier looks too.
    pub runs: Vec<RunResult>,
    /// The results in short.
    pub results: ResultSummary,
    /// Cost of the runs that were scheduled last, lost attempts included.
    pub spend: Spend,
}

/// A stage could not be completed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrainingFailed {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Stage.
    pub stage: Stage,
    /// Seeds per task that it was to have in all.
    pub seeds: u32,
    /// The hypothesis in short, where there was one.
    pub brief: Option<Brief>,
    /// Why.
    pub why: String,
    /// Cost of the runs that were scheduled last.
    pub spend: Spend,
}
