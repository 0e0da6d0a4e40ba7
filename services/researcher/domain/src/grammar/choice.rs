//! Which kind of change: Thompson sampling over what the campaign has seen, tilted by the literature.

use move37_core::Draw;
use move37_events::facts::{Campaign, Lessons, MoveRecord, TaskKind};

use super::{Kind, Step};

/// Tries of one kind that count at most: beyond that, more of them change the draw little and cost time.
const MOST_TRIES: u32 = 200;
/// How much a growing change is held back after refusals for size.
const CAUTION: f64 = 0.4;

/// The weak task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Weak<'a> {
    pub(super) task: &'a str,
    pub(super) kind: &'a TaskKind,
}

/// The task on which the campaign is weakest, where memory knows one.
pub(super) fn weak<'a>(campaign: &'a Campaign, lessons: &Lessons) -> Option<Weak<'a>> {
    let name = lessons.weak_task.as_ref()?;
    let task = campaign.tasks.iter().find(|task| task.name == *name)?;
    Some(Weak { task: &task.name, kind: &task.kind })
}

/// How promising the literature finds a kind for the weak task; 1 is neutral.
pub(super) fn relevance(kind: Kind, weak: Option<Weak<'_>>) -> f64 {
    let about = kind.about();
    match weak.map(|weak| weak.kind) {
        Some(TaskKind::Mqar { .. } | TaskKind::Mad { .. }) => about.recall,
        Some(TaskKind::Bytes { .. } | TaskKind::Tokens { .. } | TaskKind::Examples { .. }) => about.text,
        None => 1.0,
    }
}

/// How a kind has fared.
pub(super) fn record(kind: Kind, lessons: &Lessons) -> Option<&MoveRecord> {
    lessons.moves.iter().find(|record| record.name == kind.name())
}

/// Whether the latest failures speak of size.
pub(super) fn too_large(lessons: &Lessons) -> bool {
    lessons.failures.iter().any(|failure| failure.why.contains("over_budget"))
}

/// One of the steps: first its kind, then one of that kind.
pub(super) fn choose(steps: Vec<Step>, lessons: &Lessons, weak: Option<Weak<'_>>, draw: &mut Draw) -> Option<Step> {
    let mut kinds: Vec<Kind> = steps.iter().map(|step| step.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let cautious = too_large(lessons);
    let mut best: Option<(f64, Kind)> = None;
    for kind in kinds {
        let (improved, tried) = record(kind, lessons).map_or((0, 0), |record| (record.improved, record.tried));
        let caution = if cautious && kind.about().grows { CAUTION } else { 1.0 };
        let score = caution * relevance(kind, weak) * beta(improved, tried, draw);
        if best.is_none_or(|(most, _)| score > most) {
            best = Some((score, kind));
        }
    }
    let (_, kind) = best?;
    let of_kind: Vec<Step> = steps.into_iter().filter(|step| step.kind == kind).collect();
    draw.pick(&of_kind).cloned()
}

/// A draw from Beta(1 + improved, 1 + tried - improved): the order statistic of uniforms that has this distribution.
/// No logarithm is asked for, so every machine draws the same.
fn beta(improved: u32, tried: u32, draw: &mut Draw) -> f64 {
    let scale = |n: u32| match tried > MOST_TRIES {
        true => u32::try_from(u64::from(n) * u64::from(MOST_TRIES) / u64::from(tried)).unwrap_or(MOST_TRIES),
        false => n,
    };
    let (improved, tried) = (scale(improved.min(tried)) as usize, scale(tried) as usize);
    let mut uniforms: Vec<f64> = (0..=tried).map(|_| draw.uniform()).collect();
    uniforms.sort_by(f64::total_cmp);
    uniforms[improved]
}

#[cfg(test)]
mod tests {
    use move37_core::ExperimentId;

    use super::*;

    #[test]
    fn beta_draws_have_the_mean_of_the_distribution() {
        let mut draw = Draw::new(1, ExperimentId(1), "explore", "test", 1);
        for (improved, tried) in [(0, 0), (3, 4), (0, 5), (300, 400)] {
            let mean = (0..4000).map(|_| beta(improved, tried, &mut draw)).sum::<f64>() / 4000.0;
            let expected = (1.0 + f64::from(improved)) / (2.0 + f64::from(tried));
            assert!((mean - expected).abs() < 0.02, "{improved} of {tried}: {mean} for {expected}");
        }
    }
}
