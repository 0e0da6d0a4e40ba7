//! What campaigns there are, and how one stands.

use move37_core::CampaignId;
use serde_json::{Value, json};

use super::Common;
use crate::failure::{Answer, Failure};
use crate::journal::{campaigns, pick};
use crate::output;
use crate::view::{CampaignView, Experiment, count, number, report};

pub async fn list(common: &Common) -> Result<Answer, Failure> {
    let views = campaigns(&common.place.read().await?);
    if common.json {
        output::json(&views.iter().map(summary).collect());
        return Ok(Answer::Yes);
    }
    if views.is_empty() {
        output::line("no campaigns yet: start one with `move37 run`");
    }
    for view in &views {
        let best = match &view.record {
            Some(record) => Some(format!(", record {} with fitness {}", record.name, number(record.fitness))),
            None => view
                .best()
                .map(|best| format!(", best so far, unconfirmed: {} with fitness {}", best.name, number(best.fitness))),
        };
        output::line(format!(
            "{}  {}  {} of {} experiments, {} facts{}",
            view.id,
            view.phase().word(),
            view.done(),
            view.config.as_ref().map_or(0, |config| config.budget.experiments),
            count(view.facts),
            best.unwrap_or_default()
        ));
    }
    Ok(Answer::Yes)
}

/// The fields that every JSON answer about a campaign has.
pub fn summary(view: &CampaignView) -> Value {
    let best =
        view.best().map(|best| json!({ "experiment": best.experiment.0, "name": best.name, "fitness": best.fitness }));
    json!({
        "campaign": view.id.to_string(),
        "phase": view.phase().word(),
        "experiments": view.done(),
        "planned": view.config.as_ref().map(|config| config.budget.experiments),
        "seed_programs": view.experiments.values().filter(|experiment| experiment.is_seed()).count(),
        "failures": view.failures().len(),
        "seed": view.config.as_ref().map(|config| config.seed),
        "lanes": view.config.as_ref().map(|config| config.lanes),
        "best": best,
        "record": view.record,
        "unconfirmed": view.closed.as_ref().and_then(|closed| closed.unconfirmed.as_ref()),
        "facts": view.facts,
        "flops": view.spend().flops,
        "worker_seconds": view.spend().seconds,
    })
}

pub async fn show(campaign: Option<&CampaignId>, common: &Common) -> Result<Answer, Failure> {
    let view = pick(&common.place.read().await?, campaign)?;
    match common.json {
        true => {
            let mut value = summary(&view);
            value["history"] = view.experiments.iter().map(|(&ordinal, x)| experiment(ordinal, x)).collect();
            value["left"] = json!(view.left);
            value["baseline"] = json!(view.baseline);
            output::json(&value);
        }
        false => report(&view).iter().for_each(output::line),
    }
    Ok(Answer::Yes)
}

fn experiment(ordinal: u32, experiment: &Experiment) -> Value {
    let brief = experiment.hypothesis.as_ref().map(|hypothesis| &hypothesis.brief);
    json!({
        "experiment": ordinal,
        "lane": experiment.lane(),
        "stage": experiment.stage(),
        "seed_program": experiment.is_seed(),
        "name": experiment.name(),
        "parent": brief.and_then(|brief| brief.parent),
        "hypothesis": brief,
        "diff": experiment.diff.as_ref().map(|diff| &diff.diff),
        "refusals": experiment.refusals.len(),
        "gate": experiment.admitted.as_ref().map(|admitted| &admitted.gate),
        "results": experiment.trained.as_ref().map(|trained| &trained.results),
        "sizes": experiment.admitted.as_ref().map(|admitted| &admitted.sizes),
        "fitness": experiment.fitness(),
        "interval": experiment.score.as_ref().and_then(|score| score.interval),
        "verified": experiment.verified.as_ref().map(|verified| &verified.results),
        "confirmed": experiment.confirmed,
        "refuted": experiment.refuted,
        "insight": experiment.insight.as_ref().map(|insight| &insight.insight),
        "ending": experiment.recorded.as_ref().map(|recorded| &recorded.ending),
    })
}
