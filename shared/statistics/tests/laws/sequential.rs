//! The rank test and the sequential test.

use move37_statistics::sequential::{Error, LEAST, Plan, Verdict};
use move37_statistics::{Chance, Noise, deviation, mean, proportion, rank_test};
use proptest::prelude::*;

use crate::worlds::{ALL, World};

fn plan() -> Plan {
    Plan::new(&[3, 6, 12]).unwrap()
}

/// Whether a candidate whose values are raised by `shift` is called better, and with how many seeds.
fn campaign(
    plan: &Plan,
    share: f64,
    world: World,
    shift: f64,
    reference: &[f64],
    noise: Noise,
    chance: &mut Chance,
) -> (bool, u32) {
    let mut values = Vec::new();
    loop {
        match plan.judge(share, &values, reference, noise).verdict {
            Verdict::Continue { seeds } => {
                while values.len() < seeds as usize {
                    values.push(world.draw(chance) + shift);
                }
            }
            verdict => return (verdict == Verdict::Better, values.len() as u32),
        }
    }
}

fn fresh(plan: &Plan, share: f64, world: World, shift: f64, chance: &mut Chance) -> (bool, u32) {
    let reference = world.runs(plan.last() as usize, chance);
    let noise = Noise::of(&world.runs(10, chance)).unwrap();
    campaign(plan, share, world, shift, &reference, noise, chance)
}

#[test]
fn a_small_rank_test_counts_by_hand() {
    // 2 of 5: ten choices; ranks 5 and 4 are the highest of them.
    assert_eq!(rank_test(&[5.0, 4.0], &[1.0, 2.0, 3.0]), 0.1);
    assert_eq!(rank_test(&[1.0, 2.0], &[3.0, 4.0, 5.0]), 1.0);
    assert_eq!(rank_test(&[3.0, 4.0, 5.0], &[1.0, 2.0]), 0.1);
    // Ties: every choice has the same sum.
    assert_eq!(rank_test(&[1.0; 3], &[1.0; 9]), 1.0);
    // Ranks 3, 6, 7, 8 of eight: of 70 choices, 4 have a sum of 24 or more.
    assert!((rank_test(&[1.1, 2.2, 3.3, 4.4], &[0.5, 1.0, 1.5, 2.0]) - 4.0 / 70.0).abs() < 1e-12);
}

#[test]
fn a_renamed_reference_is_called_better_at_most_as_often_as_said() {
    for world in ALL {
        let mut chance = Chance::new(11);
        let hits = (0..4000).filter(|_| fresh(&plan(), 0.05, world, 0.0, &mut chance).0).count();
        let upper = proportion::upper(hits as u64, 4000, 0.95);
        assert!(upper <= 1.5 * 0.05, "{world:?}: {hits} of 4000");
    }
}

#[test]
fn seeds_that_move_both_alike_make_the_test_no_looser() {
    let mut chance = Chance::new(14);
    let noise = Noise { deviation: 1.0, runs: 10 };
    let renamed = |_: &u32| {
        let seeds = World::Normal.runs(12, &mut chance);
        let mut of_seed = |seed: &f64| seed + 0.7 * World::Normal.draw(&mut chance);
        let reference: Vec<f64> = seeds.iter().map(&mut of_seed).collect();
        let candidate: Vec<f64> = seeds.iter().map(&mut of_seed).collect();
        let judged = |n: usize| plan().judge(0.05, &candidate[..n], &reference, noise).verdict;
        judged(6) == Verdict::Better || judged(12) == Verdict::Better
    };
    let hits = (0..2000).filter(renamed).count();
    assert!(proportion::upper(hits as u64, 2000, 0.95) <= 0.05, "{hits} of 2000");
}

#[test]
fn a_fitness_scaled_by_the_references_own_seeds_makes_the_test_no_looser() {
    // As the analyst does: level and scale of each task are the reference's mean and spread over the same 12 seeds.
    let fitness = |tasks: &[World], values: &[Vec<f64>], reference: &[Vec<f64>]| -> Vec<f64> {
        let of_task = |task: usize, seed: usize| {
            let scale = (6.0 * deviation(&reference[task]).unwrap()).max(1e-3);
            let by = ((values[task][seed] - mean(&reference[task])) / scale).clamp(-1.0, 1.0);
            1.0 / (1.0 + (-6.0 * by).exp())
        };
        let of_seed = |seed| (0..tasks.len()).map(|task| of_task(task, seed)).sum::<f64>() / tasks.len() as f64;
        (0..12).map(of_seed).collect()
    };
    for tasks in [[World::Normal, World::Bimodal(0.6)], [World::Heavy, World::Skewed], [World::Bimodal(0.9); 2]] {
        let mut chance = Chance::new(15);
        let mut hits = 0;
        for _ in 0..1500 {
            let mut runs = || -> Vec<Vec<f64>> { tasks.iter().map(|task| task.runs(12, &mut chance)).collect() };
            let (reference, candidate) = (runs(), runs());
            let (candidate, reference) =
                (fitness(&tasks, &candidate, &reference), fitness(&tasks, &reference, &reference));
            let noise = Noise::of(&reference).unwrap();
            let judged = |n: usize| plan().judge(0.05, &candidate[..n], &reference, noise).verdict;
            hits += u64::from(judged(6) == Verdict::Better || judged(12) == Verdict::Better);
        }
        assert!(proportion::upper(hits, 1500, 0.95) <= 0.05, "{tasks:?}: {hits} of 1500");
    }
}

#[test]
fn a_clearly_better_candidate_is_found_with_few_seeds() {
    let mut chance = Chance::new(12);
    let runs: Vec<_> = (0..500).map(|_| fresh(&plan(), 0.01, World::Normal, 4.0, &mut chance)).collect();
    let found = runs.iter().filter(|(better, _)| *better).count();
    let seeds = runs.iter().map(|(_, seeds)| f64::from(*seeds)).sum::<f64>() / 500.0;
    assert!(found >= 495, "{found} of 500");
    assert!(seeds < 7.0, "{seeds}");
}

#[test]
fn a_hopeless_candidate_costs_the_first_look_only() {
    let mut chance = Chance::new(13);
    let runs: Vec<_> = (0..500).map(|_| fresh(&plan(), 0.01, World::Normal, -1.0, &mut chance)).collect();
    let seeds = runs.iter().map(|(_, seeds)| f64::from(*seeds)).sum::<f64>() / 500.0;
    assert!(seeds < 3.3, "{seeds}");
}

#[test]
fn lucky_equal_seeds_are_no_record() {
    let noise = Noise { deviation: 0.3, runs: 30 };
    let judged = plan().judge(0.05, &[0.95, 0.95, 0.95], &[0.2; 12], noise);
    assert_eq!(judged.verdict, Verdict::Continue { seeds: 6 }, "below {LEAST} seeds");
    // Ranks say better; the floor says that the task's noise is wider than that.
    let reference: Vec<f64> = (0..12).map(|i| 0.500 + 1e-4 * f64::from(i)).collect();
    let judged = plan().judge(0.05, &[0.51; 12], &reference, noise);
    assert!(judged.p < 1e-5 && judged.error > 0.1, "{judged:?}");
    assert_eq!(judged.verdict, Verdict::NotBetter);
    let judged = plan().judge(0.05, &[0.51; 6], &reference, Noise { deviation: 0.001, runs: 30 });
    assert_eq!(judged.verdict, Verdict::Better);
}

#[test]
fn a_value_that_is_no_number_is_a_failure() {
    let noise = Noise { deviation: 1.0, runs: 30 };
    assert_eq!(plan().judge(0.05, &[9.0, f64::NAN, 9.0], &[0.0; 12], noise).verdict, Verdict::NotBetter);
    assert_eq!(plan().judge(0.05, &[9.0; 6], &[f64::INFINITY; 12], noise).verdict, Verdict::NotBetter);
}

#[test]
fn a_plan_that_cannot_confirm_says_so() {
    assert_eq!(Plan::new(&[3, 5]), Err(Error::Last(5)));
    assert_eq!(Plan::new(&[6, 6]), Err(Error::Looks(vec![6, 6])));
    assert_eq!(Plan::new(&[]), Err(Error::Looks(vec![])));
    let small = Plan::new(&[6]).unwrap();
    // 6 of 12 seeds: one choice of 924.
    assert!(small.reachable(1.0 / 924.0 + 1e-9) && !small.reachable(1.0 / 925.0));
    let hopeless = small.judge(1e-4, &[], &[0.0; 6], Noise { deviation: 1.0, runs: 9 });
    assert_eq!(hopeless.verdict, Verdict::NotBetter, "no seed is spent");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn seeds_may_come_in_any_order(mut candidate in prop::collection::vec(-1e3..1e3f64, 6), turn in 0usize..6, raise in 0.0..4e3f64) {
        let reference: Vec<f64> = (0..12).map(|i| f64::from(i) * 100.0 - 600.0).collect();
        candidate.iter_mut().for_each(|value| *value += raise);
        let noise = Noise::of(&reference).unwrap();
        let before = plan().judge(0.05, &candidate, &reference, noise);
        candidate.rotate_left(turn);
        let after = plan().judge(0.05, &candidate, &reference, noise);
        prop_assert_eq!((before.verdict, before.p), (after.verdict, after.p));
    }

    #[test]
    fn a_higher_value_never_weakens_the_proof(mut candidate in prop::collection::vec(-1e3..1e3f64, 1..8), at in 0usize..8, more in 0.0..1e3f64) {
        let reference: Vec<f64> = (0..12).map(|i| f64::from(i) * 100.0 - 600.0).collect();
        let before = rank_test(&candidate, &reference);
        let at = at % candidate.len();
        candidate[at] += more;
        prop_assert!(rank_test(&candidate, &reference) <= before + 1e-12);
    }

    #[test]
    fn the_looks_spend_the_share_and_no_more(share in 1e-7..0.5f64, looks in prop::collection::btree_set(2u32..30, 1..5)) {
        let looks: Vec<u32> = looks.into_iter().collect();
        if let Ok(plan) = Plan::new(&looks) {
            let shares = plan.shares(share);
            let sum: f64 = shares.iter().sum();
            prop_assert!(sum <= share * (1.0 + 1e-12));
            prop_assert!(plan.reachable(share) == ((sum - share).abs() < 1e-9 * share));
        }
    }
}
