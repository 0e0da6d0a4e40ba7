//! The model card of an exported layer.

use std::fmt::Write;

use move37_events::facts::{GateReport, Proof, RunId, RunResult};

use super::campaign::CampaignView;
use super::experiment::Experiment;
use super::figures::{bytes, count, flops, number};

/// What was exported beside the text.
#[derive(Clone, Debug)]
pub enum Weights {
    /// Nothing.
    None,
    /// The model of a run that was trained again.
    Trained {
        /// The run.
        run: RunId,
        /// Its value in the campaign.
        recorded: f64,
        /// Its value now.
        again: f64,
    },
}

impl Weights {
    /// Whether the run's result came out the same, bit for bit.
    pub fn reproduced(&self) -> Option<bool> {
        match self {
            Weights::None => None,
            Weights::Trained { recorded, again, .. } => Some(recorded.to_bits() == again.to_bits()),
        }
    }
}

/// The card, as Markdown.
pub fn card(view: &CampaignView, ordinal: u32, experiment: &Experiment, class: &str, weights: &Weights) -> String {
    let name = experiment.name().unwrap_or("layer");
    let mut page = String::new();
    let _ = writeln!(
        page,
        "# {name}\n\nA sequence-mixing layer, `forward(x: [B, T, D]) -> [B, T, D]`, found by Move37: experiment {ordinal} of \
         campaign `{}`. Class `{class}` of `layer.py`; `python load.py` loads and runs it in PyTorch.\n",
        view.id
    );
    hypothesis(&mut page, experiment);
    results(&mut page, view, experiment);
    gate(&mut page, experiment);
    lineage(&mut page, view, ordinal);
    provenance(&mut page, view, experiment, weights);
    page
}

fn hypothesis(page: &mut String, experiment: &Experiment) {
    let Some(hypothesis) = &experiment.hypothesis else { return };
    let brief = &hypothesis.brief;
    let _ = writeln!(page, "## Hypothesis\n\n{}\n\nMechanism: {}\n", brief.motivation, brief.mechanism);
    for expected in &brief.expected {
        let _ =
            writeln!(page, "- expected on {}: {:+.1} % (positive is better)", expected.task, 100.0 * expected.change);
    }
    if !brief.expected.is_empty() {
        page.push('\n');
    }
    if let Some(insight) = &experiment.insight {
        let _ = writeln!(page, "What came of it: {}\n", insight.insight.synthesis_and_insights);
    }
}

fn results(page: &mut String, view: &CampaignView, experiment: &Experiment) {
    let Some(trained) = &experiment.trained else { return };
    let _ = writeln!(page, "## Results\n\nOn validation data, after training from the start.\n");
    let _ = writeln!(page, "| task | measure | value | 95 % interval | seeds | baseline |\n|---|---|---|---|---|---|");
    let tasks = view.config.iter().flat_map(|config| &config.tasks);
    for task in tasks.filter(|task| trained.results.tasks.contains_key(&task.name)) {
        let values: Vec<f64> = trained.runs.iter().filter(|r| r.task == task.name).map(|r| r.value).collect();
        let measure = task.kind.measure();
        let terms = experiment.score.iter().flat_map(|score| &score.terms);
        let baseline = terms.filter(|term| term.task == task.name).map(|term| number(term.baseline)).next();
        let interval = interval(&values).map_or_else(
            || "none: one seed says nothing about spread".to_owned(),
            |(low, high)| format!("{low:.4} to {high:.4}"),
        );
        let _ = writeln!(
            page,
            "| {} | {measure} | {:.4} | {interval} | {} | {} |",
            task.name,
            mean(&values),
            values.len(),
            baseline.unwrap_or_else(|| "-".to_owned())
        );
    }
    if let Some(fitness) = experiment.fitness() {
        let _ = writeln!(page, "\nFitness {fitness:.3}: the mean over tasks of a term that is 0.5 at the baseline.");
    }
    let _ = writeln!(page, "\n| run | value | validation loss | data | platform |\n|---|---|---|---|---|");
    for run in &trained.runs {
        let _ = writeln!(
            page,
            "| {} | {:.6} | {:.6} | `{}` | {} |",
            told(run),
            run.value,
            run.validation_loss,
            run.data_hash,
            platform(run)
        );
    }
    page.push('\n');
    verification(page, experiment);
}

/// What fresh seeds say, on test data; only this may be called a record.
fn verification(page: &mut String, experiment: &Experiment) {
    let Some(verified) = &experiment.verified else {
        let _ = writeln!(
            page,
            "Unconfirmed: it was not trained with fresh seeds, and the search has seen these numbers.\n"
        );
        return;
    };
    let _ = writeln!(page, "## With fresh seeds\n\nOn test data, which the search does not see.\n");
    let _ = writeln!(page, "| task | value | 95 % interval | seeds |\n|---|---|---|---|");
    for (task, score) in &verified.results.tasks {
        let values: Vec<f64> = score.values.clone();
        let within =
            interval(&values).map_or_else(|| "none".to_owned(), |(low, high)| format!("{low:.4} to {high:.4}"));
        let _ = writeln!(page, "| {task} | {:.4} | {within} | {} |", score.value, score.seeds);
    }
    let verdict = match (&experiment.confirmed, &experiment.refuted) {
        (Some(record), _) => format!(
            "Confirmed as record against experiment {} over {} seeds, with an error of at most {:.4}.",
            record.against, record.seeds, record.alpha
        ),
        (None, Some(refuted)) => format!("Not confirmed as record: {}.", refuted.why),
        (None, None) => "Not compared with a record.".to_owned(),
    };
    let _ = writeln!(page, "\n{verdict}\n");
}

fn told(run: &RunResult) -> String {
    format!("{}, seed {}", run.task, run.seed)
}

fn platform(run: &RunResult) -> String {
    let of = &run.platform;
    format!("{}, {} thread(s), {}, {}", of.device, of.threads, of.features, of.binary)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Student's interval of the mean; none of fewer than two values.
fn interval(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len();
    if n < 2 {
        return None;
    }
    let mean = mean(values);
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
    let half = quantile(n - 1) * (variance / n as f64).sqrt();
    Some((mean - half, mean + half))
}

/// The 97.5 % quantile of Student's t; where a row stands for several degrees of freedom, that of the fewest.
fn quantile(freedom: usize) -> f64 {
    const FIRST: [f64; 10] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    match freedom {
        1..=10 => FIRST[freedom - 1],
        11..=15 => 2.201,
        16..=20 => 2.120,
        21..=30 => 2.080,
        _ => 2.040,
    }
}

fn gate(page: &mut String, experiment: &Experiment) {
    let Some(admitted) = &experiment.admitted else { return };
    let gate: &GateReport = &admitted.gate;
    let _ = writeln!(page, "## What was proved before it was trained\n");
    let _ = writeln!(
        page,
        "- causality: {}; independence of the rows of a batch: {} (for all values of the parameters, at \
        the shapes analysed)",
        proof(gate.causality),
        proof(gate.batch_independence)
    );
    if let Some(parameters) = gate.parameters {
        let _ = writeln!(page, "- {} trained parameters in one layer", count(parameters));
    }
    let _ = writeln!(page, "- trained with a {}", super::headline::sizes(&admitted.sizes));
    for cost in &gate.flops {
        let _ = writeln!(page, "- {} forward for a sequence of {}", flops(cost.flops), cost.length);
    }
    if let Some(complexity) = gate.complexity {
        let class = serde_json::to_value(complexity).ok().and_then(|v| v.as_str().map(str::to_owned));
        let _ = writeln!(page, "- growth with the length: O({})", class.unwrap_or_default());
    }
    if let Some(state) = &gate.state {
        let grows = match state.bytes_per_step > 0.0 {
            true => format!(", {} more for every step", bytes(state.bytes_per_step)),
            false => ", of constant size".to_owned(),
        };
        let _ = writeln!(page, "- recurrent state of one sequence: {}{grows}", bytes(state.bytes as f64));
    }
    if let Some(hash) = &gate.graph_hash {
        let _ = writeln!(page, "- canonical hash of the computation: `{hash}`");
    }
    page.push('\n');
}

fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::Proved => "proved",
        Proof::Unproved => "not decided",
        Proof::Refuted => "refuted",
    }
}

/// From this experiment to the seed program that it descends from.
fn lineage(page: &mut String, view: &CampaignView, ordinal: u32) {
    let _ = writeln!(page, "## Lineage\n");
    let mut next = Some(ordinal);
    let mut seen = Vec::new();
    while let Some(number) = next.filter(|number| !seen.contains(number)) {
        seen.push(number);
        let Some(experiment) = view.experiments.get(&number) else { break };
        let Some(brief) = experiment.hypothesis.as_ref().map(|h| &h.brief) else { break };
        let fitness = experiment.fitness().map_or_else(String::new, |fitness| format!(", fitness {fitness:.3}"));
        let moves = if brief.moves.is_empty() { String::new() } else { format!(": {}", brief.moves.join(", ")) };
        let _ = writeln!(page, "{}. experiment {number}, {}{fitness}{moves}", seen.len(), brief.name);
        next = brief.parent.map(|parent| parent.0);
    }
    page.push('\n');
}

fn provenance(page: &mut String, view: &CampaignView, experiment: &Experiment, weights: &Weights) {
    let _ = writeln!(page, "## Weights, data, licence\n");
    match weights {
        Weights::None => {
            let _ = writeln!(page, "No weights were exported; `load.py` gives the layer with fresh ones.");
        }
        Weights::Trained { run, recorded, again } => {
            let verdict = match weights.reproduced() {
                Some(true) => "which is the campaign's result bit for bit",
                _ => "which is not the campaign's, since the same bits are promised on the same platform only",
            };
            let _ = writeln!(
                page,
                "`model.safetensors` is the whole model of run `{run}`, trained again from the fact of the run: value \
                 {again:.6}, recorded {recorded:.6}, {verdict}. Block I has this layer's `state_dict` under the prefix \
                 `layers.I.mixer.`."
            );
        }
    }
    if let Some(trained) = &experiment.trained {
        let _ = writeln!(
            page,
            "\nDigest of the text: `{}`. Campaign seed {}.",
            trained.program,
            view.config.as_ref().map_or(0, |config| config.seed)
        );
    }
    let _ = writeln!(
        page,
        "\nA text that Move37 wrote from its grammar comes under the licence of Move37 (Apache-2.0). A seed program, and what \
         descends from one, is under its author's licence as well; weights carry the terms of the text they were trained on. \
         Nothing here was trained on more than the data named above, nor measured beyond it."
    );
}

#[cfg(test)]
mod tests {
    use move37_events::facts::{Design, HypothesisProposed, Stage};
    use move37_testkit::sample;

    use super::*;

    fn experiment(name: &str, parent: Option<u32>) -> Experiment {
        let brief = sample::brief(name, parent);
        let design = Design::Seed { index: 0 };
        let mut trained = sample::trained(2, brief.clone(), &[("bytes", 2.5)]);
        trained.runs = vec![sample::run_result("bytes", 0, 2.4), sample::run_result("bytes", 1, 2.6)];
        Experiment {
            hypothesis: Some(HypothesisProposed {
                experiment: move37_core::ExperimentId(2),
                brief: brief.clone(),
                design,
            }),
            admitted: Some(sample::admitted(2, false)),
            trained: Some(trained),
            insight: Some(sample::insight(2, brief, Some(0.6))),
            ..Experiment::default()
        }
    }

    #[test]
    fn a_card_has_hypothesis_results_proofs_lineage_and_licence() {
        let mut view = CampaignView::new("c".parse().unwrap_or_else(|_| unreachable!("a name")));
        view.config = Some(sample::campaign());
        view.experiments.insert(1, experiment("first", None));
        view.experiments.insert(2, experiment("second", Some(1)));
        let run = RunId::new(move37_core::ExperimentId(2), Stage::Explore, "bytes", 0);
        let weights = Weights::Trained { run, recorded: 2.4, again: 2.4 };
        let page = card(&view, 2, &view.experiments[&2], "Mixer", &weights);
        for part in [
            "# second",
            "experiment 2 of campaign `c`",
            &sample::brief("second", Some(1)).motivation,
            "| bytes | nats per byte, lower is better | 2.5000 | 1.2294 to 3.7706 | 2 |",
            "causality: proved",
            "1. experiment 2, second",
            "2. experiment 1, first",
            "bit for bit",
            "Apache-2.0",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let bare = card(&view, 2, &view.experiments[&2], "Mixer", &Weights::None);
        assert!(bare.contains("No weights were exported"), "{bare}");
        let run = RunId::new(move37_core::ExperimentId(2), Stage::Explore, "bytes", 0);
        let other = Weights::Trained { run, recorded: 2.4, again: 2.5 };
        assert_eq!(other.reproduced(), Some(false));
    }

    #[test]
    fn intervals_are_students() {
        let (low, high) = interval(&[1.0, 2.0, 3.0]).unwrap_or_default();
        assert!((low - (2.0 - 4.303 / 3f64.sqrt())).abs() < 1e-9 && (high - (2.0 + 4.303 / 3f64.sqrt())).abs() < 1e-9);
        assert_eq!(interval(&[1.0]), None);
        assert!(quantile(11) > quantile(16) && quantile(40) > 1.96);
    }
}
