//! UCB1 (Auer, Cesa-Bianchi, Fischer 2002) over candidates, as ASI-Evolve has it (arXiv 2603.29640): the fitness, scaled to [0, 1]
//! over the pool, plus `c sqrt(ln N / n)`, where a candidate was a parent n times and all together N times; who was none comes
//! first.

use move37_events::facts::{Choice, Eligible};

use super::{Known, visits, whole};

/// The candidate of the highest bound; of equals, and of those that were no parent yet, the fittest.
pub(super) fn choose(known: Known<'_>, exploration: f64) -> Choice {
    let pool = known.pool;
    let (best, worst) = (pool[0].fitness, pool[pool.len() - 1].fitness);
    let scaled = |fitness: f64| if best > worst { (fitness - worst) / (best - worst) } else { 0.5 };
    let total: u32 = (1..=pool.len()).map(|rank| visits(known, rank)).sum();
    let bound = |rank: usize| {
        let n = visits(known, rank);
        let score = scaled(pool[rank - 1].fitness) + exploration * (f64::from(total).ln() / f64::from(n)).sqrt();
        Eligible { rank: whole(rank), score: (n > 0).then_some(score), visits: n }
    };
    let eligible: Vec<Eligible> = (1..=pool.len()).map(bound).collect();
    let unvisited = eligible.iter().position(|candidate| candidate.score.is_none());
    let score = |place: &usize| eligible[*place].score.unwrap_or(f64::INFINITY);
    // The last of equals is what `max_by` takes, so the ranks are gone through backwards.
    let highest = (0..eligible.len()).rev().max_by(|a, b| score(a).total_cmp(&score(b)));
    let drawn = unvisited.or(highest).unwrap_or(0);
    Choice { drawn: whole(drawn), eligible, place: None }
}
