//! `train`: one training run of one candidate.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use move37_training::model::Dims;
use move37_training::profile::LAPTOP;
use move37_training::run::{self, Cancel, JobSpec, Measured, Observer, RunOutcome, Training};
use move37_training::task::{Metric, TaskSpec};
use serde_json::json;

use super::layer::Layer;
use crate::config::{Text, failed_to};
use crate::engine::processors;
use crate::failure::{Answer, Failure};
use crate::output;
use crate::seeds;
use crate::state::StateDir;
use crate::view::{count, duration, flops, number};

/// Train one candidate once, on one task with one seed
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  move37 train mixer.py --task mqar --steps 100\n  \
    move37 train mixer.py --task bytes --text my-texts/ --out weights.safetensors")]
pub struct Arguments {
    /// The candidate: a PyTorch file with one nn.Module
    #[arg(value_name = "FILE.py")]
    file: PathBuf,
    #[command(flatten)]
    layer: Layer,
    /// What to train on
    #[arg(long, value_enum, default_value_t = Kind::Mqar)]
    task: Kind,
    /// A text file or folder for the task `bytes`, instead of Shakespeare's works
    #[arg(long, value_name = "PATH")]
    text: Option<PathBuf>,
    /// Optimiser steps
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// Sequences per step
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Tokens of a sequence
    #[arg(long, value_name = "T")]
    sequence: Option<usize>,
    /// Width of the model
    #[arg(long, value_name = "D")]
    d_model: Option<usize>,
    /// Blocks of the model
    #[arg(long, value_name = "N")]
    layers: Option<usize>,
    /// Peak learning rate
    #[arg(long, value_name = "X")]
    learning_rate: Option<f64>,
    /// Seed of first weights and data order
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Measure on the test part as well as on validation
    #[arg(long)]
    test: bool,
    /// Threads; all cores if left out
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Write the trained model to this safetensors file; layer I has its state_dict under the prefix layers.I.mixer.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    state: StateDir,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Multi-query associative recall (synthetic).
    Mqar,
    /// Next-byte prediction on a text.
    Bytes,
}

pub fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let job = job(arguments)?;
    let mut watch = Watch::new(arguments.json, job.training.steps);
    let trained = run::train(&job, &arguments.state.data(), None, &mut watch, &Cancel::default());
    watch.bar.finish_and_clear();
    let (outcome, trainer) = trained.map_err(failed_to)?;
    if let Some(path) = &arguments.out {
        trainer.save(path).map_err(failed_to)?;
    }
    match arguments.json {
        true => output::json(&json!({ "job": job, "outcome": outcome, "weights": arguments.out })),
        false => print(arguments, &outcome),
    }
    Ok(Answer::Yes)
}

fn job(arguments: &Arguments) -> Result<JobSpec, Failure> {
    let source = seeds::read(&arguments.file)?;
    let dims = LAPTOP.dims;
    let training = LAPTOP.training;
    Ok(JobSpec {
        source,
        layer: run::Layer { class: arguments.layer.class.clone(), args: arguments.layer.arguments() },
        dims: Dims {
            d_model: arguments.d_model.unwrap_or(dims.d_model),
            layers: arguments.layers.unwrap_or(dims.layers),
            ..dims
        },
        task: task(arguments)?,
        training: Training {
            steps: arguments.steps.unwrap_or(training.steps),
            batch: arguments.batch.unwrap_or(training.batch),
            learning_rate: arguments.learning_rate.unwrap_or(training.learning_rate),
            ..training
        },
        seed: arguments.seed,
        threads: arguments.threads.unwrap_or_else(processors),
        measure_test: arguments.test,
    })
}

fn task(arguments: &Arguments) -> Result<TaskSpec, Failure> {
    let data = arguments.state.data();
    match arguments.task {
        Kind::Mqar => Ok(TaskSpec::Mqar {
            vocabulary: LAPTOP.recall_vocabulary,
            length: arguments.sequence.unwrap_or(LAPTOP.recall_length),
            pairs: LAPTOP.recall_pairs,
        }),
        Kind::Bytes => {
            let text = match &arguments.text {
                Some(path) => Text::import(path, &data)?,
                None => Text::default_text(&data).map_err(failed_to)?,
            };
            let length = arguments.sequence.unwrap_or(LAPTOP.bytes_length);
            Ok(TaskSpec::Bytes { corpus: text.hash(), length })
        }
    }
}

fn print(arguments: &Arguments, outcome: &RunOutcome) {
    let value = told("validation", outcome.metric, &outcome.validation);
    let curve = match (outcome.curve.first(), outcome.curve.last()) {
        (Some(first), Some(last)) => format!(", training loss {} to {}", number(first.loss), number(last.loss)),
        _ => String::new(),
    };
    output::line(format!("{value}{curve}"));
    if let Some(test) = &outcome.test {
        output::line(told("test", outcome.metric, test));
    }
    output::line(format!(
        "{} parameters, {} tokens, {} in {} on {} with {} thread(s)",
        count(outcome.parameters),
        count(outcome.tokens),
        flops(outcome.flops),
        duration(Duration::from_secs_f64(outcome.seconds)),
        outcome.platform.device,
        outcome.platform.threads
    ));
    output::line(format!("curve {}  program {}", outcome.curve_hash, outcome.program));
    if let Some(path) = &arguments.out {
        output::line(format!("weights written to {}", path.display()));
    }
}

/// What a part of the data found, in words.
fn told(part: &str, metric: Metric, found: &Measured) -> String {
    let Measured { value, loss, accuracy, bits_per_byte, .. } = *found;
    let value = number(value);
    match (metric, bits_per_byte) {
        (Metric::Loss, Some(bits)) => format!("{part} loss {value} nats per token, {} bits per byte", number(bits)),
        (Metric::Loss, None) => format!("{part} loss {value} nats per token"),
        (Metric::Accuracy, _) => format!("{part} accuracy {value}, loss {}", number(loss)),
        (Metric::Macro, _) => {
            format!("{part} accuracy {value} over classes, {} over tokens, loss {}", number(accuracy), number(loss))
        }
    }
}

/// Shows steps and losses while a run lasts.
struct Watch {
    bar: ProgressBar,
    drawn: Instant,
}

impl Watch {
    fn new(quiet: bool, steps: u32) -> Watch {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(u64::from(steps)) };
        let template = "  {bar:20.cyan} step {pos}/{len} · {msg} · {eta} to go";
        let style = ProgressStyle::with_template(template).expect("the template is well formed");
        Watch { bar: bar.with_style(style.progress_chars("━╸ ")), drawn: Instant::now() }
    }
}

impl Observer for Watch {
    fn step(&mut self, step: u32, loss: f32, _elapsed: Duration) {
        self.bar.set_position(u64::from(step));
        if self.drawn.elapsed() > Duration::from_millis(100) {
            self.drawn = Instant::now();
            self.bar.set_message(format!("loss {}", number(f64::from(loss))));
        }
    }

    fn validating(&mut self) {
        self.bar.set_message("validating");
    }
}
