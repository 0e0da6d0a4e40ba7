//! A run that a log holds, whole in itself: what was to be trained, and what came of it.

use std::path::Path;

use move37_core::CampaignId;
use move37_events::Fact;
use move37_events::facts::{Job, RunId, RunResult, TrainerFact};
use move37_training::data::{SHAKESPEARE, shakespeare};

use crate::config::failed_to;
use crate::failure::Failure;
use crate::view::Book;

/// A run with its job and its result.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub run: RunId,
    pub job: Job,
    pub result: RunResult,
}

/// The runs of a campaign that completed, in the order in which they did.
pub fn recorded(book: &Book, campaign: &CampaignId) -> Vec<Recorded> {
    let facts = || {
        book.of(campaign).filter_map(|entry| match &entry.fact {
            Fact::Trainer(fact) => Some(fact),
            _ => None,
        })
    };
    let job = |run: &RunId| {
        facts().find_map(|fact| match fact {
            TrainerFact::RunDispatched(body) if body.run == *run => Some(body.job.clone()),
            _ => None,
        })
    };
    let completed = facts().filter_map(|fact| match fact {
        TrainerFact::RunCompleted(body) => Some((&body.run, &body.result)),
        _ => None,
    });
    completed
        .filter_map(|(run, result)| Some(Recorded { run: run.clone(), job: job(run)?, result: result.clone() }))
        .collect()
}

/// One of them, by its name or by `EXPERIMENT/TASK/SEED`.
///
/// # Errors
/// There is none of that name.
pub fn find(runs: Vec<Recorded>, wanted: &str, campaign: &CampaignId) -> Result<Recorded, Failure> {
    let names: Vec<String> = runs.iter().map(|recorded| recorded.run.to_string()).collect();
    let by_parts = |recorded: &Recorded| {
        format!("{}/{}/{}", recorded.job.experiment, recorded.job.task.name, recorded.job.seed_number) == wanted
    };
    let mut runs = runs.into_iter();
    runs.find(|recorded| recorded.run.0 == wanted || by_parts(recorded)).ok_or_else(|| {
        Failure::usage(match names.is_empty() {
            true => format!("{campaign} has no completed run yet: let one complete"),
            false => format!("{campaign} has no completed run {wanted}: it has {}", names.join(", ")),
        })
    })
}

/// The default text comes by itself; others must lie in the data folder already.
///
/// # Errors
/// It cannot be fetched.
pub fn fetch(job: &Job, data: &Path) -> Result<(), Failure> {
    match job.task.kind.corpus() {
        Some(corpus) if corpus.hash.to_string() == SHAKESPEARE => shakespeare(data).map(drop).map_err(failed_to),
        Some(_) | None => Ok(()),
    }
}
