//! Whose turn it is, and what goes wrong.

use std::collections::BTreeMap;

use move37_analyst_domain::Analyst;
use move37_core::{Draw, ExperimentId, Hash, Head, Key, Recorded, Timestamp};
use move37_engineer_domain::Engineer;
use move37_events::decisions::Decisions;
use move37_events::facts::{Campaign, CampaignFact, CampaignStarted, CommandId};
use move37_events::{FactSet, Topic};
use move37_memory_domain::Memory;
use move37_researcher_domain::Researcher;
use move37_testkit::{Invariants, Violation};
use move37_trainer_domain::Trainer;
use move37_trainer_domain::worker::Worker;

use super::actor::{Actor, Role};
use super::log::Ledger;
use super::script;

/// What may go wrong, each in so many of a thousand steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A service loses everything but its chain.
    pub crash: u32,
    /// Of the crashed, so many of a thousand go on beside their successor.
    pub zombie: u32,
    /// A record is appended again.
    pub duplicate: u32,
}

/// All services over one log.
pub struct World {
    campaign: Key,
    log: Ledger,
    roles: Vec<Box<dyn Role>>,
    zombies: Vec<(Box<dyn Role>, u32)>,
    draw: Draw,
    clock: Clock,
    /// Faults so far.
    faults: u32,
    operator: Head,
}

/// What a world's clocks show.
enum Clock {
    /// Always the same.
    Still,
    /// Any time, at every look.
    Scrambled(Draw),
}

impl Clock {
    fn now(&mut self) -> Timestamp {
        match self {
            Clock::Still => Timestamp::default(),
            Clock::Scrambled(draw) => Timestamp::from_millis(draw.below(usize::MAX) as u64 % YEARS),
        }
    }
}

/// Two hundred years in milliseconds.
const YEARS: u64 = 200 * 365 * 24 * 3_600_000;

/// Workers of a world.
const WORKERS: u32 = 2;

/// Faults of one world: more, and it would never have the time to read everything again.
const MOST_FAULTS: u32 = 60;

/// Most steps that a zombie still takes.
const ZOMBIE_STEPS: u32 = 40;

/// More steps than any campaign of a test needs.
const MOST_STEPS: u32 = 2_000_000;

impl World {
    /// A world in which a campaign has just been started. The seed draws the order of things only.
    pub fn new(campaign: Campaign, seed: u64) -> World {
        let key: Key = "c".parse().expect("a letter is a name");
        let mut roles: Vec<Box<dyn Role>> = vec![
            Box::new(Actor::<Memory, _>::new(
                key.clone(),
                &[Topic::Campaigns, Topic::Researcher, Topic::Engineer, Topic::Trainer, Topic::Analyst],
                script::nothing,
            )),
            Box::new(Actor::<Researcher, _>::new(key.clone(), &[Topic::Campaigns, Topic::Memory], script::nothing)),
            Box::new(Actor::<Engineer, _>::new(key.clone(), &[Topic::Campaigns, Topic::Researcher], script::gate)),
            Box::new(Actor::<Trainer, _>::new(
                key.clone(),
                &[Topic::Campaigns, Topic::Memory, Topic::Engineer, Topic::Runs],
                script::place::<WORKERS>,
            )),
            Box::new(Actor::<Analyst, _>::new(key.clone(), &[Topic::Campaigns, Topic::Trainer], script::nothing)),
        ];
        for number in 1..=WORKERS {
            let key = script::worker_key(number);
            roles.push(Box::new(Actor::<Worker, _>::new(key, &[Topic::Trainer], script::work)));
        }
        let draw = Draw::new(seed, ExperimentId(0), "world", "schedule", 0);
        let (log, operator) = (Ledger::default(), Head::default());
        let mut world =
            World { campaign: key, log, roles, zombies: Vec::new(), draw, clock: Clock::Still, faults: 0, operator };
        world.command(CampaignStarted { command: CommandId("start".to_owned()), campaign }.into());
        world
    }

    /// The same, with clocks that show any time at every look.
    pub fn with_scrambled_times(campaign: Campaign, seed: u64, times: u64) -> World {
        let clock = Clock::Scrambled(Draw::new(times, ExperimentId(0), "world", "clock", 0));
        World { clock, ..World::new(campaign, seed) }
    }

    /// Append an operator's fact.
    pub fn command(&mut self, fact: CampaignFact) {
        let role = CampaignFact::ROLE.source();
        let mut envelope = self.operator.next(&self.campaign, &role, fact.fact_type(), Timestamp::default());
        envelope.campaign = fact.campaign(&self.campaign);
        let record = Recorded { envelope, body: fact.body() };
        self.operator = Head::after(&record);
        self.log.append(Topic::Campaigns, record);
    }

    /// Take steps until nothing is left to do, or so many are taken. True: nothing is left.
    ///
    /// # Panics
    /// It never comes to rest.
    pub fn run(&mut self, faults: Faults, steps: Option<u32>) -> bool {
        for _ in 0..steps.unwrap_or(MOST_STEPS) {
            self.go_wrong(faults);
            if !self.step() {
                return true;
            }
        }
        assert!(steps.is_some(), "the world does not come to rest");
        false
    }

    /// One step of one role; false when none has any.
    fn step(&mut self) -> bool {
        let now = self.clock.now();
        self.zombies.retain_mut(|(zombie, left)| {
            *left = left.saturating_sub(1);
            let moves = zombie.moves(&self.log);
            if *left > 0 && !moves.is_empty() {
                let step = &moves[self.draw.below(moves.len())];
                zombie.take(step, now, &mut self.log);
            }
            *left > 0
        });
        let busy: Vec<usize> = (0..self.roles.len()).filter(|&i| !self.roles[i].moves(&self.log).is_empty()).collect();
        let Some(&role) = self.draw.pick(&busy) else { return !self.zombies.is_empty() };
        let role = &mut self.roles[role];
        let moves = role.moves(&self.log);
        let step = &moves[self.draw.below(moves.len())];
        role.take(step, now, &mut self.log);
        true
    }

    fn go_wrong(&mut self, faults: Faults) {
        if self.faults >= MOST_FAULTS {
            return;
        }
        let mut happens = |share: u32| share > 0 && self.draw.below(1000) < share as usize;
        let (crash, zombie, duplicate) = (happens(faults.crash), happens(faults.zombie), happens(faults.duplicate));
        self.faults += u32::from(crash) + u32::from(duplicate);
        if crash {
            let victim = self.draw.below(self.roles.len());
            let fresh = self.roles[victim].restarted(&self.log);
            let old = std::mem::replace(&mut self.roles[victim], fresh);
            if zombie {
                let steps = self.draw.below(ZOMBIE_STEPS as usize);
                self.zombies.push((old, u32::try_from(steps).expect("fewer than 40") + 1));
            }
        }
        if duplicate {
            let records: Vec<_> = self.log.records().collect();
            if let Some(&(topic, record)) = self.draw.pick(&records) {
                let record = record.clone();
                self.log.append(topic, record);
            }
        }
    }

    /// Crash every service at once, as when the machine goes down.
    pub fn crash_all(&mut self) {
        self.roles = self.roles.iter().map(|role| role.restarted(&self.log)).collect();
    }

    /// The records so far.
    pub fn log(&self) -> &Ledger {
        &self.log
    }

    /// Every role's state, by the key of its chain and its place among the roles.
    pub fn states(&self) -> BTreeMap<String, Hash> {
        let states = self.roles.iter().enumerate();
        states.map(|(i, role)| (format!("{i} {}", role.key()), role.state_hash())).collect()
    }

    /// The campaign's decisions.
    pub fn decisions(&self) -> Hash {
        let mut decisions = Decisions::default();
        for (_, record) in self.log.winners() {
            decisions.add(&record).expect("this build wrote JSON");
        }
        decisions.hash()
    }

    /// Every broken invariant.
    pub fn violations(&self) -> Vec<Violation> {
        let mut invariants = Invariants::default();
        for (topic, record) in self.log.records() {
            invariants.offer(topic, topic.partition(&record.envelope.id.key), record);
        }
        invariants.finish()
    }
}
