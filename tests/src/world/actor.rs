//! One service's shell as plain data: what it has read, what it decides next, what it waits for.
//!
//! The same order as the runtime's: an own fact counts once read back and is fed back at once; a lost race decides the
//! same input again; early inputs are held until the next own fact; effects start when the story is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use move37_core::{
    Chains, Ctx, Decider, EffectId, EventId, Fold, Hash, Key, Owed, Recorded, Rejection, Timestamp, Verdict,
};
use move37_events::{Fact, FactSet, Input, Topic};
use serde::Serialize;

use super::log::Ledger;

/// What effects come to, in a scripted world.
pub(super) type Script<E, O> = fn(&Key, &E) -> Option<O>;

pub(super) struct Actor<D: Decider, O> {
    key: Key,
    inputs: &'static [Topic],
    script: Script<D::Effect, O>,
    fold: Fold<D>,
    chains: Chains,
    cursors: BTreeMap<Topic, usize>,
    story: VecDeque<Asked<O>>,
    again: Option<Asked<O>>,
    retry: VecDeque<Asked<O>>,
    held: Vec<Asked<O>>,
    queue: VecDeque<Asked<O>>,
    waits: Option<(Asked<O>, Hash)>,
    performed: BTreeSet<(EffectId, Option<EventId>)>,
}

/// An input with its cause. An outcome's counts only while its effect is owed.
#[derive(Clone)]
struct Asked<O> {
    input: Input<O>,
    cause: Option<EventId>,
    effect: Option<EffectId>,
}

/// What an actor can do next.
pub(super) enum Move {
    Read(Topic),
    Decide,
    Perform,
}

/// An actor without its types.
pub(super) trait Role {
    fn key(&self) -> &Key;
    fn moves(&self, log: &Ledger) -> Vec<Move>;
    /// Take a step at this time.
    fn take(&mut self, step: &Move, now: Timestamp, log: &mut Ledger);
    /// A new incarnation: state, position and open effects are gone; the own chain is folded again.
    fn restarted(&self, log: &Ledger) -> Box<dyn Role>;
    fn state_hash(&self) -> Hash;
}

impl<D, O> Actor<D, O>
where
    D: Decider<Input = Input<O>, Event: FactSet + Into<Fact>>,
{
    pub(super) fn new(key: Key, inputs: &'static [Topic], script: Script<D::Effect, O>) -> Self {
        Actor {
            key,
            inputs,
            script,
            fold: Fold::default(),
            chains: Chains::default(),
            cursors: BTreeMap::new(),
            story: VecDeque::new(),
            again: None,
            retry: VecDeque::new(),
            held: Vec::new(),
            queue: VecDeque::new(),
            waits: None,
            performed: BTreeSet::new(),
        }
    }

    fn topic() -> Topic {
        D::Event::TOPIC
    }

    fn read(&mut self, topic: Topic, log: &Ledger) {
        let cursor = self.cursors.entry(topic).or_default();
        let Some(record) = log.topic(topic).get(*cursor) else { return };
        *cursor += 1;
        let won = self.chains.offer(record) == Verdict::Won;
        let id = record.envelope.id.clone();
        match (won, topic == Self::topic(), id.key == self.key) {
            (true, true, true) => self.own(record),
            (true, false, _) => {
                let fact = Fact::read(topic, record).expect("this build wrote it");
                let input = Input::Fact { id: id.clone(), fact };
                self.queue.push_back(Asked { input, cause: Some(id), effect: None });
            }
            _ => {}
        }
    }

    fn own(&mut self, record: &Recorded) {
        let event = D::Event::read(&record.envelope.fact, &record.body).expect("this build wrote it");
        self.fold.apply(record, &event);
        if let Some((asked, hash)) = self.waits.take()
            && hash != record.hash()
        {
            self.again = Some(asked);
        }
        let id = record.envelope.id.clone();
        let input = Input::Fact { id: id.clone(), fact: event.into() };
        self.story.push_back(Asked { input, cause: Some(id), effect: None });
        self.retry.extend(self.held.drain(..));
    }

    fn next(&mut self) -> Option<Asked<O>> {
        let told = self.story.pop_front().or_else(|| self.again.take());
        told.or_else(|| self.retry.pop_front()).or_else(|| self.queue.pop_front())
    }

    fn decide(&mut self, now: Timestamp, log: &mut Ledger) {
        let Some(asked) = self.next() else { return };
        if let Some(effect) = &asked.effect {
            let owed = self.fold.owed();
            let still = owed.iter().any(|(owed, cause)| owed.id() == *effect && *cause == asked.cause);
            if !still {
                return;
            }
        }
        match self.fold.state().decide(&asked.input, &Ctx { now }) {
            Ok(Some(event)) => {
                let source = D::Event::ROLE.source();
                let mut envelope = self.fold.head().next(&self.key, &source, event.fact_type(), now);
                envelope.subject = event.subject();
                envelope.campaign = event.campaign(&self.key);
                envelope.cause = asked.cause.clone();
                let record = Recorded { envelope, body: event.body() };
                self.waits = Some((asked, record.hash()));
                log.append(Self::topic(), record);
            }
            Ok(None) => {}
            Err(rejection) if rejection.is_early() => self.held.push(asked),
            Err(_) => {}
        }
    }

    /// The first owed effect that was not performed yet.
    fn unperformed(&self) -> Option<(D::Effect, Option<EventId>)> {
        let owed = self.fold.owed().into_iter();
        let mut open = owed.filter(|(effect, cause)| !self.performed.contains(&(effect.id(), cause.clone())));
        open.next()
    }

    fn perform(&mut self) {
        let Some((effect, cause)) = self.unperformed() else { return };
        self.performed.insert((effect.id(), cause.clone()));
        if let Some(outcome) = (self.script)(&self.key, &effect) {
            self.queue.push_back(Asked { input: Input::Outcome(outcome), cause, effect: Some(effect.id()) });
        }
    }

    fn has_unread(&self, topic: Topic, log: &Ledger) -> bool {
        self.cursors.get(&topic).copied().unwrap_or(0) < log.topic(topic).len()
    }
}

impl<D, O> Role for Actor<D, O>
where
    D: Decider<Input = Input<O>, Event: FactSet + Into<Fact>> + Clone + Serialize + 'static,
    O: Clone + 'static,
{
    fn key(&self) -> &Key {
        &self.key
    }

    fn moves(&self, log: &Ledger) -> Vec<Move> {
        // As in the runtime, an own fact is told before the next one is read.
        let own = (self.waits.is_some() || self.story.is_empty()).then(Self::topic);
        let topics = self.inputs.iter().copied().chain(own);
        let mut moves: Vec<Move> = topics.filter(|topic| self.has_unread(*topic, log)).map(Move::Read).collect();
        if self.waits.is_none() {
            let story = !self.story.is_empty() || self.again.is_some();
            if story || !self.retry.is_empty() || !self.queue.is_empty() {
                moves.push(Move::Decide);
            }
            if !story && self.unperformed().is_some() {
                moves.push(Move::Perform);
            }
        }
        moves
    }

    fn take(&mut self, step: &Move, now: Timestamp, log: &mut Ledger) {
        match step {
            Move::Read(topic) => self.read(*topic, log),
            Move::Decide => self.decide(now, log),
            Move::Perform => self.perform(),
        }
    }

    fn restarted(&self, log: &Ledger) -> Box<dyn Role> {
        let mut fresh = Self::new(self.key.clone(), self.inputs, self.script);
        while fresh.has_unread(Self::topic(), log) {
            fresh.read(Self::topic(), log);
            // Only the last own fact is asked about again.
            let told = fresh.story.len().saturating_sub(1);
            fresh.story.drain(..told);
        }
        Box::new(fresh)
    }

    fn state_hash(&self) -> Hash {
        self.fold.state_hash()
    }
}
