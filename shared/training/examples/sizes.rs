//! Train programs on a task and print what they are worth: how the sizes of the profiles were chosen.
//!
//! `cargo run -p move37-training --example sizes -- task=mqar seeds=5 shared/training/programs/*.py`
//!
//! `task=bytes`, `task=mqar` or a name that [`named`] lists, as `task=mad-mini-compression` (or
//! `task=mad-mini` for all six); every number of the profile and
//! of the task (`vocabulary`, `length`, `pairs`, `instances`, `noise`, ..) can be set by its name. Of each program
//! and task: the value, the accuracy and the loss of every seed, their means with a 95 % interval, and the share of seeds
//! that solved the task (a value of at least `solved=0.95`), since accuracy is bimodal.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use move37_training::data::shakespeare;
use move37_training::profile::{LAPTOP, Profile};
use move37_training::run::{Cancel, JobSpec, Observer, run};
use move37_training::task::{TaskSpec, named};

struct Settings {
    profile: Profile,
    seeds: u64,
    data: String,
    task: String,
    every: u32,
    solved: f64,
    changes: Vec<(String, String)>,
    programs: Vec<String>,
}

fn main() -> Result<()> {
    let settings = settings()?;
    let tasks = tasks(&settings)?;
    println!("{:?}", settings.profile);
    for path in &settings.programs {
        let source = std::fs::read_to_string(path).with_context(|| path.clone())?;
        for (name, task) in &tasks {
            measure(&settings, path, &source, name, task)?;
        }
    }
    Ok(())
}

fn measure(settings: &Settings, path: &str, source: &str, name: &str, task: &TaskSpec) -> Result<()> {
    let (mut values, mut accuracies, mut losses) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 1..=settings.seeds {
        let Profile { dims, training, .. } = settings.profile;
        let job = JobSpec {
            source: source.to_owned(),
            layer: Default::default(),
            dims,
            task: task.clone(),
            training,
            seed,
            threads: 1,
            compute: Default::default(),
            measure_test: false,
        };
        let mut log = Log { every: settings.every };
        match run(&job, Path::new(&settings.data), None, &mut log, &Cancel::default()) {
            Ok(outcome) => {
                println!(
                    "{path} {name} seed {seed}: value {:.4}, accuracy {:.4}, loss {:.4}, {} parameters, {:.1} s, {:.1} GFLOP/s",
                    outcome.value,
                    outcome.validation_accuracy,
                    outcome.validation_loss,
                    outcome.parameters,
                    outcome.seconds,
                    outcome.flops / outcome.seconds / 1e9
                );
                values.push(outcome.value);
                accuracies.push(outcome.validation_accuracy);
                losses.push(outcome.validation_loss);
            }
            Err(error) => println!("{path} {name} seed {seed}: failed to {error}"),
        }
    }
    let solved = values.iter().filter(|value| **value >= settings.solved).count();
    println!(
        "{path} {name}: value {}, accuracy {}, loss {}, solved {solved} of {}",
        mean(&values),
        mean(&accuracies),
        mean(&losses),
        settings.seeds
    );
    Ok(())
}

/// Mean and 95 % interval by Student's t.
fn mean(values: &[f64]) -> String {
    const T: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let Some(quantile) = values.len().checked_sub(2).map(|i| T.get(i).copied().unwrap_or(2.1)) else {
        return format!("{mean:.4}");
    };
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = quantile * (variance / n).sqrt();
    format!("{mean:.4} [{:.4}, {:.4}]", mean - half, mean + half)
}

struct Log {
    every: u32,
}

impl Observer for Log {
    fn step(&mut self, step: u32, loss: f32, elapsed: Duration) {
        if self.every > 0 && step.is_multiple_of(self.every) {
            println!("  step {step}: loss {loss:.4} after {:.1} s", elapsed.as_secs_f64());
        }
    }
}

fn tasks(settings: &Settings) -> Result<Vec<(String, TaskSpec)>> {
    let p = settings.profile;
    let bytes = || -> Result<TaskSpec> {
        let corpus = shakespeare(Path::new(&settings.data))?.hash();
        Ok(TaskSpec::Bytes { corpus, length: p.bytes_length })
    };
    let (vocabulary, length, pairs) = (p.recall_vocabulary, p.recall_length, p.recall_pairs);
    let mqar = TaskSpec::Mqar { vocabulary, length, pairs };
    let tasks = match settings.task.as_str() {
        "all" => vec![("bytes".to_owned(), bytes()?), ("mqar".to_owned(), mqar)],
        "bytes" => vec![("bytes".to_owned(), bytes()?)],
        "mqar" => vec![("mqar".to_owned(), mqar)],
        name => {
            let exact: Vec<_> = named().into_iter().filter(|(known, _)| known == name).collect();
            let family = || named().into_iter().filter(|(known, _)| known.starts_with(&format!("{name}-"))).collect();
            let found: Vec<_> = if exact.is_empty() { family() } else { exact };
            ensure!(!found.is_empty(), "there is no task {name}");
            found
        }
    };
    tasks.into_iter().map(|(name, task)| Ok((name, changed(&task, &settings.changes)?))).collect()
}

/// A task with some of its numbers set anew.
fn changed(task: &TaskSpec, changes: &[(String, String)]) -> Result<TaskSpec> {
    let mut value = serde_json::to_value(task)?;
    for (name, number) in changes {
        let place = match value.pointer_mut(&format!("/{name}")) {
            Some(place) => place,
            None => {
                value.pointer_mut(&format!("/puzzle/{name}")).with_context(|| format!("there is no setting {name}"))?
            }
        };
        *place = serde_json::from_str(number)?;
    }
    Ok(serde_json::from_value(value)?)
}

fn settings() -> Result<Settings> {
    let mut s = Settings {
        profile: LAPTOP,
        seeds: 1,
        data: ".move37/data".to_owned(),
        task: "all".to_owned(),
        every: 0,
        solved: 0.95,
        changes: Vec::new(),
        programs: Vec::new(),
    };
    for argument in std::env::args().skip(1) {
        let Some((name, value)) = argument.split_once('=') else {
            s.programs.push(argument);
            continue;
        };
        let p = &mut s.profile;
        match name {
            "seeds" => s.seeds = value.parse()?,
            "data" => s.data = value.to_owned(),
            "task" => s.task = value.to_owned(),
            "every" => s.every = value.parse()?,
            "solved" => s.solved = value.parse()?,
            "d_model" => p.dims.d_model = value.parse()?,
            "layers" => p.dims.layers = value.parse()?,
            "heads" => p.dims.heads = value.parse()?,
            "swiglu" => p.dims.swiglu = value.parse()?,
            "steps" => p.training.steps = value.parse()?,
            "batch" => p.training.batch = value.parse()?,
            "learning_rate" => p.training.learning_rate = value.parse()?,
            "warmup" => p.training.warmup = value.parse()?,
            "weight_decay" => p.training.weight_decay = value.parse()?,
            "clip" => p.training.clip = value.parse()?,
            "validation" => p.training.validation = value.parse()?,
            "bytes_length" => p.bytes_length = value.parse()?,
            "recall_vocabulary" => p.recall_vocabulary = value.parse()?,
            "recall_length" => p.recall_length = value.parse()?,
            "recall_pairs" => p.recall_pairs = value.parse()?,
            _ => s.changes.push((name.to_owned(), value.to_owned())),
        }
    }
    Ok(s)
}
