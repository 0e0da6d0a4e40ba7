//! MAP-Elites (Mouret, Clune 2015, arXiv 1504.04909): the pool in cells of cost and mechanism, of which each has one elite.

use std::collections::BTreeMap;

use move37_events::facts::Standing;
use move37_events::genome::Path;

use super::Known;

/// The rank of the fittest of each cell, best first.
pub(super) fn elites(known: Known<'_>, factor: f64) -> Vec<usize> {
    let mut cells: BTreeMap<(i64, Vec<&str>), usize> = BTreeMap::new();
    for (standing, rank) in known.pool.iter().zip(1..) {
        let cell = (cost(standing, known.baseline_flops, factor), mechanism(standing));
        cells.entry(cell).or_insert(rank);
    }
    let mut ranks: Vec<usize> = cells.into_values().collect();
    ranks.sort_unstable();
    ranks
}

/// Forward FLOPs against the baseline's, in powers of the factor, rounded down.
#[expect(clippy::cast_possible_truncation, reason = "a logarithm of a ratio of FLOPs is small")]
fn cost(standing: &Standing, baseline: f64, factor: f64) -> i64 {
    let ratio = standing.results.flops.max(1.0) / baseline.max(1.0);
    (ratio.ln() / factor.max(1.01).ln()).floor() as i64
}

/// The kinds of its paths, each once; nothing where the grammar cannot say them.
fn mechanism(standing: &Standing) -> Vec<&'static str> {
    let kind = |path: &Path| match path {
        Path::Attention => "attention",
        Path::Delta { .. } => "delta",
        Path::Linear { .. } => "linear",
        Path::Fir { .. } => "fir",
        Path::Value => "value",
        Path::Program { .. } => "program",
    };
    let mut kinds: Vec<&str> = standing.genome.iter().flat_map(|genome| &genome.paths).map(kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}
