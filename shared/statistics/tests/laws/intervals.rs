//! Intervals, the noise floor, bounds of shares, spending.

use move37_statistics::{Chance, Noise, Spending, interval, paired, proportion};
use proptest::prelude::*;

use crate::worlds::{World, normal};

fn coverage(world: World, n: usize) -> f64 {
    let mut chance = Chance::new(n as u64);
    let covers = |_: &u32| interval(&world.runs(n, &mut chance), 0.95).unwrap().contains(world.mean());
    (0..400).filter(covers).count() as f64 / 400.0
}

#[test]
fn an_interval_covers_the_mean_as_often_as_it_says() {
    for n in [3, 6, 9, 10, 12, 30] {
        let covered = coverage(World::Normal, n);
        assert!((0.925..=0.975).contains(&covered), "{n} normal values: {covered}");
    }
    for world in [World::Bimodal(0.6), World::Skewed] {
        for n in [10, 12, 30] {
            let covered = coverage(world, n);
            assert!(covered >= 0.89, "{n} of {world:?}: {covered}");
        }
    }
}

#[test]
fn the_example_of_four_values_is_students() {
    // scipy.stats.t.interval(0.95, 3, loc=2.5, scale=sem([1, 2, 3, 4])) = (0.4457397, 4.5542603).
    let got = interval(&[4.0, 1.0, 3.0, 2.0], 0.95).unwrap();
    assert!((got.low - 0.445_739_7).abs() < 1e-6 && (got.high - 4.554_260_3).abs() < 1e-6, "{got:?}");
}

#[test]
fn nothing_is_claimed_of_one_value_or_of_no_number() {
    assert_eq!(interval(&[1.0], 0.95), None);
    assert_eq!(interval(&[1.0, f64::NAN, 2.0], 0.95), None);
    assert_eq!(interval(&[1.0, 2.0], 1.0), None);
    assert_eq!(Noise::of(&[1.0]), None);
}

#[test]
fn pairs_take_out_what_a_seed_does_to_both() {
    let mut chance = Chance::new(5);
    let seeds: Vec<f64> = (0..12).map(|_| 10.0 * normal(&mut chance)).collect();
    let better: Vec<f64> = seeds.iter().map(|seed| seed + 1.0 + 0.1 * normal(&mut chance)).collect();
    let difference = paired(&better, &seeds, 0.95).unwrap();
    assert!(difference.low > 0.8 && difference.high < 1.2, "{difference:?}");
    assert_eq!(paired(&better[..5], &seeds, 0.95), paired(&better[..5], &seeds[..5], 0.95));
}

#[test]
fn the_noise_floor_knows_how_little_ten_runs_tell() {
    let noise = Noise { deviation: 1.0, runs: 10 };
    let known = noise.interval(0.95).unwrap();
    // sqrt(9 / chi2(0.975, 9)), sqrt(9 / chi2(0.025, 9)) of a table.
    assert!((known.low - 0.687_8).abs() < 1e-3 && (known.high - 1.825_6).abs() < 1e-3, "{known:?}");
    assert!((noise.error(3, 6) - 0.5f64.sqrt()).abs() < 1e-12);
}

#[test]
fn a_counted_share_has_exact_bounds() {
    // No false alarm in 59: below 5 % with 95 % confidence (the rule of three, exactly 1 - 0.05^(1/59)).
    assert!((proportion::upper(0, 59, 0.95) - (1.0 - 0.05f64.powf(1.0 / 59.0))).abs() < 1e-9);
    assert!((proportion::lower(59, 59, 0.95) - 0.05f64.powf(1.0 / 59.0)).abs() < 1e-9);
    assert_eq!(proportion::upper(3, 3, 0.95), 1.0);
    assert!(proportion::lower(5, 10, 0.95) < 0.5 && proportion::upper(5, 10, 0.95) > 0.5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_changes_no_interval(mut values in prop::collection::vec(-1e3..1e3f64, 2..24), turn in 0usize..24) {
        let before = interval(&values, 0.95);
        let turn = turn % values.len();
        values.rotate_left(turn);
        values.swap(0, turn);
        prop_assert_eq!(before, interval(&values, 0.95));
    }

    #[test]
    fn more_confidence_is_wider(values in prop::collection::vec(-1e3..1e3f64, 2..24)) {
        let (narrow, wide) = (interval(&values, 0.8).unwrap(), interval(&values, 0.99).unwrap());
        prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
    }

    #[test]
    fn spending_never_exceeds_the_nominal_error(alpha in 0.001..0.5f64, tests in 1u32..400) {
        let spending = Spending { alpha, tests };
        let shares: Vec<f64> = (1..=tests).map(|test| spending.share(test)).collect();
        prop_assert!(shares.iter().sum::<f64>() <= alpha * (1.0 + 1e-12));
        prop_assert!(shares.windows(2).all(|pair| pair[0] >= pair[1] && pair[1] > 0.0));
        prop_assert_eq!((spending.share(0), spending.share(tests + 1)), (0.0, 0.0));
        prop_assert!((spending.spent(tests) - alpha).abs() < 1e-9);
    }
}
