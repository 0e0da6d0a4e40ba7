//! What goes wrong next, drawn from a seed.

use std::time::Duration;

use move37_core::{Draw, ExperimentId};

use crate::proxy::{Fault, Way};
use crate::system::Kind;

/// How much is to go wrong.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Processes of services and workers to kill.
    pub kills: u32,
    /// Of every draw.
    pub seed: u64,
    /// The storm ends after this time at the latest.
    pub limit: Option<Duration>,
    /// After so many acts everything is put right, and the system must get ready and go on.
    pub acts_between_calms: u32,
}

/// Something that is done to the system.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Kill these members, and start each again after a while.
    Kill(Vec<(usize, Duration)>),
    /// Kill a broker, and start it again after a while.
    KillBroker(usize, Duration),
    /// Something is wrong between a member (or all) and the brokers, for a while.
    Network(Option<usize>, Fault, Duration),
    /// Cut the connections of a member, or all.
    Cut(Option<usize>),
    /// A member stands still, longer than its session or lease, and wakes.
    Stall(usize, Duration),
    /// A second process with the same name as a worker, of which after a while one is killed: the first or the second.
    Twin(usize, Duration, bool),
    /// The campaign is paused, and resumed after a while.
    Pause(Duration),
    /// A broker's disk is full for a while.
    FillDisk(Duration),
}

impl Act {
    /// What it is called in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Act::Kill(_) => "kill -9 of a process",
            Act::KillBroker(..) => "kill -9 of a broker",
            Act::Network(None, Fault::Refuse, _) => "all connections refused",
            Act::Network(Some(_), Fault::Refuse, _) => "one process refused",
            Act::Network(_, Fault::Mute(Way::Up), _) => "silence towards the broker",
            Act::Network(_, Fault::Mute(Way::Down), _) => "silence from the broker",
            Act::Network(_, Fault::Delay(_), _) => "delay",
            Act::Network(_, Fault::SlowAppends(_), _) => "delayed answers of appends",
            Act::Network(_, Fault::LoseAppends, _) => "lost answers of appends (sent again)",
            Act::Network(_, Fault::EchoAppends, _) => "doubled answers of appends",
            Act::Network(_, Fault::DisorderAppends, _) => "answers of appends that deny their order",
            Act::Cut(_) => "cut connections",
            Act::Stall(..) => "a process stands still and wakes",
            Act::Twin(..) => "two workers with one name",
            Act::Pause(_) => "pause and resume",
            Act::FillDisk(_) => "disk full",
        }
    }
}

/// Draws acts.
pub struct Dice {
    draw: Draw,
    /// Each kind of act and its weight; those that this system cannot do are left out.
    kinds: Vec<(u32, Choice)>,
}

#[derive(Clone, Copy)]
enum Choice {
    Kill,
    KillSeveral,
    KillBroker,
    RefuseAll,
    Refuse,
    Mute,
    Delay,
    SlowAppends,
    LoseAppends,
    EchoAppends,
    DisorderAppends,
    Cut,
    StallWorker,
    StallService,
    Twin,
    Pause,
    FillDisk,
}

impl Dice {
    /// Dice for a system; `disk`: whether a broker's disk can be filled.
    pub fn new(seed: u64, disk: bool) -> Dice {
        let draw = Draw::new(seed, ExperimentId(0), "chaos", "acts", 0);
        let mut kinds = vec![
            (40, Choice::Kill),
            (8, Choice::KillSeveral),
            (4, Choice::KillBroker),
            (3, Choice::RefuseAll),
            (4, Choice::Refuse),
            (5, Choice::Mute),
            (3, Choice::Delay),
            (4, Choice::SlowAppends),
            (4, Choice::LoseAppends),
            (3, Choice::EchoAppends),
            (2, Choice::DisorderAppends),
            (4, Choice::Cut),
            (4, Choice::StallWorker),
            (4, Choice::StallService),
            (3, Choice::Twin),
            (3, Choice::Pause),
        ];
        if disk {
            kinds.push((1, Choice::FillDisk));
        }
        Dice { draw, kinds }
    }

    /// A length of time.
    pub fn between(&mut self, least: f64, most: f64) -> Duration {
        let share = f64::from(u32::try_from(self.draw.below(1001)).unwrap_or(0)) / 1000.0;
        Duration::from_secs_f64(least + (most - least) * share)
    }

    /// One of so many.
    pub fn one_of(&mut self, count: usize) -> usize {
        self.draw.below(count)
    }

    /// The next act.
    pub fn act(&mut self, members: &[Kind], brokers: usize, session: Duration, lease: Duration) -> Act {
        let weights: u32 = self.kinds.iter().map(|(weight, _)| weight).sum();
        let mut at = u32::try_from(self.draw.below(weights as usize)).unwrap_or(0);
        let chosen = self.kinds.iter().find(|(weight, _)| {
            let here = at < *weight;
            at = at.saturating_sub(*weight);
            here
        });
        let choice = chosen.map_or(Choice::Kill, |(_, choice)| *choice);
        let workers: Vec<_> = (0..members.len()).filter(|&member| members[member] == Kind::Worker).collect();
        let services: Vec<_> = (0..members.len()).filter(|&member| members[member] != Kind::Worker).collect();
        let any = self.one_of(members.len());
        let (worker, service) = (workers[self.one_of(workers.len())], services[self.one_of(services.len())]);
        match choice {
            Choice::Kill => Act::Kill(vec![(any, self.between(0.0, 1.0))]),
            Choice::KillSeveral => {
                let several = 2 + self.one_of(3);
                let mut killed: Vec<(usize, Duration)> = Vec::new();
                for _ in 0..several {
                    let (member, after) = (self.one_of(members.len()), self.between(0.0, 2.0));
                    if killed.iter().all(|(known, _)| *known != member) {
                        killed.push((member, after));
                    }
                }
                Act::Kill(killed)
            }
            Choice::KillBroker => {
                // One of three may be away for longer than anybody waits for it.
                let most = if brokers > 1 { 25.0 } else { 6.0 };
                Act::KillBroker(1 + self.one_of(brokers), self.between(0.0, most))
            }
            Choice::RefuseAll => Act::Network(None, Fault::Refuse, self.between(0.5, 6.0)),
            Choice::Refuse => Act::Network(Some(any), Fault::Refuse, self.between(1.0, 12.0)),
            Choice::Mute => {
                let way = if self.one_of(2) == 0 { Way::Up } else { Way::Down };
                let whose = (self.one_of(4) > 0).then_some(any);
                Act::Network(whose, Fault::Mute(way), self.between(1.0, 10.0))
            }
            Choice::Delay => {
                let by = self.between(0.01, 0.3);
                Act::Network((self.one_of(2) == 0).then_some(any), Fault::Delay(by), self.between(2.0, 8.0))
            }
            Choice::SlowAppends => {
                let by = self.between(0.2, 5.0);
                Act::Network((self.one_of(2) == 0).then_some(any), Fault::SlowAppends(by), self.between(2.0, 10.0))
            }
            Choice::LoseAppends => {
                Act::Network((self.one_of(2) == 0).then_some(any), Fault::LoseAppends, self.between(0.5, 4.0))
            }
            Choice::EchoAppends => Act::Network(None, Fault::EchoAppends, self.between(1.0, 5.0)),
            Choice::DisorderAppends => Act::Network(None, Fault::DisorderAppends, self.between(0.02, 0.1)),
            Choice::Cut => Act::Cut((self.one_of(3) > 0).then_some(any)),
            Choice::StallWorker => Act::Stall(worker, lease.mul_f64(1.2) + self.between(0.0, 3.0)),
            Choice::StallService => Act::Stall(service, session.mul_f64(1.2) + self.between(0.0, 5.0)),
            Choice::Twin => Act::Twin(worker, self.between(1.0, 6.0), self.one_of(2) == 0),
            Choice::Pause => Act::Pause(self.between(0.5, 6.0)),
            Choice::FillDisk => Act::FillDisk(self.between(4.0, 10.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const MEMBERS: [Kind; 3] = [Kind::Memory, Kind::Worker, Kind::Trainer];

    fn acts(seed: u64, disk: bool) -> Vec<Act> {
        let mut dice = Dice::new(seed, disk);
        (0..600).map(|_| dice.act(&MEMBERS, 3, Duration::from_secs(3), Duration::from_secs(5))).collect()
    }

    #[test]
    fn a_seed_draws_the_same_acts_again() {
        assert_eq!(acts(1, true), acts(1, true));
        assert_ne!(acts(1, true), acts(2, true));
    }

    #[test]
    fn every_kind_of_act_is_drawn_of_those_that_can_be_done() {
        let names = |disk| acts(1, disk).iter().map(Act::name).collect::<BTreeSet<_>>();
        assert_eq!(names(true).len(), 16, "{:?}", names(true));
        assert!(!names(false).contains("disk full"));
        for act in acts(1, true) {
            match act {
                Act::Twin(member, ..) => assert_eq!(MEMBERS[member], Kind::Worker),
                Act::KillBroker(broker, _) => assert!((1..=3).contains(&broker)),
                Act::Kill(members) => assert!(!members.is_empty()),
                _ => {}
            }
        }
    }
}
