//! L1 to L5: with one lane, whatever goes wrong, the same facts and the same states.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use move37_core::{EventId, Hash, Recorded, Source};
use move37_events::facts::{CloseReason, MemoryFact};
use move37_events::{FactSet, Topic};
use move37_tests::{Faults, World};
use proptest::prelude::*;

use super::campaigns;

/// A campaign's course: its facts by chain, and the states of all services.
#[derive(Clone, Debug, PartialEq)]
struct Course {
    facts: BTreeMap<String, Vec<Hash>>,
    states: BTreeMap<String, Hash>,
}

fn course(world: &World) -> Course {
    let mut facts: BTreeMap<String, Vec<Hash>> = BTreeMap::new();
    for (_, record) in world.log().winners() {
        let id = &record.envelope.id;
        facts.entry(format!("{}/{}", id.key, id.source)).or_default().push(record.hash());
    }
    Course { facts, states: world.states() }
}

fn finished(seed: u64, faults: Faults) -> World {
    let mut world = World::new(campaigns::sequential(), seed);
    world.run(faults, None);
    world
}

/// The course without any fault.
fn undisturbed() -> &'static Course {
    static COURSE: OnceLock<Course> = OnceLock::new();
    COURSE.get_or_init(|| course(&finished(0, Faults::default())))
}

/// Where the facts part, for people.
fn assert_same(got: &Course) {
    for (chain, facts) in &undisturbed().facts {
        assert_eq!(got.facts.get(chain), Some(facts), "the chain {chain} differs");
    }
    assert_eq!(got, undisturbed());
}

pub(super) fn memory(world: &World) -> Vec<MemoryFact> {
    let winners = world.log().winners().into_iter().filter(|(topic, _)| *topic == Topic::Memory);
    winners.map(|(_, record)| MemoryFact::read(&record.envelope.fact, &record.body).unwrap()).collect()
}

#[test]
fn the_campaign_comes_to_its_end() {
    let world = finished(0, Faults::default());
    let MemoryFact::CampaignClosed(closed) = memory(&world).pop().unwrap() else { panic!("not closed") };
    assert_eq!((closed.reason, closed.experiments), (CloseReason::Finished, 3));
    assert_eq!(world.violations(), []);
}

#[test]
fn l1_a_state_is_the_fold_of_the_own_chain_alone() {
    let mut world = finished(0, Faults::default());
    let lived = world.states();
    // Nothing but the own chain is read before the states are compared.
    world.crash_all();
    assert_eq!(world.states(), lived);
}

#[test]
fn l2_a_foreign_fact_has_at_most_one_consequence_in_a_chain() {
    let world = finished(0, Faults::default());
    let mut seen: BTreeSet<(EventId, Source, String)> = BTreeSet::new();
    for (_, Recorded { envelope, .. }) in world.log().winners() {
        let Some(cause) = envelope.cause else { continue };
        if cause.source != envelope.id.source {
            let consequence = (cause, envelope.id.source.clone(), envelope.id.key.to_string());
            assert!(seen.insert(consequence), "{} is a second consequence", envelope.id);
        }
    }
    assert!(seen.len() > 30, "only {} causes", seen.len());
}

#[test]
fn l4_a_crash_of_everything_after_every_append_changes_nothing() {
    let whole = finished(0, Faults::default()).log().records().count();
    let mut appends = 0;
    let mut world = World::new(campaigns::sequential(), 0);
    let mut done = false;
    while !done {
        let before = world.log().records().count();
        done = world.run(Faults::default(), Some(1));
        if world.log().records().count() > before {
            appends += 1;
            world.crash_all();
        }
    }
    assert_same(&course(&world));
    assert!(appends + 1 >= whole, "{appends} crashes for {whole} records");
}

#[test]
fn l4_a_crash_after_any_one_append_changes_nothing() {
    let mut crashed = BTreeSet::new();
    for steps in (0..).step_by(23) {
        let mut world = World::new(campaigns::sequential(), 1);
        let done = world.run(Faults::default(), Some(steps));
        crashed.insert(world.log().records().count());
        world.crash_all();
        world.run(Faults::default(), None);
        assert_same(&course(&world));
        if done {
            break;
        }
    }
    assert!(crashed.len() > 20, "only {} places", crashed.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn l5_the_order_of_things_changes_nothing(seed: u64) {
        assert_same(&course(&finished(seed, Faults::default())));
    }

    #[test]
    fn l3_crashes_zombies_and_duplicates_change_nothing(
        seed: u64, crash in 0u32..40, zombie in 0u32..1000, duplicate in 0u32..40,
    ) {
        let world = finished(seed, Faults { crash, zombie, duplicate });
        assert_same(&course(&world));
        prop_assert_eq!(world.violations(), []);
    }
}

#[test]
fn l5_times_decide_nothing() {
    let undisturbed = finished(0, Faults::default());
    let texts = |world: &World| -> Vec<(EventId, Vec<u8>)> {
        world.log().winners().into_iter().map(|(_, record)| (record.envelope.id, record.body)).collect()
    };
    for times in 0..4 {
        let mut world = World::with_scrambled_times(campaigns::sequential(), 0, times);
        world.run(Faults { crash: 20, zombie: 500, duplicate: 20 }, None);
        let winners = world.log().winners();
        let backwards = winners.windows(2).filter(|pair| pair[1].1.envelope.time < pair[0].1.envelope.time).count();
        assert!(backwards > 10, "only {backwards} times run backwards");
        assert_eq!(texts(&world), texts(&undisturbed));
        assert_eq!(world.decisions(), undisturbed.decisions());
    }
}

#[test]
fn l3_a_zombies_fact_that_is_read_during_a_story_changes_nothing() {
    assert_same(&course(&finished(12_631_546_840_586_398_942, Faults { crash: 17, zombie: 490, duplicate: 32 })));
}

#[test]
fn l3_the_faults_of_the_tests_do_happen() {
    let world = finished(5, Faults { crash: 30, zombie: 900, duplicate: 30 });
    let (records, winners) = (world.log().records().count(), world.log().winners().len());
    assert!(records > winners + 20, "{records} records, {winners} facts");
}

#[test]
fn another_campaign_seed_makes_other_choices() {
    let mut campaign = campaigns::sequential();
    campaign.seed += 1;
    let mut world = World::new(campaign, 0);
    world.run(Faults::default(), None);
    assert_ne!(world.decisions(), finished(0, Faults::default()).decisions());
}
