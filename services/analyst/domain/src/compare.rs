//! A candidate next to its relatives: baseline, parent, best siblings, grandparent.

use move37_core::{EventId, ExperimentId};
use move37_events::facts::{Campaign, TaskScore};

use crate::state::{Analyst, Baseline, Known};

/// Siblings that an insight looks at.
const SIBLINGS: usize = 2;

/// Another candidate, in relation to the one looked at.
#[derive(Clone, Copy)]
pub(crate) struct Relative<'a> {
    pub(crate) experiment: ExperimentId,
    pub(crate) known: &'a Known,
}

/// The relatives that have been scored.
pub(crate) struct Relatives<'a> {
    /// None for the baseline itself.
    pub(crate) baseline: Option<Relative<'a>>,
    /// None for a seed program, and where the parent has no score.
    pub(crate) parent: Option<Relative<'a>>,
    /// Other children of the parent, best first.
    pub(crate) siblings: Vec<Relative<'a>>,
    /// The parent's parent.
    pub(crate) grandparent: Option<Relative<'a>>,
}

impl Relative<'_> {
    pub(crate) fn name(&self) -> &str {
        &self.known.scored.brief.name
    }
}

impl<'a> Relatives<'a> {
    pub(crate) fn of(analyst: &'a Analyst, baseline: &Baseline, experiment: ExperimentId, known: &Known) -> Self {
        let find =
            |experiment: ExperimentId| analyst.known.get(&experiment).map(|known| Relative { experiment, known });
        let parent = known.scored.brief.parent.and_then(find);
        Relatives {
            baseline: (baseline.experiment != experiment).then(|| find(baseline.experiment)).flatten(),
            parent,
            siblings: siblings(analyst, experiment, known.scored.brief.parent),
            grandparent: parent.and_then(|parent| parent.known.scored.brief.parent).and_then(find),
        }
    }

    /// The trainings that a comparison rests on, each once.
    pub(crate) fn evidence(&self) -> Vec<EventId> {
        let single = [self.baseline, self.parent].into_iter().flatten();
        let relatives = single.chain(self.siblings.iter().copied()).chain(self.grandparent);
        let mut ids: Vec<EventId> = Vec::new();
        for relative in relatives {
            let id = &relative.known.scored.training_event;
            if !ids.contains(id) {
                ids.push(id.clone());
            }
        }
        ids
    }
}

fn siblings(analyst: &Analyst, experiment: ExperimentId, parent: Option<ExperimentId>) -> Vec<Relative<'_>> {
    let others = analyst.known.iter().filter(|(id, known)| {
        **id != experiment && parent.is_some() && known.scored.brief.parent == parent && known.fitness.is_some()
    });
    let mut siblings: Vec<_> = others.map(|(id, known)| Relative { experiment: *id, known }).collect();
    let fitness = |relative: &Relative<'_>| relative.known.fitness.unwrap_or(f64::MIN);
    siblings.sort_by(|a, b| fitness(b).total_cmp(&fitness(a)).then(a.experiment.cmp(&b.experiment)));
    siblings.truncate(SIBLINGS);
    siblings
}

/// What the numbers allow to say about a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Certainty {
    /// No spread is known: at least one side has a single seed.
    Unknown,
    /// Within twice the standard error of the difference.
    Within(f64),
    /// Beyond it.
    Beyond(f64),
}

/// How a task's value differs from another candidate's.
pub(crate) struct Change {
    /// Relative to the other's value; positive is better.
    pub(crate) relative: f64,
    pub(crate) certainty: Certainty,
}

pub(crate) fn change(campaign: &Campaign, task: &str, from: &TaskScore, to: &TaskScore) -> Change {
    let difference = to.value - from.value;
    let better = if higher_is_better(campaign, task) { difference } else { -difference };
    let certainty = match (from.standard_error, to.standard_error) {
        (Some(a), Some(b)) => {
            let error = a.hypot(b);
            if difference.abs() > 2.0 * error { Certainty::Beyond(error) } else { Certainty::Within(error) }
        }
        _ => Certainty::Unknown,
    };
    Change { relative: better / from.value.abs().max(1e-9), certainty }
}

pub(crate) fn higher_is_better(campaign: &Campaign, task: &str) -> bool {
    campaign.tasks.iter().find(|known| known.name == task).is_some_and(|task| task.kind.higher_is_better())
}
