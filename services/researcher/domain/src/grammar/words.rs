//! What a proposal says of itself: name, motivation with the numbers that memory knows, mechanism, expectation.

use std::collections::BTreeSet;

use move37_core::ExperimentId;
use move37_events::facts::{Brief, Campaign, Expectation, Provenance, Standing};
use move37_events::genome::{Decay, Feature, Fusion, Genome, OutputGate, Path};

use super::choice::{self, Weak};
use super::{Sampled, Step};

/// Gain expected of a neutral change that has never been tried.
const MODEST: f64 = 0.01;

/// The brief of a proposal.
pub(super) fn brief(
    campaign: &Campaign,
    sampled: &Sampled<'_>,
    genome: &Genome,
    steps: &[Step],
    weak: Option<Weak<'_>>,
    names: &BTreeSet<String>,
) -> Brief {
    Brief {
        name: name(genome, sampled.experiment, names),
        motivation: motivation(campaign, sampled, steps, weak),
        mechanism: mechanism(steps),
        expected: expected(campaign, sampled, steps, weak),
        provenance: provenance(sampled, steps, weak),
        parent: Some(sampled.parent.experiment),
        moves: steps.iter().map(|step| step.kind.name().to_owned()).collect(),
        components: components(genome),
    }
}

/// The components of an architecture, for people and for statistics.
pub fn components(genome: &Genome) -> Vec<String> {
    let mut components: Vec<String> = genome.paths.iter().map(Path::to_string).collect();
    components.extend(match genome.fusion {
        Fusion::Sum => (genome.paths.len() > 1).then(|| "sum of paths".to_owned()),
        Fusion::Router { temperature, floor } => {
            let temperature = if temperature { " with temperature" } else { "" };
            Some(format!("softmax router{temperature}, floor {floor} %"))
        }
        Fusion::Gates => Some("sigmoid gate per path".to_owned()),
    });
    components.extend(match genome.feature {
        Feature::Identity => None,
        Feature::Silu => Some("SiLU on queries and keys".to_owned()),
        Feature::Relu => Some("ReLU on queries and keys".to_owned()),
        Feature::EluPlusOne => Some("elu + 1 on queries and keys".to_owned()),
    });
    if genome.unit_qk {
        components.push("queries and keys of unit length".to_owned());
    }
    if genome.short_convolution > 0 {
        components.push(format!("short convolution of {} taps", genome.short_convolution));
    }
    components.push(format!("{} heads", genome.heads));
    if genome.output_norm {
        components.push("RMS norm per head".to_owned());
    }
    components.extend(match genome.output_gate {
        OutputGate::None => None,
        OutputGate::Sigmoid => Some("sigmoid output gate".to_owned()),
        OutputGate::Silu => Some("SiLU output gate".to_owned()),
    });
    components
}

fn motivation(campaign: &Campaign, sampled: &Sampled<'_>, steps: &[Step], weak: Option<Weak<'_>>) -> String {
    let parent = sampled.parent;
    let mut sentences = vec![format!(
        "{} (experiment {}) has fitness {:.3}{}.",
        parent.name,
        parent.experiment,
        parent.fitness,
        values(campaign, parent)
    )];
    if let Some(weak) = weak {
        sentences.push(format!("The search gains least on {}.", weak.task));
        sentences.extend(better_reference(campaign, sampled, weak));
    }
    for step in steps {
        sentences.push(format!("{}.", capitalised(&because(sampled, step))));
    }
    sentences.extend(warning(sampled, steps));
    sentences.join(" ")
}

/// The parent's values, task by task.
fn values(campaign: &Campaign, standing: &Standing) -> String {
    let value = |task: &str| standing.results.tasks.get(task).map(|score| format!("{task} {:.4}", score.value));
    let values: Vec<String> = campaign.tasks.iter().filter_map(|task| value(&task.name)).collect();
    if values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) }
}

/// The reference that is furthest ahead of the parent on the weak task, if one is.
fn better_reference(campaign: &Campaign, sampled: &Sampled<'_>, weak: Weak<'_>) -> Option<String> {
    let value = |standing: &Standing| standing.results.tasks.get(weak.task).map(|score| score.value);
    let task = campaign.tasks.iter().find(|task| task.name == weak.task)?;
    let sign = if task.kind.higher_is_better() { 1.0 } else { -1.0 };
    let own = value(sampled.parent)?;
    let ahead = sampled.references.iter().filter_map(|standing| Some((sign * (value(standing)? - own), standing)));
    let (lead, best) = ahead.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(lead, _)| *lead > 0.0)?;
    Some(format!("There {} is ahead by {lead:.4}.", best.name))
}

fn because(sampled: &Sampled<'_>, step: &Step) -> String {
    let about = step.kind.about();
    let mut text = format!("{}: {}", step.detail, about.why);
    if let Some(record) = choice::record(step.kind, sampled.lessons).filter(|record| record.tried > 0) {
        let tries = if record.tried == 1 { "the one try".to_owned() } else { format!("{} tries", record.tried) };
        let gain =
            if record.tried > record.failed { format!(" (mean gain {:+.3})", record.mean_gain) } else { String::new() };
        text.push_str(&format!("; of {tries} here {} beat the parent{gain}", record.improved));
    }
    let from = step.from.as_ref().and_then(|name| sampled.references.iter().find(|other| other.name == *name));
    if let Some(other) = from {
        text.push_str(&format!("; {} (experiment {}) has fitness {:.3}", other.name, other.experiment, other.fitness));
    }
    text
}

/// The latest refusal that this proposal had to keep clear of.
fn warning(sampled: &Sampled<'_>, steps: &[Step]) -> Option<String> {
    if !choice::too_large(sampled.lessons) || steps.iter().any(|step| step.kind.about().grows) {
        return None;
    }
    let failure = sampled.lessons.failures.iter().rev().find(|failure| failure.why.contains("over_budget"))?;
    Some(format!("Experiment {} was refused for its size, so nothing is added that costs.", failure.experiment))
}

fn mechanism(steps: &[Step]) -> String {
    let changes: Vec<&str> = steps.iter().map(|step| step.detail.as_str()).collect();
    format!("{}; everything else stays as it is in the parent.", capitalised(&changes.join("; ")))
}

/// The weak task should gain what such changes gained before, or a little; the others should not lose.
fn expected(campaign: &Campaign, sampled: &Sampled<'_>, steps: &[Step], weak: Option<Weak<'_>>) -> Vec<Expectation> {
    let hope = |step: &Step| {
        let before = choice::record(step.kind, sampled.lessons).filter(|record| record.improved > 0);
        before.map_or(MODEST * choice::relevance(step.kind, weak), |record| record.mean_gain.max(0.0))
    };
    let gain = steps.iter().map(hope).fold(0.0, f64::max);
    let change = |task: &str| match weak {
        Some(weak) if weak.task != task => 0.0,
        Some(_) | None => gain,
    };
    campaign.tasks.iter().map(|task| Expectation { task: task.name.clone(), change: change(&task.name) }).collect()
}

/// Led by this campaign's own results, by the literature, or by chance alone: as the first change was.
fn provenance(sampled: &Sampled<'_>, steps: &[Step], weak: Option<Weak<'_>>) -> Provenance {
    let Some(first) = steps.first() else { return Provenance::Original };
    let proven = choice::record(first.kind, sampled.lessons).is_some_and(|record| record.improved > 0);
    if proven || first.from.is_some() {
        Provenance::Experience
    } else if choice::relevance(first.kind, weak) > 1.0 {
        Provenance::Cognition
    } else {
        Provenance::Original
    }
}

/// A name that says what the architecture is made of, made unique by what else is special, then by number.
fn name(genome: &Genome, experiment: ExperimentId, taken: &BTreeSet<String>) -> String {
    let decayed = |decay: &Decay, kind: &str| match decay {
        Decay::None => kind.to_owned(),
        Decay::Fixed => format!("fading_{kind}"),
        Decay::Head => format!("gated_{kind}"),
    };
    let path = |path: &Path| match path {
        Path::Attention => "attention".to_owned(),
        Path::Delta { decay, negative: false } => decayed(decay, "delta"),
        Path::Delta { decay, negative: true } => decayed(decay, "signed_delta"),
        Path::Linear { decay } => decayed(decay, "linear"),
        Path::Fir { taps } => format!("fir{taps}"),
        Path::Value => "value".to_owned(),
        Path::Program { hash } => format!("program_{}", &hash.short()[..4]),
    };
    let mut name = genome.paths.iter().map(path).collect::<Vec<_>>().join("_");
    match genome.fusion {
        Fusion::Sum => {}
        Fusion::Router { .. } => name.push_str("_router"),
        Fusion::Gates => name.push_str("_gates"),
    }
    let special = [
        (genome.heads != 4).then(|| format!("h{}", genome.heads)),
        (genome.short_convolution != 4).then(|| format!("conv{}", genome.short_convolution)),
        match genome.feature {
            Feature::Identity => Some("plain".to_owned()),
            Feature::Silu => None,
            Feature::Relu => Some("relu".to_owned()),
            Feature::EluPlusOne => Some("elu".to_owned()),
        },
        (!genome.unit_qk).then(|| "free".to_owned()),
        (!genome.output_norm).then(|| "raw".to_owned()),
        match genome.output_gate {
            OutputGate::None => None,
            OutputGate::Sigmoid => Some("sigmoid".to_owned()),
            OutputGate::Silu => Some("silu".to_owned()),
        },
    ];
    for tag in special.into_iter().flatten() {
        if !taken.contains(&name) {
            return name;
        }
        name = format!("{name}_{tag}");
    }
    if taken.contains(&name) { format!("{name}_{experiment}") } else { name }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}
