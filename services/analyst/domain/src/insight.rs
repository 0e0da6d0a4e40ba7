//! An insight in ASI-Arch's five parts, each computed from numbers and claiming no more than they allow.

use move37_core::ExperimentId;
use move37_events::facts::{Campaign, Insight, InsightRecorded, Provenance};

use crate::compare::{Certainty, Relative, Relatives, change, higher_is_better};
use crate::numbers::{difference, list, number, percent};
use crate::state::{Analyst, Baseline, Known};

/// Two expectations closer than this are the same, relative.
const NEGLIGIBLE: f64 = 0.0005;

pub(crate) fn insight(
    analyst: &Analyst,
    campaign: &Campaign,
    baseline: &Baseline,
    experiment: ExperimentId,
    known: &Known,
) -> InsightRecorded {
    let relatives = Relatives::of(analyst, baseline, experiment, known);
    let view = View { campaign, baseline, known, relatives };
    let mut evidence = vec![known.scored.training_event.clone()];
    evidence.extend(view.relatives.evidence().into_iter().filter(|id| *id != known.scored.training_event));
    InsightRecorded {
        experiment,
        fitness: known.fitness,
        bound: known.bound,
        unranked: known.unranked.clone(),
        insight: Insight {
            design_evaluation: view.design(),
            experimental_results_analysis: view.results(),
            expectation_vs_reality_comparison: view.expectation(),
            theoretical_explanation_with_evidence: view.explanation(),
            synthesis_and_insights: view.synthesis(),
        },
        evidence,
        scored: known.scored.clone(),
    }
}

/// A candidate and what it is compared with.
struct View<'a> {
    campaign: &'a Campaign,
    baseline: &'a Baseline,
    known: &'a Known,
    relatives: Relatives<'a>,
}

impl View<'_> {
    fn name(&self) -> &str {
        &self.known.scored.brief.name
    }

    /// What the design is and costs.
    fn design(&self) -> String {
        let scored = &self.known.scored;
        let mut text = match (scored.brief.parent, &self.relatives.parent) {
            (None, _) => format!("{} is a program given at the start.", self.name()),
            (Some(_), Some(parent)) => format!("{} changes {} by {}.", self.name(), parent.name(), self.moves()),
            (Some(parent), None) => format!("{} changes experiment {parent} by {}.", self.name(), self.moves()),
        };
        if !scored.brief.components.is_empty() {
            text += &format!(" It is composed of {}.", list(&scored.brief.components));
        }
        let (own, base) = (&scored.results, &self.baseline.scored.results);
        text += &format!(
            " One mixing layer has {} parameters and takes {} FLOPs per sequence",
            own.parameters,
            number(own.flops)
        );
        text += &match self.relatives.baseline {
            Some(_) => format!(
                ", {} and {} against the baseline's {} and {}.",
                percent(ratio(own.parameters as f64, base.parameters as f64)),
                percent(ratio(own.flops, base.flops)),
                base.parameters,
                number(base.flops)
            ),
            None => ".".to_owned(),
        };
        text += &format!(" Its training took {} FLOPs.", number(scored.spend.flops));
        if !scored.parent {
            text += " Its cost grows more steeply with length than the campaign admits, so it is measured for \
                     comparison only and is never a parent.";
        }
        text
    }

    /// What was measured.
    fn results(&self) -> String {
        let mut sentences = Vec::new();
        for (task, score) in &self.known.scored.results.tasks {
            let what = if higher_is_better(self.campaign, task) { "an accuracy" } else { "a loss" };
            let spread = match score.standard_error {
                Some(error) => format!(" (standard error {} over {} seeds)", number(error), score.seeds),
                None => " (one seed)".to_owned(),
            };
            let mut sentence = format!("On {task} it reached {what} of {}{spread}", number(score.value));
            let others = [("the baseline", self.relatives.baseline), ("its parent", self.relatives.parent)];
            for (role, relative) in others {
                sentence += &relative.map(|other| self.against(task, role, &other)).unwrap_or_default();
            }
            sentences.push(sentence + ".");
        }
        sentences.extend(self.siblings());
        sentences.extend(self.relatives.grandparent.and_then(|grandparent| {
            let fitness = grandparent.known.fitness?;
            Some(format!("Its grandparent {} has a fitness of {}.", grandparent.name(), number(fitness)))
        }));
        if self.relatives.baseline.is_none() {
            sentences.push("All scores of the campaign are relative to these values.".to_owned());
            let dropped =
                self.baseline.dropped.iter().map(|drop| format!("{} does not count: {}.", drop.task, drop.why));
            sentences.extend(dropped);
            sentences.extend(self.baseline.note.iter().map(|note| format!("{note}.")));
        }
        sentences.join(" ")
    }

    /// One task's value against another candidate's, with what its certainty allows.
    fn against(&self, task: &str, role: &str, other: &Relative<'_>) -> String {
        let results = &self.known.scored.results.tasks;
        let (Some(own), Some(theirs)) = (results.get(task), other.known.scored.results.tasks.get(task)) else {
            return String::new();
        };
        let change = change(self.campaign, task, theirs, own);
        let certainty = match change.certainty {
            Certainty::Unknown => "one seed, so the seed spread of the difference is unknown".to_owned(),
            Certainty::Within(error) => format!("within twice the standard error of the difference, {}", number(error)),
            Certainty::Beyond(error) => format!("beyond twice the standard error of the difference, {}", number(error)),
        };
        format!(
            ", {} {} than {role}'s {} ({certainty})",
            percent(change.relative.abs()).trim_start_matches('+'),
            if change.relative >= 0.0 { "better" } else { "worse" },
            number(theirs.value)
        )
    }

    fn siblings(&self) -> Option<String> {
        let one = |sibling: &Relative<'_>| {
            let fitness = sibling.known.fitness.map(number).unwrap_or_default();
            format!("{} ({fitness}, by {})", sibling.name(), moves(&sibling.known.scored.brief.moves))
        };
        let siblings: Vec<_> = self.relatives.siblings.iter().map(one).collect();
        (!siblings.is_empty()).then(|| format!("The best of its scored siblings: {}.", list(&siblings)))
    }

    /// Whether the expectation came true, against the parent where it has a score.
    fn expectation(&self) -> String {
        let brief = &self.known.scored.brief;
        let Some(reference) = self.relatives.parent.or(self.relatives.baseline) else {
            return "It is the reference itself, so nothing was expected of it.".to_owned();
        };
        if brief.expected.is_empty() {
            return "No task was expected to change.".to_owned();
        }
        let sentences = brief.expected.iter().map(|expected| {
            let task = &expected.task;
            let own = self.known.scored.results.tasks.get(task);
            let theirs = reference.known.scored.results.tasks.get(task);
            let (Some(own), Some(theirs)) = (own, theirs) else {
                return format!("{task} was expected to change by {}, but does not count.", percent(expected.change));
            };
            let change = change(self.campaign, task, theirs, own);
            format!(
                "{task} was expected to change by {} against {}, and changed by {}: {}.",
                percent(expected.change),
                reference.name(),
                percent(change.relative),
                verdict(expected.change, change.relative, change.certainty)
            )
        });
        sentences.collect::<Vec<_>>().join(" ")
    }

    /// Which mechanism may explain it, and what speaks for or against that.
    fn explanation(&self) -> String {
        let brief = &self.known.scored.brief;
        let source = match brief.provenance {
            Provenance::Experience => "this campaign's own results",
            Provenance::Cognition => "the literature",
            Provenance::Original => "neither literature nor results",
        };
        let mechanism = brief.mechanism.trim().trim_end_matches('.');
        let mut text = format!("The proposed mechanism, from {source}: {mechanism}.");
        let Some(parent) = self.relatives.parent else { return text };
        let (Some(own), Some(theirs)) = (self.known.fitness, parent.known.fitness) else {
            return text + " Without a fitness on both sides the numbers neither support nor contradict it.";
        };
        text += match self.beyond_noise(&parent) {
            Some(true) if own > theirs => {
                " The gain over the parent exceeds the seed spread and is consistent with it."
            }
            Some(true) => " The loss against the parent exceeds the seed spread and speaks against it.",
            Some(false) => " The difference to the parent lies within the seed spread, so the numbers do not decide.",
            None => " With one seed the numbers can suggest, but not decide, whether it is at work.",
        };
        let same =
            |sibling: &&Relative<'_>| sibling.known.scored.brief.moves.iter().any(|name| brief.moves.contains(name));
        for sibling in self.relatives.siblings.iter().filter(same) {
            let fitness = sibling.known.fitness.unwrap_or(theirs);
            text += &format!(
                " {}, which shares a change with it, differs from the parent by {}.",
                sibling.name(),
                difference(fitness - theirs)
            );
        }
        text
    }

    /// What to take from it; the first sentence stands for the whole.
    fn synthesis(&self) -> String {
        let Some(fitness) = self.known.fitness else {
            let why = self.known.unranked.as_deref().unwrap_or("it has no fitness");
            return format!("{} is unranked: {why}. It says nothing about its design.", self.name());
        };
        let mut text = format!("{} has a fitness of {}", self.name(), number(fitness));
        let Some(parent) = self.relatives.parent else {
            text += match self.relatives.baseline {
                None => ", as the baseline by definition.",
                Some(_) => ", where the baseline has 0.5.",
            };
            return text + &self.weakest();
        };
        let gain = fitness - parent.known.fitness.unwrap_or(0.5);
        text += &format!(", {} on its parent {}.", difference(gain), parent.name());
        let moves = self.moves();
        text += &match self.beyond_noise(&parent) {
            Some(true) if gain > 0.0 => format!(" Keep {moves} and build on it."),
            Some(true) => format!(" From this parent, {moves} does not pay."),
            Some(false) => format!(" Whether {moves} helps needs more seeds."),
            None if gain > 0.0 => {
                format!(" It is worth confirming {moves} with more seeds, since one seed shows no spread.")
            }
            None => format!(" There is no sign that {moves} helps, as far as one seed can tell."),
        };
        text + &self.weakest()
    }

    /// The task that gained least against the baseline, where several count.
    fn weakest(&self) -> String {
        let scored = self.known.terms.iter().filter_map(|term| Some((term.score?, &term.task)));
        let weakest = scored.min_by(|a, b| a.0.total_cmp(&b.0));
        match (weakest, self.known.terms.len(), &self.relatives.baseline) {
            (Some((score, task)), 2.., Some(_)) => format!(" Its weakest task is {task} (term {}).", number(score)),
            _ => String::new(),
        }
    }

    fn moves(&self) -> String {
        moves(&self.known.scored.brief.moves)
    }

    /// Whether some task differs from another candidate beyond the seed spread; none while no spread is known.
    fn beyond_noise(&self, other: &Relative<'_>) -> Option<bool> {
        let certainties = self.known.scored.results.tasks.iter().filter_map(|(task, own)| {
            let theirs = other.known.scored.results.tasks.get(task)?;
            Some(change(self.campaign, task, theirs, own).certainty)
        });
        let known: Vec<_> = certainties.filter(|certainty| *certainty != Certainty::Unknown).collect();
        (!known.is_empty()).then(|| known.iter().any(|certainty| matches!(certainty, Certainty::Beyond(_))))
    }
}

fn moves(moves: &[String]) -> String {
    if moves.is_empty() { "an unnamed change".to_owned() } else { list(moves) }
}

fn ratio(own: f64, base: f64) -> f64 {
    if base == 0.0 { 0.0 } else { own / base - 1.0 }
}

fn verdict(expected: f64, measured: f64, certainty: Certainty) -> &'static str {
    let none = |x: f64| x.abs() < NEGLIGIBLE;
    match certainty {
        Certainty::Within(_) if !none(expected) => "not distinguishable from no change",
        _ if none(expected) && none(measured) => "no change, as expected",
        _ if none(expected) => "a change that was not expected",
        _ if none(measured) => "practically no change",
        _ if expected.signum() != measured.signum() => "the opposite direction",
        _ if measured.abs() < 0.5 * expected.abs() => "the expected direction, but less than half as much",
        _ if measured.abs() > 2.0 * expected.abs() => "the expected direction, and more than twice as much",
        _ => "the expected direction and size",
    }
}
