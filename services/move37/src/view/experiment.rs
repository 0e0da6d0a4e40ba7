//! One experiment as it stands.

use std::collections::BTreeMap;

use move37_core::Timestamp;
use move37_events::Fact;
use move37_events::facts::{
    self, AnalystFact, Basis, CandidateAdmitted, CandidateRefused, CodeDiffProposed, EngineerFact, ExperimentRecorded,
    FitnessScored, HypothesisProposed, InsightRecorded, MemoryFact, ParentSampled, RecordConfirmed, RecordRefuted,
    ResearcherFact, RunFact, RunId, TrainerFact, TrainingCompleted,
};
use serde::Serialize;

/// Everything that is known of an experiment. Facts of several topics come in any order.
#[derive(Clone, Debug, Default)]
pub struct Experiment {
    /// When it was opened.
    pub opened: Option<Timestamp>,
    /// When its end was recorded.
    pub ended: Option<Timestamp>,
    /// What it started from.
    pub sample: Option<ParentSampled>,
    /// Its hypothesis.
    pub hypothesis: Option<HypothesisProposed>,
    /// Its newest diff.
    pub diff: Option<CodeDiffProposed>,
    /// Refusals of the gate, in order.
    pub refusals: Vec<CandidateRefused>,
    /// The admission.
    pub admitted: Option<CandidateAdmitted>,
    /// Its runs.
    pub runs: BTreeMap<RunId, Run>,
    /// Its results of the stage explore.
    pub trained: Option<TrainingCompleted>,
    /// Its newest results with fresh seeds, on test data.
    pub verified: Option<TrainingCompleted>,
    /// That it was confirmed as record.
    pub confirmed: Option<RecordConfirmed>,
    /// That it could not be shown to be one.
    pub refuted: Option<RecordRefuted>,
    /// Its score.
    pub score: Option<FitnessScored>,
    /// Its insight.
    pub insight: Option<InsightRecorded>,
    /// Its end.
    pub recorded: Option<ExperimentRecorded>,
}

/// A run as it stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Run {
    /// Attempt, from 1; 0 while it waits.
    pub attempt: u32,
    /// Steps done.
    pub step: u32,
    /// Steps in all, once known.
    pub steps: u32,
    /// Newest training loss, nats per scored token.
    pub loss: Option<f64>,
    /// Value on validation data, once completed.
    pub value: Option<f64>,
    /// Whether it is over, with or without a value.
    pub done: bool,
}

/// How far an experiment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Memory has sampled its parent.
    Hypothesis,
    /// The researcher has stated its hypothesis.
    Code,
    /// The engineer has written it.
    Gate,
    /// The gate has admitted it.
    Training,
    /// It is trained.
    Analysis,
    /// It has its insight.
    Recording,
    /// It is over.
    Ended,
}

impl Stage {
    /// What is being done, in one word.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Hypothesis => "hypothesis",
            Stage::Code => "code",
            Stage::Gate => "gate",
            Stage::Training => "training",
            Stage::Analysis => "analysis",
            Stage::Recording => "recording",
            Stage::Ended => "ended",
        }
    }
}

impl Experiment {
    /// How far it has come, whatever order its facts came in.
    pub fn stage(&self) -> Stage {
        let latest = |present: bool, stage| present.then_some(stage);
        [
            latest(self.recorded.is_some(), Stage::Ended),
            latest(self.insight.is_some(), Stage::Recording),
            latest(self.trained.is_some() || self.score.is_some(), Stage::Analysis),
            latest(self.admitted.is_some() || !self.runs.is_empty(), Stage::Training),
            latest(self.diff.is_some(), Stage::Gate),
            latest(self.hypothesis.is_some(), Stage::Code),
        ]
        .into_iter()
        .flatten()
        .next()
        .unwrap_or(Stage::Hypothesis)
    }

    /// Its lane.
    pub fn lane(&self) -> Option<u32> {
        self.sample.as_ref().map(|sample| sample.lane).or(self.recorded.as_ref().map(|recorded| recorded.lane))
    }

    /// Its name, once it has one.
    pub fn name(&self) -> Option<&str> {
        self.hypothesis.as_ref().map(|hypothesis| hypothesis.brief.name.as_str())
    }

    /// Whether it measures a program given at the start.
    pub fn is_seed(&self) -> bool {
        self.sample.as_ref().is_some_and(|sample| matches!(sample.basis, Basis::Seed { .. }))
    }

    /// Fitness, once scored.
    pub fn fitness(&self) -> Option<f64> {
        self.score.as_ref().and_then(|score| score.fitness)
    }

    /// Share of its training that is done, in [0, 1].
    pub fn trained_share(&self) -> f64 {
        if self.trained.is_some() || self.runs.is_empty() {
            return if self.trained.is_some() { 1.0 } else { 0.0 };
        }
        let share = |run: &Run| match (run.done, run.steps) {
            (true, _) => 1.0,
            (false, 0) => 0.0,
            (false, steps) => f64::from(run.step) / f64::from(steps),
        };
        self.runs.values().map(share).sum::<f64>() / self.runs.len() as f64
    }

    pub(super) fn take(&mut self, fact: &Fact, time: Timestamp) {
        match fact {
            Fact::Campaign(_) => {}
            Fact::Memory(fact) => self.take_memory(fact, time),
            Fact::Researcher(ResearcherFact::HypothesisProposed(fact)) => self.hypothesis = Some(fact.clone()),
            Fact::Researcher(_) => {}
            Fact::Engineer(fact) => self.take_engineer(fact),
            Fact::Trainer(fact) => self.take_trainer(fact),
            Fact::Run(fact) => self.take_run(fact),
            Fact::Analyst(AnalystFact::FitnessScored(fact)) if fact.stage == facts::Stage::Explore => {
                self.score = Some(fact.clone());
            }
            Fact::Analyst(AnalystFact::InsightRecorded(fact)) => self.insight = Some(fact.clone()),
            Fact::Analyst(_) => {}
        }
    }

    fn take_memory(&mut self, fact: &MemoryFact, time: Timestamp) {
        match fact {
            MemoryFact::ParentSampled(fact) => {
                self.opened = Some(time);
                self.sample = Some(fact.clone());
            }
            MemoryFact::ExperimentRecorded(fact) => {
                self.ended = Some(time);
                self.recorded = Some(fact.clone());
            }
            MemoryFact::RecordConfirmed(fact) => self.confirmed = Some(fact.clone()),
            MemoryFact::RecordRefuted(fact) => self.refuted = Some(fact.clone()),
            MemoryFact::CandidatePromoted(_)
            | MemoryFact::VerificationRecorded(_)
            | MemoryFact::CampaignFollowed(_)
            | MemoryFact::CampaignClosed(_) => {}
        }
    }

    fn take_engineer(&mut self, fact: &EngineerFact) {
        match fact {
            EngineerFact::CodeDiffProposed(fact) => self.diff = Some(fact.clone()),
            EngineerFact::CandidateAdmitted(fact) => self.admitted = Some(fact.clone()),
            EngineerFact::CandidateRefused(fact) => self.refusals.push(fact.clone()),
            EngineerFact::ExperimentAbandoned(_) | EngineerFact::CampaignFollowed(_) => {}
        }
    }

    fn take_trainer(&mut self, fact: &TrainerFact) {
        match fact {
            TrainerFact::TrainingScheduled(fact) => {
                for run in &fact.runs {
                    self.runs.entry(run.clone()).or_default();
                }
            }
            TrainerFact::RunDispatched(fact) => {
                let run = self.runs.entry(fact.run.clone()).or_default();
                run.attempt = run.attempt.max(fact.attempt);
                run.steps = fact.job.training.steps;
            }
            TrainerFact::RunCompleted(fact) => {
                let run = self.runs.entry(fact.run.clone()).or_default();
                run.done = true;
                run.value = Some(fact.result.value);
                run.loss = fact.result.curve.last().map(|point| point.loss).or(run.loss);
            }
            TrainerFact::RunFailed(fact) => self.runs.entry(fact.run.clone()).or_default().done = true,
            TrainerFact::RunStopped(fact) => self.runs.entry(fact.run.clone()).or_default().done = true,
            TrainerFact::TrainingCompleted(fact) => match fact.stage {
                facts::Stage::Explore => self.trained = Some(fact.clone()),
                facts::Stage::Verify => self.verified = Some(fact.clone()),
            },
            TrainerFact::CampaignFollowed(_)
            | TrainerFact::RunUnplaced(_)
            | TrainerFact::RunPaused(_)
            | TrainerFact::RunLost(_)
            | TrainerFact::RunSpared(_)
            | TrainerFact::TrainingFailed(_) => {}
        }
    }

    fn take_run(&mut self, fact: &RunFact) {
        let RunFact::MetricsRecorded(fact) = fact else { return };
        let run = self.runs.entry(fact.run.clone()).or_default();
        if fact.attempt >= run.attempt {
            run.attempt = fact.attempt;
            run.step = fact.step;
            run.steps = fact.steps;
            run.loss = fact.points.last().map(|point| point.loss).or(run.loss);
        }
    }
}
