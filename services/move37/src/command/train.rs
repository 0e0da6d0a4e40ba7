//! `train`: one training run of one candidate, or a recorded run again.

mod compare;
mod keep;
mod recorded;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use move37_core::CampaignId;
use move37_trainer::worker::job_spec;
use move37_training::Error;
use move37_training::model::Dims;
use move37_training::profile::LAPTOP;
use move37_training::run::{self, Cancel, Chosen, Compute, JobSpec, Measured, Question, RunOutcome, Trainer, Training};
use move37_training::task::Metric;
use serde_json::json;

use self::compare::Comparison;
use self::keep::Keep;
pub use self::recorded::{Recorded, fetch, recorded};
pub use self::watch::Watch;
use super::layer::Layer;
use super::task::TaskFlags;
use crate::config::failed_to;
use crate::engine::processors;
use crate::failure::{Answer, Failure};
use crate::interrupt;
use crate::journal::pick;
use crate::output;
use crate::place::Place;
use crate::seeds;
use crate::view::{count, duration, flops, number};

/// Train one candidate once, on one task with one seed; or a campaign's run again
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  move37 train mixer.py --task mqar --steps 100\n  \
    move37 train mixer.py --task bytes --text my-texts/ --out weights.safetensors\n  \
    move37 train --from 3-explore-mqar-0 --campaign campaign-1\n\n\
    The same job gives the same curve, bit for bit, with the same binary, CPU features, device and number of threads. A run\n\
    that was interrupted or killed goes on from its last checkpoint, with the curve that it would have had. --from trains a\n\
    recorded run from its own fact and holds curve and value against the recorded ones: exit code 1 where they differ.")]
pub struct Arguments {
    /// The candidate: a PyTorch file with one nn.Module
    #[arg(value_name = "FILE.py", required_unless_present = "from")]
    file: Option<PathBuf>,
    /// Train this run of a campaign again: its name (3-explore-mqar-0), or EXPERIMENT/TASK/SEED (3/mqar/0)
    #[arg(long, value_name = "RUN", conflicts_with_all = ["file", "class", "args", "task", "text", "steps", "batch",
        "sequence", "d_model", "layers", "learning_rate", "seed", "test"])]
    from: Option<String>,
    /// The campaign of --from; the newest if left out
    #[arg(long, value_name = "NAME", requires = "from")]
    campaign: Option<CampaignId>,
    /// How far points of the curve (nats) and values may be apart where the platform is not that of --from
    #[arg(long, value_name = "X", default_value_t = 0.05, requires = "from")]
    tolerance: f64,
    /// Seconds between two checkpoints
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = seconds)]
    checkpoint_every: f64,
    /// Do not go on from a checkpoint of the same job
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    layer: Layer,
    #[command(flatten)]
    task: TaskFlags,
    /// Optimiser steps
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// Sequences per step
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
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
    /// Answer the questions of a file of JSON lines {"context": "..", "choices": ["..", ".."], "label": 0} by
    /// log-likelihood with the trained language model
    #[arg(long, value_name = "FILE")]
    choices: Option<PathBuf>,
    /// Threads; all cores if left out
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// What executes the model: cpu (our own kernels), candle (candle's operations on the CPU), cuda or cuda:N (candle's operations
    /// on a CUDA device); the last three with -bf16 behind them round the operands of matrix products to bfloat16
    #[arg(long, value_name = "DEVICE")]
    device: Option<Compute>,
    /// Write the trained model to this safetensors file; layer I has its state_dict under the prefix layers.I.mixer.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let device = arguments.device.unwrap_or_default();
    device.open().map_err(|error| Failure::failed(error.to_string()))?;
    let questions = arguments.choices.as_deref().map(Question::read).transpose().map_err(failed_to)?;
    let recorded = arguments.from.as_deref().map(|run| find(arguments, run)).transpose()?;
    let data = arguments.place.state().data();
    let job = match &recorded {
        None => job(arguments)?,
        Some(recorded) => {
            fetch(&recorded.job, &data)?;
            let threads = arguments.threads.unwrap_or(recorded.result.platform.threads.max(1) as usize);
            JobSpec { compute: device, ..job_spec(&recorded.job, threads) }
        }
    };
    let Some((resumed, outcome, trainer)) = trained(arguments, &job)? else { return Ok(Answer::No) };
    if let Some(path) = &arguments.out {
        trainer.save(path).map_err(failed_to)?;
    }
    let compared = recorded.map(|of| (Comparison::new(&of.result, &outcome, arguments.tolerance), of.run));
    let chosen = questions.map(|questions| trainer.choose(&questions, &Cancel::default()));
    let chosen = chosen.transpose().map_err(failed_to)?;
    if arguments.json {
        let mut value = json!({ "job": job, "outcome": outcome, "weights": arguments.out, "resumed_from": resumed, "choices": chosen });
        if let Some((comparison, run)) = &compared {
            value["run"] = json!(run);
            value["same"] = json!(comparison.same());
            value["comparison"] = json!(comparison);
        }
        output::json(&value);
    } else {
        print(arguments, &outcome, chosen);
        compared.iter().flat_map(|(comparison, _)| comparison.lines()).for_each(output::line);
    }
    Ok(Answer::from_bool(compared.is_none_or(|(comparison, _)| comparison.same())))
}

/// Train, from where an earlier process was; none where somebody interrupted it.
fn trained(arguments: &Arguments, job: &JobSpec) -> Result<Option<(Option<u32>, RunOutcome, Trainer)>, Failure> {
    let state = arguments.place.state();
    let mut keep = Keep::new(state.root(), job, Duration::from_secs_f64(arguments.checkpoint_every));
    let from = if arguments.fresh { None } else { keep.found()? };
    let resumed = from.as_ref().map(|from| from.step());
    let steps = job.training.steps;
    if let (Some(step), false) = (resumed, arguments.json) {
        output::line(format!("going on after step {step} of {steps}; --fresh begins anew"));
    }
    let mut watch = Watch::new(arguments.json, steps, resumed.unwrap_or(0), Some(keep));
    let cancel = Cancel::default();
    interrupt::cancels(&cancel);
    let trained = run::train(job, &state.data(), from.as_ref(), &mut watch, &cancel);
    watch.bar.finish_and_clear();
    match (trained, watch.keep()) {
        (Err(Error::Cancelled { step }), keep) => {
            let kept = keep.and_then(Keep::step);
            let next =
                kept.map_or("nothing is kept".to_owned(), |kept| format!("the same command goes on after step {kept}"));
            match arguments.json {
                true => output::json(&json!({ "interrupted": step, "kept": kept })),
                false => output::line(format!("interrupted after step {step} of {steps}: {next}")),
            }
            Ok(None)
        }
        (trained, keep) => {
            let (outcome, trainer) = trained.map_err(failed_to)?;
            keep.inspect(|keep| keep.forget());
            Ok(Some((resumed, outcome, trainer)))
        }
    }
}

/// The run that --from names.
fn find(arguments: &Arguments, run: &str) -> Result<Recorded, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let book = runtime.block_on(arguments.place.read())?;
    let view = pick(&book, arguments.campaign.as_ref())?;
    recorded::find(recorded(&book, &view.id), run, &view.id)
}

/// A length of time.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(_) => Ok(seconds),
        Err(_) => Err("give a number of seconds from 0".to_owned()),
    }
}

fn job(arguments: &Arguments) -> Result<JobSpec, Failure> {
    let file = arguments.file.as_deref().ok_or_else(|| Failure::usage("name a PyTorch file, or a run with --from"))?;
    let source = seeds::read(file)?;
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
        task: arguments.task.spec(&arguments.place.state().data())?,
        training: Training {
            steps: arguments.steps.unwrap_or(training.steps),
            batch: arguments.batch.unwrap_or(training.batch),
            learning_rate: arguments.learning_rate.unwrap_or(training.learning_rate),
            ..training
        },
        seed: arguments.seed,
        threads: arguments.threads.unwrap_or_else(processors),
        compute: arguments.device.unwrap_or_default(),
        measure_test: arguments.test,
    })
}

fn print(arguments: &Arguments, outcome: &RunOutcome, chosen: Option<Chosen>) {
    let value = told("validation", outcome.metric, &outcome.validation);
    let curve = match (outcome.curve.first(), outcome.curve.last()) {
        (Some(first), Some(last)) => format!(", training loss {} to {}", number(first.loss), number(last.loss)),
        _ => String::new(),
    };
    output::line(format!("{value}{curve}"));
    if let Some(test) = &outcome.test {
        output::line(told("test", outcome.metric, test));
    }
    if let Some(Chosen { acc, acc_norm, chance, questions }) = chosen {
        output::line(format!(
            "choices: acc {}, acc_norm {} on {questions} questions, where a guess yields {}",
            number(acc),
            number(acc_norm),
            number(chance)
        ));
    }
    output::line(format!(
        "{} parameters, {} tokens, {} in {}",
        count(outcome.parameters),
        count(outcome.tokens),
        flops(outcome.flops),
        duration(Duration::from_secs_f64(outcome.seconds))
    ));
    let platform = &outcome.platform;
    output::line(format!("curve {}  program {}", outcome.curve_hash, outcome.program));
    output::line(format!(
        "platform {}, {}, {}, {} thread(s)",
        platform.binary, platform.device, platform.features, platform.threads
    ));
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
        (Metric::Exact, _) => {
            format!("{part}: {value} of answers right, {} of tokens, loss {}", number(accuracy), number(loss))
        }
        (Metric::Macro, _) => {
            format!("{part} accuracy {value} over classes, {} over tokens, loss {}", number(accuracy), number(loss))
        }
    }
}
