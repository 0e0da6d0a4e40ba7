//! Which tasks count, and what a value is worth against the baseline's.

use std::collections::BTreeMap;

use move37_events::facts::{Campaign, DroppedTask, Formula, Task, TaskKind, TaskScore, Term};

use crate::compare::higher_is_better;

/// A loss below this leaves nothing to learn, nats.
const TINY_LOSS: f64 = 0.02;
/// A loss above this share of the uniform guess's has learned nothing.
const UNTRAINED: f64 = 0.98;
/// An accuracy above this leaves no room.
const CEILING: f64 = 0.99;
/// An accuracy within this of chance is no better than guessing.
const CHANCE_MARGIN: f64 = 0.01;

/// `sigmoid(6 * clamp(better by / scale, -1, 1))`: 0.5 at the baseline, 0.9975 when better by the scale.
pub fn term(value: f64, baseline: f64, scale: f64, higher_is_better: bool) -> f64 {
    let better_by = if higher_is_better { value - baseline } else { baseline - value };
    1.0 / (1.0 + (-6.0 * (better_by / scale).clamp(-1.0, 1.0)).exp())
}

/// How much better than a baseline is much.
///
/// ASI-Arch's scale (arXiv 2507.18074, code) is a tenth of the baseline's value; a baseline next to zero is taken as 0.01,
/// so that it stays meaningful. The scale by noise is six standard deviations of the baseline over its seeds, so that a
/// difference counts by how far it stands out; it is at least a thousandth of the value, since few seeds may agree by
/// chance, and ASI-Arch's where the baseline has one seed only.
pub fn scale(formula: Formula, baseline: &TaskScore) -> f64 {
    let value = baseline.value.abs().max(0.01);
    let deviation = baseline.standard_error.map(|error| error * f64::from(baseline.seeds).sqrt());
    match (formula, deviation) {
        (Formula::Noise, Some(deviation)) => (6.0 * deviation).max(0.001 * value),
        (Formula::Noise, None) | (Formula::Paper, _) => 0.1 * value,
    }
}

/// Which tasks count from now on.
pub(crate) struct Choice {
    pub(crate) tasks: BTreeMap<String, TaskScore>,
    pub(crate) dropped: Vec<DroppedTask>,
    pub(crate) note: Option<String>,
}

/// Drop the tasks on which the baseline cannot be told from a guess or from perfection. If none would be left, keep
/// all that were measured, and say so.
pub(crate) fn choose(campaign: &Campaign, results: &BTreeMap<String, TaskScore>) -> Choice {
    let mut choice = Choice { tasks: BTreeMap::new(), dropped: Vec::new(), note: None };
    for task in &campaign.tasks {
        let why = match results.get(&task.name) {
            None => Some("the baseline has no result for it".to_owned()),
            Some(score) => indistinct(campaign, task, score),
        };
        match (why, results.get(&task.name)) {
            (None, Some(score)) => {
                choice.tasks.insert(task.name.clone(), score.clone());
            }
            (why, _) => {
                let why = why.unwrap_or_default();
                choice.dropped.push(DroppedTask { task: task.name.clone(), why });
            }
        }
    }
    if choice.tasks.is_empty() {
        choice.tasks = results.clone();
        let reasons: Vec<_> = choice.dropped.drain(..).map(|drop| format!("{}: {}", drop.task, drop.why)).collect();
        choice.note = Some(format!(
            "No task tells candidates apart ({}), so all are kept and scores say little; train longer, or choose \
             other tasks",
            reasons.join("; ")
        ));
    }
    choice
}

/// Why a task cannot tell candidates apart, if it cannot.
fn indistinct(campaign: &Campaign, task: &Task, score: &TaskScore) -> Option<String> {
    let value = score.value;
    let chance = task.kind.chance();
    if !task.kind.higher_is_better() {
        return if value <= TINY_LOSS {
            Some(format!("the baseline's loss of {value:.4} nats leaves nothing to gain"))
        } else if value >= UNTRAINED * chance {
            Some(format!("the baseline's loss of {value:.4} nats is that of a uniform guess ({chance:.3})"))
        } else {
            None
        };
    }
    let answers = match &task.kind {
        TaskKind::Mqar { pairs, .. } => (*pairs).max(1),
        // One answer for certain; where there are more, the margin is wider than it need be.
        _ => 1,
    };
    let queries = f64::from(campaign.training.validation.max(1) * answers * score.seeds.max(1));
    let margin = CHANCE_MARGIN.max(3.0 * (chance * (1.0 - chance) / queries).sqrt());
    if value >= CEILING {
        Some(format!("the baseline's accuracy of {value:.4} leaves no room"))
    } else if value <= chance + margin {
        Some(format!("the baseline's accuracy of {value:.4} is no better than chance ({chance:.4})"))
    } else {
        None
    }
}

/// The terms of a candidate, one per task that counts.
pub(crate) fn terms(
    campaign: &Campaign,
    baseline: &BTreeMap<String, TaskScore>,
    results: &BTreeMap<String, TaskScore>,
) -> Vec<Term> {
    let of_task = |(task, score): (&String, &TaskScore)| {
        let value = results.get(task).map(|result| result.value).filter(|value| value.is_finite());
        let scale = scale(campaign.belief.fitness, score);
        let higher = higher_is_better(campaign, task);
        Term {
            task: task.clone(),
            value,
            baseline: score.value,
            scale,
            score: value.map(|value| term(value, score.value, scale, higher)),
        }
    };
    baseline.iter().map(of_task).collect()
}

/// The fitness by seed number: the mean of the terms of each seed's values, for the seeds that every task has.
pub(crate) fn values(
    campaign: &Campaign,
    baseline: &BTreeMap<String, TaskScore>,
    results: &BTreeMap<String, TaskScore>,
) -> Vec<f64> {
    let seeds = baseline.keys().map(|task| results.get(task).map_or(0, |score| score.values.len())).min().unwrap_or(0);
    let of_seed = |seed: usize| {
        let of_task = |(task, score): (&String, &TaskScore)| {
            let scale = scale(campaign.belief.fitness, score);
            term(results[task].values[seed], score.value, scale, higher_is_better(campaign, task))
        };
        baseline.iter().map(of_task).sum::<f64>() / baseline.len() as f64
    };
    (0..seeds).map(of_seed).collect()
}

/// The mean of all terms; why there is none otherwise.
pub(crate) fn fitness(terms: &[Term]) -> Result<f64, String> {
    let missing: Vec<&str> = terms.iter().filter(|term| term.score.is_none()).map(|term| term.task.as_str()).collect();
    if !missing.is_empty() {
        return Err(format!("no finite result for {}", missing.join(", ")));
    }
    if terms.is_empty() {
        return Err("no task counts".to_owned());
    }
    Ok(terms.iter().filter_map(|term| term.score).sum::<f64>() / terms.len() as f64)
}
