//! The simulation behind `examples/calibrate.rs`, on the fixture of synthetic values.

use std::collections::BTreeMap;

use move37_statistics::calibrate::Setting;
use move37_statistics::sequential::Plan;
use move37_statistics::{Chance, Spending};

fn fixture() -> BTreeMap<String, Vec<f64>> {
    serde_json::from_str(include_str!("../../fixtures/values.json")).unwrap()
}

fn setting() -> Setting {
    Setting { plan: Plan::new(&[3, 6, 12]).unwrap(), store: 10 }
}

#[test]
fn a_renamed_baseline_alarms_at_most_as_often_as_said() {
    for (task, runs) in fixture() {
        let count = setting().comparisons(&runs, 0.0, 0.05, 2000, &mut Chance::new(1));
        assert!(count.upper() <= 1.5 * 0.05, "{task}: {count:?}");
    }
}

#[test]
fn a_campaign_of_renamed_baselines_confirms_at_most_as_often_as_said() {
    let spending = Spending { alpha: 0.05, tests: 200 };
    for (task, runs) in fixture() {
        let count = setting().campaigns(&runs, spending, 150, &mut Chance::new(2));
        assert!(count.rate() <= 0.05, "{task}: {count:?}");
        // Without shares the same campaigns fall: the bound comes from the spending.
        let of = 200 * 10;
        let unspent = setting().comparisons(&runs, 0.0, spending.alpha, of, &mut Chance::new(2));
        assert!(unspent.better > 10, "{task}: {unspent:?}, so 10 campaigns have more false records than campaigns");
    }
}

#[test]
fn power_grows_with_the_effect_and_seeds_are_spared() {
    let runs = &fixture()["synthetic-normal"];
    let found = |effect| setting().comparisons(runs, effect, 0.0085, 400, &mut Chance::new(3));
    let (none, some, much) = (found(0.0), found(1.0), found(2.0));
    assert!(none.rate() < some.rate() && some.rate() < much.rate(), "{none:?} {some:?} {much:?}");
    assert!(much.rate() > 0.8 && none.seeds_each() < 6.0 && much.seeds_each() < 9.0, "{none:?} {much:?}");
}
