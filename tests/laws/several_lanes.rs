//! Several lanes, several runs: the order in which trainings end is part of history, and the invariants hold in all.

use move37_events::facts::{CampaignStopped, CloseReason, CommandId, MemoryFact};
use move37_events::{FactSet, Topic};
use move37_tests::{Faults, World};
use proptest::prelude::*;

use super::campaigns;

fn closure(world: &World) -> Option<(CloseReason, u32)> {
    let winners = world.log().winners();
    winners.iter().filter(|(topic, _)| *topic == Topic::Memory).find_map(|(_, record)| {
        match MemoryFact::read(&record.envelope.fact, &record.body).unwrap() {
            MemoryFact::CampaignClosed(body) => Some((body.reason, body.experiments)),
            _ => None,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_lane_comes_to_its_end_and_the_invariants_hold(
        seed: u64, crash in 0u32..60, zombie in 0u32..1000, duplicate in 0u32..10,
    ) {
        let mut world = World::new(campaigns::parallel(), seed);
        world.run(Faults { crash, zombie, duplicate }, None);
        prop_assert_eq!(closure(&world), Some((CloseReason::Finished, 6)));
        prop_assert_eq!(world.violations(), []);
    }

    #[test]
    fn a_stop_at_any_time_drains_every_lane(seed: u64, after in 0u32..6000, crash in 0u32..10) {
        let mut world = World::new(campaigns::parallel(), seed);
        let faults = Faults { crash, zombie: 500, duplicate: 5 };
        let done = world.run(faults, Some(after));
        let stop = CampaignStopped { command: CommandId("stop".to_owned()), reason: "enough".to_owned() };
        world.command(stop.into());
        world.run(faults, None);
        let (reason, _) = closure(&world).unwrap();
        let expected = if done { CloseReason::Finished } else { CloseReason::Stopped };
        // A stop that comes while the closure is already decided is too late.
        prop_assert!(reason == expected || reason == CloseReason::Finished, "{:?}", reason);
        prop_assert_eq!(world.violations(), []);
    }
}
