//! `candidate export`: the folder, and the weights of a run that is trained again.

use std::path::{Path, PathBuf};

use move37_candidate::language::{Dims, Options, Traced, trace};
use move37_events::facts::{Job, RunId, RunResult, Stage};
use move37_trainer::worker::job_spec;
use move37_training::run::{Cancel, train};
use serde_json::json;

use super::Export;
use super::load::{LOADER, config};
use crate::command::train::{Recorded, Watch, fetch, recorded};
use crate::config::failed_to;
use crate::failure::{Answer, Failure};
use crate::journal::pick;
use crate::output;
use crate::view::{Book, CampaignView, Experiment, Weights, card};

pub async fn run(arguments: &Export) -> Result<Answer, Failure> {
    let book = arguments.place.read().await?;
    let view = pick(&book, arguments.campaign.as_ref())?;
    let (ordinal, experiment) = find(&view, &arguments.experiment)?;
    let Recorded { run, job, result } = chosen(&book, &view, ordinal, experiment, arguments.run.as_deref())?;
    let traced = traced(&job)?;
    let name = experiment.name().unwrap_or("layer");
    let folder = arguments.out.clone().unwrap_or_else(|| PathBuf::from(name));
    std::fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
    let weights = match arguments.no_weights {
        true => Weights::None,
        false => {
            let data = arguments.place.state().data();
            let value = again(&job, &result, &data, &folder.join("model.safetensors"), arguments.json)?;
            Weights::Trained { run: run.clone(), recorded: result.value, again: value }
        }
    };
    let config = serde_json::to_string_pretty(&config(&traced, &job)).expect("a configuration is numbers and texts");
    let page = card(&view, ordinal, experiment, &traced.class, &weights);
    let files =
        [("layer.py", job.source.as_str()), ("config.json", &config), ("README.md", &page), ("load.py", LOADER)];
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| unwritable(&path, &error))?;
    }
    tell(arguments, ordinal, &folder, &run, &weights);
    Ok(Answer::Yes)
}

/// An experiment by its number, or the best.
fn find<'a>(view: &'a CampaignView, wanted: &str) -> Result<(u32, &'a Experiment), Failure> {
    let ordinal = match wanted.trim_start_matches('#') {
        "best" => view.best().map(|standing| standing.experiment.0).ok_or_else(|| {
            Failure::failed(format!("{} has no ranked experiment yet: let one finish, or name one by number", view.id))
        })?,
        "record" => view.record.as_ref().map(|record| record.experiment.0).ok_or_else(|| {
            Failure::failed(format!("{} has no confirmed record: `best` is the best so far, unconfirmed", view.id))
        })?,
        number => number
            .parse()
            .map_err(|_| Failure::usage(format!("{wanted:?} is no experiment: give its number, `best` or `record`")))?,
    };
    let known = || {
        let trained: Vec<String> =
            view.experiments.iter().filter(|(_, x)| x.trained.is_some()).map(|(n, _)| n.to_string()).collect();
        if trained.is_empty() { "none yet".to_owned() } else { trained.join(", ") }
    };
    match view.experiments.get(&ordinal) {
        Some(experiment) if experiment.trained.is_some() => Ok((ordinal, experiment)),
        Some(_) => Err(Failure::failed(format!("experiment {ordinal} was not trained: those that were: {}", known()))),
        None => Err(Failure::failed(format!("{} has no experiment {ordinal}: those trained: {}", view.id, known()))),
    }
}

/// The run whose weights are exported, with its job and its result.
fn chosen(
    book: &Book,
    view: &CampaignView,
    ordinal: u32,
    experiment: &Experiment,
    wanted: Option<&str>,
) -> Result<Recorded, Failure> {
    let trained = experiment.trained.as_ref().ok_or_else(|| Failure::failed("the experiment was not trained"))?;
    // Weights are those of the search's runs; a verification's runs are reported, not exported.
    let of = |recorded: &Recorded| recorded.job.experiment.0 == ordinal && recorded.job.stage == Stage::Explore;
    let mut known: Vec<Recorded> = recorded(book, &view.id).into_iter().filter(of).collect();
    // In the order of the results, so that the first is the same in every log of this campaign.
    known.sort_by_key(|known| trained.runs.iter().position(|r| *r == known.result));
    let names: Vec<String> = known.iter().map(|known| known.run.to_string()).collect();
    let place = match wanted {
        None => known.first().map(|_| 0),
        Some(wanted) => names.iter().position(|name| name == wanted),
    };
    match place {
        Some(place) => Ok(known.swap_remove(place)),
        None => Err(Failure::usage(format!("experiment {ordinal} has no such run: it has {}", names.join(", ")))),
    }
}

fn traced(job: &Job) -> Result<Traced, Failure> {
    let size = |n: u32| n as usize;
    let dims = Dims {
        batch: 1,
        time: size(job.task.sequence),
        d_model: size(job.model.d_model),
        num_heads: size(job.model.heads),
        args: Default::default(),
    };
    trace(&job.source, &dims, &Options::default()).map_err(|findings| {
        let first = findings.first().map(ToString::to_string).unwrap_or_default();
        Failure::failed(format!(
            "the text is not understood any more ({first}): export it with the release that ran it"
        ))
    })
}

/// Train the run again, write the model, and say what it is worth now.
fn again(job: &Job, result: &RunResult, data: &Path, file: &Path, quiet: bool) -> Result<f64, Failure> {
    fetch(job, data)?;
    let spec = job_spec(job, result.platform.threads.max(1) as usize);
    let mut watch = Watch::new(quiet, spec.training.steps, 0, None);
    let trained = train(&spec, data, None, &mut watch, &Cancel::default());
    watch.bar.finish_and_clear();
    let (outcome, trainer) = trained.map_err(failed_to)?;
    trainer.save(file).map_err(failed_to)?;
    Ok(outcome.value)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("{} cannot be written ({error}): name another folder with --out", path.display()))
}

fn tell(arguments: &Export, ordinal: u32, folder: &Path, run: &RunId, weights: &Weights) {
    let same = weights.reproduced();
    if arguments.json {
        let run = same.map(|_| run);
        return output::json(&json!({ "experiment": ordinal, "out": folder, "run": run, "reproduced": same }));
    }
    let told = match same {
        None => "without weights".to_owned(),
        Some(true) => format!("weights of run {run}, whose result came out the same again"),
        Some(false) => {
            format!("weights of run {run}, trained again with another result: this machine is not the campaign's")
        }
    };
    output::line(format!("experiment {ordinal} written to {}: {told}", folder.display()));
    output::line(format!("next: python {}", folder.join("load.py").display()));
}
