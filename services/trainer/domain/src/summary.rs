//! From runs to results: is a result believable, and what do all of a candidate's results say?

use std::collections::BTreeMap;

use move37_events::facts::{
    Campaign, Interval, ResultSummary, RunCompleted, RunResult, Spend, Stage, TaskScore, TrainerFact,
    TrainingCompleted, TrainingScheduled,
};
use move37_statistics as statistics;

use crate::decide::failed;
use crate::state::{Phase, Run, Training};

/// A worker says that a run completed: a number that is none, or a result about something else, is a failure.
pub(crate) fn completed(scheduled: &TrainingScheduled, run: &Run, result: &RunResult, spend: Spend) -> TrainerFact {
    if let Some(why) = unbelievable(scheduled, run, result) {
        return failed(run, &why, spend);
    }
    RunCompleted { run: run.id.clone(), attempt: run.attempt, result: result.clone(), spend }.into()
}

fn unbelievable(scheduled: &TrainingScheduled, run: &Run, result: &RunResult) -> Option<String> {
    if !(measured(scheduled.stage, result).is_finite() && result.validation_loss.is_finite()) {
        Some("its result is not a finite number".to_owned())
    } else if result.program != scheduled.program {
        let (got, wanted) = (result.program.short(), scheduled.program.short());
        Some(format!("its result is about program {got}, not {wanted}"))
    } else if (&result.task, result.seed) != (&run.task, run.seed) {
        Some(format!("its result is about task {} with seed number {}", result.task, result.seed))
    } else {
        None
    }
}

/// The value that a stage is about: on test data in the stage verify, and no number where none was measured there.
fn measured(stage: Stage, result: &RunResult) -> f64 {
    match stage {
        Stage::Explore => result.value,
        Stage::Verify => result.test.unwrap_or(f64::NAN),
    }
}

/// The training's end, once every run has its result; results of earlier looks come first.
pub(crate) fn training_completed(
    campaign: &Campaign,
    training: &Training,
    earlier: &[RunResult],
) -> Option<TrainingCompleted> {
    let result = |run: &Run| match &run.phase {
        Phase::Completed(result) => Some(result.as_ref().clone()),
        Phase::Waiting | Phase::Dispatched(_) | Phase::Over => None,
    };
    let new: Vec<RunResult> = training.runs.iter().map(result).collect::<Option<_>>()?;
    let runs: Vec<RunResult> = earlier.iter().cloned().chain(new).collect();
    let scheduled = &training.scheduled;
    let (parameters, flops) = (scheduled.parameters, scheduled.flops);
    Some(TrainingCompleted {
        experiment: scheduled.experiment,
        stage: scheduled.stage,
        brief: scheduled.brief.clone(),
        genome: scheduled.genome.clone(),
        program: scheduled.program,
        baseline: scheduled.baseline,
        parent: scheduled.parent,
        results: ResultSummary { tasks: scores(campaign, scheduled.stage, &runs), parameters, flops },
        runs,
        spend: training.spend,
    })
}

/// Each task over its seeds.
fn scores(campaign: &Campaign, stage: Stage, runs: &[RunResult]) -> BTreeMap<String, TaskScore> {
    let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for run in runs {
        values.entry(&run.task).or_default().push(measured(stage, run));
    }
    let confidence = campaign.belief.confidence;
    values.into_iter().map(|(task, values)| (task.to_owned(), score(values, confidence))).collect()
}

fn score(values: Vec<f64>, confidence: f64) -> TaskScore {
    let n = values.len() as f64;
    let interval = statistics::interval(&values, confidence);
    TaskScore {
        value: statistics::mean(&values),
        standard_error: statistics::deviation(&values).map(|deviation| deviation / n.sqrt()),
        seeds: u32::try_from(values.len()).unwrap_or(u32::MAX),
        interval: interval.map(|within| Interval { low: within.low, high: within.high, confidence }),
        values,
    }
}
