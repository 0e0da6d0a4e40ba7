//! A world for cells without threads: a log of own records that any number of writers append to and read.

use std::collections::{BTreeSet, VecDeque};

use move37_core::{Chains, Recorded, Timestamp, Verdict};
use move37_events::{Fact, FactSet, Input, facts::ResearcherFact};

use super::toy::{Answer, Call, Toy, key, short};
use crate::cell::{Action, Cell, Instance, Origin, Stamped, Ticket};

/// The foreign facts, in the order in which every writer gets them.
pub(super) type Inputs = Vec<(Recorded, Fact)>;

/// One process with one cell. A crash loses all of it.
pub(super) struct Writer {
    pub(super) cell: Cell<Toy, Answer>,
    chains: Chains,
    /// How much of the log and of the inputs it has read.
    read: usize,
    pub(super) heard: usize,
    /// Decided, on the way to the log. A second one can join only when the first has lost its race already, or when
    /// another writer has appended the very same.
    pub(super) sending: VecDeque<Recorded>,
    pub(super) running: Vec<(Instance, u32)>,
    /// Every effect that it started, for counting.
    pub(super) started: Vec<u32>,
}

impl Writer {
    /// A process starts: it folds the log, hears the inputs that were there before, and is live.
    pub(super) fn start(log: &[Recorded], inputs: &[(Recorded, Fact)]) -> Writer {
        let mut writer = Writer::recover(log);
        inputs.iter().for_each(|input| writer.hear(input));
        writer.live();
        writer
    }

    /// A process starts and folds the log.
    pub(super) fn recover(log: &[Recorded]) -> Writer {
        let mut writer = Writer {
            cell: Cell::new(key()),
            chains: Chains::default(),
            read: 0,
            heard: 0,
            sending: VecDeque::new(),
            running: Vec::new(),
            started: Vec::new(),
        };
        while writer.read(log) {}
        let actions = writer.cell.recovered();
        writer.act(actions);
        writer
    }

    /// The inputs that were there are heard.
    pub(super) fn live(&mut self) {
        let actions = self.cell.live();
        self.act(actions);
    }

    /// Read one more record of the log; false at its end.
    pub(super) fn read(&mut self, log: &[Recorded]) -> bool {
        let Some(record) = log.get(self.read) else { return false };
        self.read += 1;
        match self.chains.offer(record) {
            Verdict::Won => {
                let event = ResearcherFact::read(&record.envelope.fact, &record.body).unwrap();
                let fact = Fact::read(ResearcherFact::TOPIC, record).unwrap();
                let actions = self.cell.own(record, &event, fact);
                self.act(actions);
            }
            Verdict::Lost(_) => {}
            Verdict::Corrupt(corruption) => panic!("{corruption}"),
        }
        true
    }

    /// Hear one more foreign fact.
    pub(super) fn hear(&mut self, (record, fact): &(Recorded, Fact)) {
        self.heard += 1;
        let id = record.envelope.id.clone();
        let input = Input::Fact { id: id.clone(), fact: fact.clone() };
        // The time is that of the fact, so that logs can be compared byte for byte.
        let actions = self.cell.input(Stamped {
            input,
            now: record.envelope.time,
            origin: Origin::Fact(id),
            ticket: Ticket::default(),
        });
        self.act(actions);
    }

    /// An effect answers and ends.
    pub(super) fn answer(&mut self, which: usize) {
        let (instance, to) = self.running.remove(which);
        let input = Input::Outcome(Answer { to, text: format!("answer {to}") });
        let stamped = Stamped {
            input,
            now: Timestamp::from_millis(2),
            origin: Origin::Effect(instance.clone()),
            ticket: Ticket::default(),
        };
        let actions = self.cell.input(stamped);
        self.act(actions);
        let actions = self.cell.ended(&instance);
        self.act(actions);
    }

    /// Nothing is on the way and nothing runs.
    pub(super) fn is_quiet(&self, log: &[Recorded]) -> bool {
        self.sending.is_empty() && self.running.is_empty() && self.read == log.len() && !self.cell.is_waiting()
    }

    pub(super) fn act(&mut self, actions: Vec<Action<Call>>) {
        for action in actions {
            match action {
                Action::Append(record) => self.sending.push_back(*record),
                Action::Start { instance, effect, .. } => {
                    self.started.push(effect.0);
                    self.running.push((instance, effect.0));
                }
                Action::Cancel(instance) => self.running.retain(|(of, _)| *of != instance),
            }
        }
    }
}

/// The winners of a log, in short, in order.
pub(super) fn story(log: &[Recorded]) -> Vec<String> {
    let mut chains = Chains::default();
    let winners = log.iter().filter(|record| chains.offer(record) == Verdict::Won);
    winners.map(|record| short(&ResearcherFact::read(&record.envelope.fact, &record.body).unwrap())).collect()
}

/// What must have come of `orders` operator facts and these mentions, whatever happened on the way.
pub(super) fn expected(orders: u64, mentions: impl IntoIterator<Item = u64>) -> BTreeSet<String> {
    let of_orders = (1..=orders).flat_map(|n| ["captured", "asked", "answered"].map(|word| format!("{word} {n}")));
    of_orders.chain(mentions.into_iter().map(|n| format!("mentioned {n}"))).collect()
}
