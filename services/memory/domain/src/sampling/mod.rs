//! Who is developed next, and what to learn from on the way: one file per policy, all pure.
//!
//! A policy sees the pool, best first, and what was sampled before; it draws from (seed, experiment) alone. What it saw and drew is
//! recorded with the sample, so that a choice can be explained, and another policy tried on the same history.

mod elites;
mod islands;
mod pool;
mod ranks;
mod ucb;

use std::collections::BTreeMap;

use move37_core::{Draw, ExperimentId};
use move37_events::facts::{Choice, Eligible, Policy, Sampling, Standing};

pub(crate) use pool::insert;

/// What a policy sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    /// Candidates that may be parents, best first.
    pub(crate) pool: &'a [Standing],
    /// How often each was a parent.
    pub(crate) visits: &'a BTreeMap<ExperimentId, u32>,
    /// Forward FLOPs of the baseline's mixing layer.
    pub(crate) baseline_flops: f64,
}

/// A drawn parent and references, as ranks from 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) parent: usize,
    pub(crate) references: Vec<usize>,
    /// What the policy saw and drew; none for the paper's, which the ranks say whole.
    pub(crate) choice: Option<Choice>,
}

/// Draw a parent and references. None of an empty pool.
pub(crate) fn sample(known: Known<'_>, sampling: &Sampling, seed: u64, experiment: ExperimentId) -> Option<Sample> {
    let size = known.pool.len();
    if size == 0 {
        return None;
    }
    let everyone = || (1..=size).collect::<Vec<usize>>();
    let choice = match sampling.policy {
        Policy::Ranks => {
            let (parent, references) = ranks::sample(size, sampling, seed, experiment);
            return Some(Sample { parent, references, choice: None });
        }
        Policy::Ucb1 { exploration } => ucb::choose(known, exploration),
        Policy::Islands { islands, migrate } => {
            let (place, members) = islands::members(known.pool, experiment, islands, migrate);
            let best = &members[..members.len().min(sampling.parents.max(1) as usize)];
            drawn(known, best, Some(place), seed, experiment)
        }
        Policy::MapElites { factor } => drawn(known, &elites::elites(known, factor), None, seed, experiment),
        Policy::BestOf => drawn(known, &[oldest(known.pool)], None, seed, experiment),
        Policy::Greedy => drawn(known, &[1], None, seed, experiment),
        Policy::Random => drawn(known, &everyone(), None, seed, experiment),
    };
    let parent = choice.eligible[choice.drawn as usize].rank as usize;
    let others: Vec<usize> =
        (1..=size.min(sampling.references_to.max(1) as usize)).filter(|rank| *rank != parent).collect();
    let references = draw(seed, experiment, "references").sample(&others, sampling.references as usize);
    Some(Sample { parent, references, choice: Some(choice) })
}

/// The policy in words, with its parameters.
pub(crate) fn policy(sampling: &Sampling) -> String {
    let Sampling { parents, references, references_to, policy, .. } = sampling;
    let parent = match policy {
        Policy::Ranks => return ranks::words(sampling),
        Policy::Ucb1 { exploration } => {
            format!("parent of the highest upper confidence bound (UCB1, exploration {exploration})")
        }
        Policy::Islands { islands, migrate } => format!(
            "parent uniform from ranks 1-{parents} of its island ({islands} islands in turn, every {migrate}th round from the next one)"
        ),
        Policy::MapElites { factor } => {
            format!("parent uniform from the elites of cells (FLOPs by factors of {factor}, paths)")
        }
        Policy::BestOf => "parent always the first program (best of n)".to_owned(),
        Policy::Greedy => "parent always the best".to_owned(),
        Policy::Random => "parent uniform from the pool".to_owned(),
    };
    format!("{parent}, {references} references from the other ranks up to {references_to}")
}

fn draw(seed: u64, experiment: ExperimentId, purpose: &'static str) -> Draw {
    Draw::new(seed, experiment, "explore", purpose, 0)
}

/// A uniform draw from these ranks.
fn drawn(known: Known<'_>, ranks: &[usize], place: Option<String>, seed: u64, experiment: ExperimentId) -> Choice {
    let drawn = draw(seed, experiment, "parent").below(ranks.len());
    let eligible = |rank: &usize| Eligible {
        rank: whole(*rank),
        score: Some(known.pool[rank - 1].fitness),
        visits: visits(known, *rank),
    };
    Choice { eligible: ranks.iter().map(eligible).collect(), drawn: whole(drawn), place }
}

fn visits(known: Known<'_>, rank: usize) -> u32 {
    known.visits.get(&known.pool[rank - 1].experiment).copied().unwrap_or(0)
}

/// The rank of the program that came first.
fn oldest(pool: &[Standing]) -> usize {
    let first = pool.iter().zip(1..).min_by_key(|(standing, _)| standing.experiment);
    first.map_or(1, |(_, rank)| rank)
}

fn whole(n: usize) -> u32 {
    u32::try_from(n).expect("a pool has at most 2^32 members")
}

#[cfg(test)]
mod tests;
