//! Confirmation of records with one lane: whatever goes wrong, and in whatever order runs end, the same decisions.

use std::sync::OnceLock;

use move37_core::Hash;
use move37_events::facts::{CloseReason, MemoryFact};
use move37_tests::{Faults, World};
use proptest::prelude::*;

use super::campaigns;
use super::replay::memory;

fn finished(seed: u64, faults: Faults) -> World {
    let mut world = World::new(campaigns::confirming(), seed);
    world.run(faults, None);
    world
}

/// The decisions without any fault.
fn undisturbed() -> Hash {
    static DECISIONS: OnceLock<Hash> = OnceLock::new();
    *DECISIONS.get_or_init(|| finished(0, Faults::default()).decisions())
}

#[test]
fn candidates_are_promoted_and_judged_before_the_campaign_closes() {
    let world = finished(0, Faults::default());
    let facts = memory(&world);
    let count = |wanted: fn(&MemoryFact) -> bool| facts.iter().filter(|fact| wanted(fact)).count();
    let promoted = count(|fact| matches!(fact, MemoryFact::CandidatePromoted(_)));
    let recorded = count(|fact| matches!(fact, MemoryFact::VerificationRecorded(_)));
    let judged = count(|fact| matches!(fact, MemoryFact::RecordConfirmed(_) | MemoryFact::RecordRefuted(_)));
    assert!(promoted >= 2 && judged >= 1, "{promoted} promoted, {judged} judged");
    assert_eq!(promoted, recorded);
    let Some(MemoryFact::CampaignClosed(closed)) = facts.last() else { panic!("not closed") };
    assert_eq!((closed.reason, closed.experiments), (CloseReason::Finished, 3));
    assert!(closed.record.is_some() || closed.unconfirmed.is_some());
    assert_eq!(world.violations(), []);
}

#[test]
fn l1_a_state_is_the_fold_of_the_own_chain_alone() {
    let mut world = finished(0, Faults::default());
    let lived = world.states();
    world.crash_all();
    assert_eq!(world.states(), lived);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn l5_the_order_in_which_runs_end_decides_nothing(seed: u64) {
        let world = finished(seed, Faults::default());
        prop_assert_eq!(world.decisions(), undisturbed());
        prop_assert_eq!(world.violations(), []);
    }

    #[test]
    fn l3_crashes_zombies_and_duplicates_decide_nothing(
        seed: u64, crash in 0u32..40, zombie in 0u32..1000, duplicate in 0u32..40,
    ) {
        let world = finished(seed, Faults { crash, zombie, duplicate });
        prop_assert_eq!(world.decisions(), undisturbed());
        prop_assert_eq!(world.violations(), []);
    }
}
