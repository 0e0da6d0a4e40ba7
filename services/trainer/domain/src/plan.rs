//! Which runs a candidate needs, and with which seeds.

use move37_core::{Draw, ExperimentId};
use move37_events::facts::{Campaign, Job, Model, RunId, Seeds, Stage, Task, TrainingScheduled};

use crate::state::{Run, StageOf};

/// One run of the plan: a task and a seed number.
pub(crate) struct Planned<'a> {
    pub(crate) id: RunId,
    pub(crate) task: &'a Task,
    pub(crate) seed: u32,
}

/// The runs of a candidate in the order in which they are placed: every task with the first seed, then the next.
pub(crate) fn runs(campaign: &Campaign, experiment: ExperimentId, stage: Stage, seeds: Seeds) -> Vec<Planned<'_>> {
    let seeds = seeds.first..seeds.end();
    let of_seed = |seed| {
        campaign.tasks.iter().map(move |task| Planned {
            id: RunId::new(experiment, stage, &task.name, seed),
            task,
            seed,
        })
    };
    seeds.flat_map(of_seed).collect()
}

/// Seed of initialisation and data order: the same for every candidate of a campaign, so that comparisons are paired.
/// At most 53 bits, so that every JSON reader keeps it.
pub fn run_seed(campaign: u64, stage: Stage, task: &str, seed: u32) -> u64 {
    Draw::new(campaign, ExperimentId(0), &stage.to_string(), &format!("run {task}"), seed).bits() >> 11
}

/// The job of a run, whole in itself.
pub(crate) fn job(campaign: &Campaign, scheduled: &TrainingScheduled, run: &Run) -> Option<Job> {
    let task = campaign.tasks.iter().find(|task| task.name == run.task)?;
    Some(Job {
        experiment: scheduled.experiment,
        stage: scheduled.stage,
        source: scheduled.source.clone(),
        program: scheduled.program,
        model: Model { swiglu: scheduled.sizes.swiglu, ..campaign.model.clone() },
        task: task.clone(),
        training: campaign.training.clone(),
        seed_number: run.seed,
        seed: run_seed(campaign.seed, scheduled.stage, &run.task, run.seed),
    })
}

/// What a run's name states.
pub(crate) struct Named {
    pub(crate) of: StageOf,
    pub(crate) seed: u32,
}

/// Read a run's name: `<experiment>-<stage>-<task>-<seed>`.
pub(crate) fn named(run: &RunId) -> Option<Named> {
    let (of, seed) = (stage_of(&run.0)?, run.0.rsplit('-').next()?.parse().ok()?);
    Some(Named { of, seed })
}

/// The stage that a text begins with: `<experiment>-<stage>`.
pub(crate) fn stage_of(text: &str) -> Option<StageOf> {
    let mut parts = text.split('-');
    let experiment = parts.next()?.parse().ok().map(ExperimentId)?;
    let stage = parts.next()?;
    let stage = [Stage::Explore, Stage::Verify].into_iter().find(|known| known.to_string() == stage)?;
    Some(StageOf { experiment, stage })
}
