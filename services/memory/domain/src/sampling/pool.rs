//! The pool: candidates that may be parents, best first.

use move37_events::facts::Standing;

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
