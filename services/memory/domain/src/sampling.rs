//! Who is developed next, and what to learn from on the way: ASI-Arch's ranks (arXiv 2507.18074).

use move37_core::{Draw, ExperimentId};
use move37_events::facts::{Sampling, Standing};

/// A drawn parent and references, as ranks from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) parent: usize,
    pub(crate) references: Vec<usize>,
}

/// Draw a parent uniformly from the first ranks and references without replacement from the next. A pool too small
/// for that fills up with any other ranks but the parent's. None of an empty pool.
pub(crate) fn sample(pool: usize, sampling: &Sampling, seed: u64, experiment: ExperimentId) -> Option<Sample> {
    let draw = |purpose| Draw::new(seed, experiment, "explore", purpose, 0);
    let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let candidates = size(sampling.parents).clamp(1, pool.max(1));
    if pool == 0 {
        return None;
    }
    let parent = 1 + draw("parent").below(candidates);
    let wanted = size(sampling.references);
    let next: Vec<usize> = (candidates + 1..=size(sampling.references_to).min(pool)).collect();
    let mut chance = draw("references");
    let mut references = chance.sample(&next, wanted);
    let others: Vec<usize> = (1..=pool).filter(|rank| *rank != parent && !references.contains(rank)).collect();
    references.extend(chance.sample(&others, wanted - references.len()));
    Some(Sample { parent, references })
}

/// Put a standing into its place by fitness (ties: the earlier experiment first), within the capacity.
pub(crate) fn insert(pool: &mut Vec<Standing>, standing: Standing, capacity: u32) {
    let better = |a: &Standing| {
        let by_fitness = standing.fitness.total_cmp(&a.fitness);
        by_fitness.then(a.experiment.cmp(&standing.experiment)).is_gt()
    };
    let place = pool.iter().position(better).unwrap_or(pool.len());
    pool.insert(place, standing);
    pool.truncate(usize::try_from(capacity.max(1)).unwrap_or(usize::MAX));
}

/// The policy in words, with its parameters.
pub(crate) fn policy(sampling: &Sampling) -> String {
    let Sampling { parents, references_to, references, .. } = sampling;
    format!("parent uniform from ranks 1-{parents}, {references} references from ranks {}-{references_to}", parents + 1)
}
