//! What the trainer knows of a campaign: the fold of its own facts.

use std::collections::{BTreeMap, BTreeSet};

use move37_core::{ExperimentId, Key};
use move37_events::Following;
use move37_events::facts::{Checkpoint, RunId, RunResult, RunSpared, Spend, Stage, TrainingScheduled};
use serde::{Deserialize, Serialize};

use crate::plan;
use crate::watch::Peers;

/// The trainer's state of one campaign.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trainer {
    pub(crate) following: Following,
    /// Trainings under way.
    pub(crate) open: BTreeMap<StageOf, Training>,
    /// Experiments whose training has ended, in the stage explore.
    pub(crate) ended: BTreeSet<ExperimentId>,
    /// What was trained: a promotion trains the same text again, with fresh seeds.
    pub(crate) trained: BTreeMap<ExperimentId, Trained>,
    /// Completed runs by stage and task: what a run under way is judged by.
    pub(crate) peers: BTreeMap<Stage, BTreeMap<String, Peers>>,
    /// What early stopping would have done to the run that completed last, to be recorded.
    pub(crate) spared: Option<RunSpared>,
}

/// A stage of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StageOf {
    pub(crate) experiment: ExperimentId,
    pub(crate) stage: Stage,
}

/// A candidate that was trained in the stage explore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trained {
    /// What was scheduled last.
    pub(crate) scheduled: TrainingScheduled,
    /// Seeds that its verification was asked for, in all.
    pub(crate) promoted: u32,
    /// Results of its verification, in order.
    pub(crate) results: Vec<RunResult>,
}

/// A training under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Training {
    pub(crate) scheduled: TrainingScheduled,
    pub(crate) runs: Vec<Run>,
    /// Why it cannot be completed.
    pub(crate) failure: Option<String>,
    /// Cost so far, lost attempts included.
    pub(crate) spend: Spend,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) task: String,
    pub(crate) seed: u32,
    /// The attempt under way, or the next one.
    pub(crate) attempt: u32,
    /// Lost attempts that count.
    pub(crate) lost: u32,
    /// Why the last attempt was lost.
    pub(crate) why: String,
    /// Dispatches made.
    pub(crate) dispatch: u32,
    pub(crate) phase: Phase,
    /// What its worker was told to do since the dispatch.
    pub(crate) told: Told,
    /// Where the attempt under way began, or the next one begins; none: at the start.
    pub(crate) checkpoint: Option<Checkpoint>,
}

/// What a worker was told to do with a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Told {
    /// To train it.
    #[default]
    Nothing,
    /// To save its state and let go of it.
    Pause,
    /// To let go of it for good.
    Stop,
}

/// Where a run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// It needs a worker.
    Waiting,
    /// This worker has it.
    Dispatched(Key),
    /// It has a result.
    Completed(Box<RunResult>),
    /// It has failed or was stopped.
    Over,
}

impl Run {
    /// Whether a worker has it.
    pub(crate) fn is_dispatched(&self) -> bool {
        matches!(self.phase, Phase::Dispatched(_))
    }

    /// Its worker does not have it any more: it waits for another, unless it was stopped.
    pub(crate) fn let_go(&mut self) {
        let stopped = std::mem::take(&mut self.told) == Told::Stop;
        self.phase = if stopped { Phase::Over } else { Phase::Waiting };
    }
}

/// What a run's name refers to.
pub(crate) enum Found<'a> {
    /// A training that has not been scheduled yet.
    NotYet,
    /// A training that has ended, or no run of ours.
    Past,
    /// A run of an open training.
    Open(&'a Training, &'a Run),
}

impl Trainer {
    pub(crate) fn find(&self, run: &RunId) -> Found<'_> {
        let Some(named) = plan::named(run) else { return Found::Past };
        if let Some(training) = self.open.get(&named.of)
            && let Some(run) = training.runs.iter().find(|known| known.id == *run)
        {
            return Found::Open(training, run);
        }
        let past = match named.of.stage {
            Stage::Explore => self.open.contains_key(&named.of) || self.ended.contains(&named.of.experiment),
            Stage::Verify => {
                self.trained.get(&named.of.experiment).is_some_and(|trained| named.seed < trained.promoted)
            }
        };
        if past { Found::Past } else { Found::NotYet }
    }

    pub(crate) fn run_mut(&mut self, run: &RunId) -> Option<(&mut Spend, &mut Run)> {
        let training = self.open.get_mut(&plan::named(run)?.of)?;
        let run = training.runs.iter_mut().find(|known| known.id == *run)?;
        Some((&mut training.spend, run))
    }
}

// Keys of JSON objects are texts: `<experiment>-<stage>`, as in the names of runs.
impl Serialize for StageOf {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}-{}", self.experiment, self.stage))
    }
}

impl<'de> Deserialize<'de> for StageOf {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<StageOf, D::Error> {
        let text = String::deserialize(deserializer)?;
        plan::stage_of(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} names no stage")))
    }
}
