//! What holds of every policy, and of each.

#![expect(clippy::unwrap_used, reason = "tests")]

use move37_testkit::sample as sampled;

use super::*;

const POLICIES: [Policy; 7] = [
    Policy::Ranks,
    Policy::Ucb1 { exploration: 1.414 },
    Policy::Islands { islands: 3, migrate: 4 },
    Policy::MapElites { factor: 1.5 },
    Policy::BestOf,
    Policy::Greedy,
    Policy::Random,
];

fn sampling(policy: Policy) -> Sampling {
    Sampling { pool: 50, parents: 10, references_to: 50, references: 4, policy }
}

/// A pool of so many, best first: the later experiment is the better.
fn pool(size: u32) -> Vec<Standing> {
    (0..size).map(|rank| sampled::standing(size - rank, 1.0 - f64::from(rank) / 100.0)).collect()
}

fn known<'a>(pool: &'a [Standing], visits: &'a BTreeMap<ExperimentId, u32>) -> Known<'a> {
    Known { pool, visits, baseline_flops: 1e6 }
}

#[test]
fn every_policy_draws_within_the_pool_without_repetition_and_says_what_it_saw() {
    for policy in POLICIES {
        for size in [1, 5, 11, 50] {
            let (pool, visits) = (pool(size), BTreeMap::new());
            for experiment in 1..=60 {
                let draw = || sample(known(&pool, &visits), &sampling(policy), 7, ExperimentId(experiment)).unwrap();
                let first = draw();
                assert_eq!(first, draw(), "{policy:?}");
                let mut all = first.references.clone();
                all.push(first.parent);
                all.sort_unstable();
                assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "{policy:?}: {all:?}");
                assert!(all.iter().all(|rank| (1..=size as usize).contains(rank)), "{policy:?}: {all:?}");
                assert_eq!(first.references.len(), 4.min(size as usize - 1), "{policy:?}");
                assert_eq!(first.choice.is_none(), policy == Policy::Ranks);
                if let Some(choice) = &first.choice {
                    assert_eq!(choice.eligible[choice.drawn as usize].rank as usize, first.parent);
                }
            }
        }
        assert!(sample(known(&[], &BTreeMap::new()), &sampling(policy), 7, ExperimentId(1)).is_none());
    }
}

#[test]
fn ucb1_tries_everyone_once_and_comes_back_to_the_best_more_often() {
    let pool = pool(6);
    let visited = |policy, experiments: u32| {
        let mut visits: BTreeMap<ExperimentId, u32> = BTreeMap::new();
        for experiment in 1..=experiments {
            let drawn = sample(known(&pool, &visits), &sampling(policy), 7, ExperimentId(experiment)).unwrap();
            *visits.entry(pool[drawn.parent - 1].experiment).or_default() += 1;
        }
        visits
    };
    let ucb = Policy::Ucb1 { exploration: 0.3 };
    let first = visited(ucb, 6);
    assert!(first.len() == 6 && first.values().all(|n| *n == 1), "{first:?}");
    let visits = visited(ucb, 120);
    let reward = |visits: &BTreeMap<ExperimentId, u32>| -> f64 {
        let of =
            |standing: &Standing| standing.fitness * f64::from(visits.get(&standing.experiment).copied().unwrap_or(0));
        pool.iter().map(of).sum()
    };
    assert!(reward(&visits) > reward(&visited(Policy::Random, 120)));
    let counts: Vec<u32> = pool.iter().map(|standing| visits[&standing.experiment]).collect();
    assert!(counts.is_sorted_by(|a, b| a >= b) && counts[0] > 2 * counts[5], "{counts:?}");
}

#[test]
fn every_island_has_its_turn_and_takes_from_the_next_one_in_some_rounds() {
    let standings: Vec<Standing> = (1..=9).map(|n| sampled::standing(n, 1.0 - f64::from(n) / 10.0)).collect();
    let island = |rank: usize| (standings[rank - 1].experiment.0 - 1) % 3;
    for experiment in 10..=40u32 {
        let sampling = sampling(Policy::Islands { islands: 3, migrate: 4 });
        let visits = BTreeMap::new();
        let drawn = sample(known(&standings, &visits), &sampling, 7, ExperimentId(experiment)).unwrap();
        let own = (experiment - 1) % 3;
        let migrates = ((experiment - 1) / 3).is_multiple_of(4);
        assert_eq!(island(drawn.parent), if migrates { (own + 1) % 3 } else { own }, "{experiment}");
        assert!(drawn.choice.unwrap().place.unwrap().starts_with("island"));
    }
}

#[test]
fn an_empty_island_takes_from_all() {
    let (pool, visits) = (vec![sampled::standing(1, 0.5)], BTreeMap::new());
    let sampling = sampling(Policy::Islands { islands: 3, migrate: 0 });
    let drawn = sample(known(&pool, &visits), &sampling, 7, ExperimentId(2)).unwrap();
    assert_eq!(drawn.choice.unwrap().place.unwrap(), "all islands, since island 2 is empty");
}

#[test]
fn of_a_cell_only_the_fittest_is_an_elite() {
    let cost = |number, fitness, flops| {
        let mut standing = sampled::standing(number, fitness);
        standing.results.flops = flops;
        standing
    };
    let pool = vec![cost(1, 0.9, 1.0e6), cost(2, 0.8, 1.1e6), cost(3, 0.7, 4e6), cost(4, 0.6, 4.1e6)];
    let visits = BTreeMap::new();
    assert_eq!(elites::elites(known(&pool, &visits), 2.0), [1, 3]);
}

#[test]
fn best_of_n_never_leaves_the_first_program_and_greedy_never_the_best() {
    let (pool, visits) = (pool(11), BTreeMap::new());
    let parents = |policy| -> Vec<usize> {
        let draw = |n| sample(known(&pool, &visits), &sampling(policy), 7, ExperimentId(n)).unwrap().parent;
        (1..=200).map(draw).collect()
    };
    assert!(parents(Policy::BestOf).iter().all(|rank| *rank == 11));
    assert!(parents(Policy::Greedy).iter().all(|rank| *rank == 1));
    let random = parents(Policy::Random);
    assert!((1..=11).all(|rank| random.contains(&rank)), "{random:?}");
}

/// A search of which the children of a better parent are better: what a policy finds in 60 experiments, over 40 seeds.
fn found(policy: Policy) -> f64 {
    let best = |seed: u64| {
        let mut pool = vec![sampled::standing(1, 0.2)];
        let mut visits: BTreeMap<ExperimentId, u32> = BTreeMap::new();
        for number in 2..=60 {
            let experiment = ExperimentId(number);
            let drawn = sample(known(&pool, &visits), &sampling(policy), seed, experiment).unwrap();
            let parent = &pool[drawn.parent - 1];
            *visits.entry(parent.experiment).or_default() += 1;
            let luck = f64::from(u32::try_from(draw(seed, experiment, "luck").below(1000)).unwrap()) / 1000.0;
            let child = sampled::standing(number, parent.fitness + 0.02 * (luck - 0.6));
            insert(&mut pool, child, 50);
        }
        pool[0].fitness
    };
    (0..40).map(best).sum::<f64>() / 40.0
}

#[test]
fn where_better_parents_have_better_children_policies_that_look_at_scores_beat_chance() {
    let chance = found(Policy::Random);
    for policy in [Policy::Ranks, Policy::Greedy] {
        assert!(found(policy) > chance, "{policy:?}: {} against {chance}", found(policy));
    }
    assert!(found(Policy::BestOf) < chance);
}
