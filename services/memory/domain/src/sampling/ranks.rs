//! ASI-Arch's ranks (arXiv 2507.18074).

use move37_core::{Draw, ExperimentId};
use move37_events::facts::Sampling;

/// Draw a parent uniformly from the first ranks and references without replacement from the next. A pool too small
/// for that fills up with any other ranks but the parent's. Gives parent and references, as ranks from 1; the pool is not empty.
pub(super) fn sample(pool: usize, sampling: &Sampling, seed: u64, experiment: ExperimentId) -> (usize, Vec<usize>) {
    let draw = |purpose| Draw::new(seed, experiment, "explore", purpose, 0);
    let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let candidates = size(sampling.parents).clamp(1, pool.max(1));
    let parent = 1 + draw("parent").below(candidates);
    let wanted = size(sampling.references);
    let next: Vec<usize> = (candidates + 1..=size(sampling.references_to).min(pool)).collect();
    let mut chance = draw("references");
    let mut references = chance.sample(&next, wanted);
    let others: Vec<usize> = (1..=pool).filter(|rank| *rank != parent && !references.contains(rank)).collect();
    references.extend(chance.sample(&others, wanted - references.len()));
    (parent, references)
}

/// The policy in words, with its parameters.
pub(super) fn words(sampling: &Sampling) -> String {
    let Sampling { parents, references_to, references, .. } = sampling;
    format!("parent uniform from ranks 1-{parents}, {references} references from ranks {}-{references_to}", parents + 1)
}

#[cfg(test)]
mod tests {
    use move37_events::facts::Policy;

    use super::*;

    /// Parent and references.
    #[derive(Debug, PartialEq)]
    struct Sample {
        parent: usize,
        references: Vec<usize>,
    }

    const PAPER: Sampling = Sampling { pool: 50, parents: 10, references_to: 50, references: 4, policy: Policy::Ranks };

    fn drawn(pool: usize, seed: u64, experiment: u32) -> Sample {
        let (parent, references) = sample(pool, &PAPER, seed, ExperimentId(experiment));
        Sample { parent, references }
    }

    fn draws(pool: usize) -> Vec<Sample> {
        (1..=400).map(|experiment| drawn(pool, 7, experiment)).collect()
    }

    fn distinct(sample: &Sample) -> bool {
        let mut ranks = sample.references.clone();
        ranks.push(sample.parent);
        ranks.sort_unstable();
        ranks.windows(2).all(|pair| pair[0] != pair[1])
    }

    #[test]
    fn a_pool_of_one_has_a_parent_and_no_references() {
        assert!(draws(1).iter().all(|sample| *sample == Sample { parent: 1, references: vec![] }));
    }

    #[test]
    fn a_pool_of_five_gives_all_others_as_references() {
        let draws = draws(5);
        assert!(draws.iter().all(|sample| distinct(sample) && sample.references.len() == 4 && sample.parent <= 5));
        assert!((1..=5).all(|rank| draws.iter().any(|sample| sample.parent == rank)));
    }

    #[test]
    fn a_pool_of_eleven_takes_rank_eleven_first() {
        let draws = draws(11);
        assert!(draws.iter().all(|sample| distinct(sample) && sample.parent <= 10));
        assert!(draws.iter().all(|sample| sample.references.len() == 4 && sample.references[0] == 11));
    }

    #[test]
    fn a_full_pool_keeps_parents_and_references_apart() {
        let draws = draws(50);
        let apart =
            |sample: &Sample| sample.parent <= 10 && sample.references.iter().all(|rank| (11..=50).contains(rank));
        assert!(draws.iter().all(|sample| distinct(sample) && sample.references.len() == 4 && apart(sample)));
        assert!((1..=10).all(|rank| draws.iter().filter(|sample| sample.parent == rank).count() > 15));
        assert!((11..=50).all(|rank| draws.iter().any(|sample| sample.references.contains(&rank))));
    }

    #[test]
    fn the_draw_depends_on_seed_and_experiment_only() {
        let draw = |seed, experiment| drawn(50, seed, experiment);
        assert_eq!(draw(1, 5), draw(1, 5));
        assert_ne!(draw(1, 5), draw(2, 5));
        assert_ne!(draw(1, 5), draw(1, 6));
    }
}
