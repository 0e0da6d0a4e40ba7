//! From runs to results: is a result believable, and what do all of a candidate's results say?

use std::collections::BTreeMap;

use move37_events::facts::{
    ResultSummary, RunCompleted, RunResult, Spend, TaskScore, TrainerFact, TrainingCompleted, TrainingScheduled,
};

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
    if !(result.value.is_finite() && result.validation_loss.is_finite()) {
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

/// The training's end, once every run has its result.
pub(crate) fn training_completed(training: &Training) -> Option<TrainingCompleted> {
    let result = |run: &Run| match &run.phase {
        Phase::Completed(result) => Some(result.as_ref().clone()),
        Phase::Waiting | Phase::Dispatched(_) | Phase::Over => None,
    };
    let runs: Vec<RunResult> = training.runs.iter().map(result).collect::<Option<_>>()?;
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
        results: ResultSummary { tasks: scores(&runs), parameters, flops },
        runs,
        spend: training.spend,
    })
}

/// Mean and standard error of each task over its seeds.
fn scores(runs: &[RunResult]) -> BTreeMap<String, TaskScore> {
    let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for run in runs {
        values.entry(&run.task).or_default().push(run.value);
    }
    values.into_iter().map(|(task, values)| (task.to_owned(), score(&values))).collect()
}

fn score(values: &[f64]) -> TaskScore {
    let n = values.len() as f64;
    let value = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - value).powi(2)).sum::<f64>() / (n - 1.0);
    TaskScore {
        value,
        standard_error: (values.len() > 1).then(|| (variance / n).sqrt()),
        seeds: u32::try_from(values.len()).unwrap_or(u32::MAX),
        values: values.to_vec(),
        interval: None,
    }
}
