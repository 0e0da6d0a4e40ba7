//! What a campaign will cost, before it begins: an estimate with its assumptions.

use std::path::Path;
use std::time::Instant;

use move37_core::ExperimentId;
use move37_events::facts::{Campaign, Job, Stage, Task};
use move37_trainer::worker::job_spec;
use move37_training::profile::LAPTOP;
use move37_training::run::{JobSpec, Layer, Prediction, Trainer, predict};
use move37_training::task::{self, TaskSpec};
use serde::Serialize;

use crate::config::failed_to;
use crate::failure::Failure;
use crate::view::{count, flops, number};

/// Peak of an H100 SXM, dense bf16 products, FLOP/s (NVIDIA's data sheet, without sparsity).
const H100: f64 = 989e12;
/// Share of it that a well-tuned training is assumed to reach.
const UTILISATION: f64 = 0.4;

/// The cost of a campaign whose candidates cost what the baseline does.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    pub tasks: Vec<TaskCost>,
    /// Training FLOPs of all runs of the search.
    pub flops: f64,
    /// Training FLOPs of all runs that confirm, at most: if every promotion is looked at to the last.
    pub confirming: f64,
    /// Hours of one H100 at [`UTILISATION`] of its peak.
    pub gpu_hours: f64,
    /// Hours of this machine at the speed measured now.
    pub hours_here: f64,
    /// That speed, FLOP/s.
    pub speed_here: f64,
}

/// One task's share.
#[derive(Clone, Debug, Serialize)]
pub struct TaskCost {
    pub task: String,
    pub parameters: u64,
    /// Parameters that are not embedding or head.
    pub body: u64,
    /// Tokens of one run.
    pub tokens: u64,
    /// Training FLOPs of one run.
    pub flops: f64,
    /// Runs of the search in all.
    pub runs: u64,
    /// Runs that confirm, at most.
    pub confirming: u64,
}

impl Cost {
    /// Count one run of the baseline on each task, and measure this machine for an instant.
    ///
    /// # Errors
    /// A task's data is not there, or the baseline does not fit the model.
    pub fn of(campaign: &Campaign, data: &Path, threads: usize) -> Result<Cost, Failure> {
        let others = (campaign.programs.len() as u64).saturating_sub(1) + u64::from(campaign.budget.experiments);
        let seeds = u64::from(campaign.training.seeds);
        let runs = u64::from(campaign.training.baseline_seeds).max(seeds) + others * seeds;
        let confirming = confirming(campaign);
        let of_task = |task: &Task| {
            let Prediction { parameters, body, tokens, flops } = one(campaign, task, data)?;
            Ok(TaskCost { task: task.name.clone(), parameters, body, tokens, flops, runs, confirming })
        };
        let tasks: Vec<TaskCost> = campaign.tasks.iter().map(of_task).collect::<Result<_, Failure>>()?;
        let flops = tasks.iter().map(|task| task.flops * task.runs as f64).sum();
        let confirming = tasks.iter().map(|task| task.flops * task.confirming as f64).sum();
        let speed_here = measured(campaign, threads)?;
        Ok(Cost {
            tasks,
            flops,
            confirming,
            gpu_hours: flops / (UTILISATION * H100) / 3600.0,
            hours_here: flops / speed_here / 3600.0,
            speed_here,
        })
    }

    /// The cost, for people.
    pub fn lines(&self) -> Vec<String> {
        let of_task = |task: &TaskCost| {
            format!(
                "  cost     {:<24} {} parameters ({} without embedding and head), {} tokens, {} a run, {} runs{}",
                task.task,
                count(task.parameters),
                count(task.body),
                count(task.tokens),
                flops(task.flops),
                count(task.runs),
                if task.confirming > 0 {
                    format!(", {} more at most that confirm", count(task.confirming))
                } else {
                    String::new()
                }
            )
        };
        let mut lines: Vec<String> = self.tasks.iter().map(of_task).collect();
        lines.push(format!(
            "  in all   {}: about {} GPU-hours of an H100 at {:.0} % of its {:.0} TFLOP/s (dense bf16), or {} hours here at {}/s",
            flops(self.flops),
            number(self.gpu_hours),
            100.0 * UTILISATION,
            H100 / 1e12,
            number(self.hours_here),
            flops(self.speed_here)
        ));
        lines.push(
            format!(
                "           an estimate for the search: every candidate costs what the first program does; confirming adds {} at \
                 most, if every promotion is looked at to the last; hours here are of one run after the other, measured on steps \
                 of the laptop size",
                flops(self.confirming)
            ),
        );
        lines
    }
}

/// Runs of a task that confirm, at most: the baseline and every promotion to the last look.
fn confirming(campaign: &Campaign) -> u64 {
    let belief = &campaign.belief;
    let last = belief.looks.last().copied().unwrap_or(0);
    if belief.confirm { u64::from(belief.promotions + 1) * u64::from(last) } else { 0 }
}

/// One run of the baseline.
fn one(campaign: &Campaign, task: &Task, data: &Path) -> Result<Prediction, Failure> {
    let program = campaign.programs.first().ok_or_else(|| Failure::usage("there is no program to start from"))?;
    let job = Job {
        experiment: ExperimentId(0),
        stage: Stage::Explore,
        source: program.source.clone(),
        program: program.hash,
        model: campaign.model.clone(),
        task: task.clone(),
        training: campaign.training.clone(),
        seed_number: 0,
        seed: 0,
    };
    let spec = job_spec(&job, 1);
    let prepared = task::Task::prepare(&spec.task, data).map_err(failed_to)?;
    predict(&spec, prepared.vocabulary(), prepared.length()).map_err(failed_to)
}

/// FLOP/s of some steps of the laptop size.
fn measured(campaign: &Campaign, threads: usize) -> Result<f64, Failure> {
    const STEPS: u32 = 3;
    let program = campaign.programs.first().ok_or_else(|| Failure::usage("there is no program to start from"))?;
    let job = JobSpec {
        source: program.source.clone(),
        layer: Layer::default(),
        dims: LAPTOP.dims,
        task: TaskSpec::Mqar {
            vocabulary: LAPTOP.recall_vocabulary,
            length: LAPTOP.recall_length,
            pairs: LAPTOP.recall_pairs,
        },
        training: LAPTOP.training,
        seed: 1,
        threads,
        compute: Default::default(),
        measure_test: false,
    };
    let mut trainer = Trainer::new(&job, Path::new(".")).map_err(failed_to)?;
    // The first step fills caches and pools.
    trainer.step().map_err(failed_to)?;
    let begun = Instant::now();
    for _ in 0..STEPS {
        trainer.step().map_err(failed_to)?;
    }
    Ok(f64::from(STEPS) * trainer.flops_per_step() / begun.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use move37_testkit::sample;

    use super::*;

    #[test]
    fn a_campaign_costs_all_runs_of_all_its_programs() {
        let mut campaign = sample::campaign();
        campaign.programs[0] = crate::seeds::published("delta_net").unwrap();
        campaign.tasks.retain(|task| task.name == "mqar");
        campaign.training.seeds = 2;
        campaign.training.baseline_seeds = 5;
        campaign.belief.confirm = true;
        campaign.belief.promotions = 2;
        campaign.belief.looks = vec![3, 6];
        let cost = Cost::of(&campaign, Path::new("."), 1).unwrap();
        let task = &cost.tasks[0];
        // The baseline with five seeds, another program and three experiments with two; two promotions and the baseline to six.
        assert_eq!((task.runs, task.confirming, task.tokens), (13, 18, 20 * 4 * 64));
        assert!(task.body > 0 && task.body + 2 * 64 * 32 == task.parameters);
        assert!((cost.flops - 13.0 * task.flops).abs() < 1.0);
        assert!((cost.gpu_hours * 3600.0 * 0.4 * 989e12 / cost.flops - 1.0).abs() < 1e-9);
        assert!(cost.hours_here > 0.0 && cost.lines().join("\n").contains("GPU-hours of an H100 at 40 %"));
    }
}
