//! The order of things within one key, as a pure state machine: what to decide next, what to append, what to start.
//!
//! While an own append is outstanding nothing else is decided. An own fact counts once it is read back; then it is the
//! next input, to the end of the story, before effects are started and before any foreign input. A lost race makes
//! the same stamped input be decided again. Early inputs are held and asked again after every own fact.

mod effects;

use std::collections::VecDeque;
use std::time::Instant;

use move37_core::{Ctx, Decider, EffectId, EventId, Fold, Hash, Key, Recorded, Rejection, Timestamp};
use move37_events::{Fact, FactSet, Input};
use tracing::debug;

use crate::progress::Hold;
use effects::Effects;

/// Where an input came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A fact, own or foreign.
    Fact(EventId),
    /// A running effect.
    Effect(Instance),
}

/// One start of an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance {
    pub(crate) id: EffectId,
    /// Distinguishes the starts of one effect.
    pub(crate) generation: u64,
}

/// An input with the time of its receipt.
#[derive(Debug)]
pub(crate) struct Stamped<O> {
    pub(crate) input: Input<O>,
    pub(crate) now: Timestamp,
    pub(crate) origin: Origin,
    pub(crate) ticket: Ticket,
}

/// What travels with an input from outside, and on with the story of own facts that it leads to.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    /// When it came.
    pub(crate) arrived: Option<Instant>,
    /// Keeps its place in its partition until the story has ended.
    #[expect(dead_code, reason = "it acts when it is dropped")]
    pub(crate) hold: Option<Hold>,
}

/// What was done since it was last asked.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Inputs decided.
    pub(crate) decided: u64,
    /// Places lost to another writer.
    pub(crate) races_lost: u64,
}

/// What the shell must do.
#[derive(Debug)]
pub(crate) enum Action<E> {
    /// Append to the own topic.
    Append(Box<Recorded>),
    /// Perform an effect, after some failed starts.
    Start { instance: Instance, effect: E, failures: u32 },
    /// It is no longer owed.
    Cancel(Instance),
}

enum Queued<O> {
    Input(Box<Stamped<O>>),
    /// What comes after this is live: effects may start.
    Live,
}

struct Outstanding<O> {
    stamped: Stamped<O>,
    hash: Hash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Folding the own chain.
    Recovering,
    /// Deciding, but effects wait until the inputs' history is read.
    CatchingUp,
    Live,
    /// Only what was appended is still taken in.
    Leaving,
}

/// One key of a service.
pub(crate) struct Cell<D: Decider, O> {
    key: Key,
    fold: Fold<D>,
    phase: Phase,
    /// The last own fact while recovering.
    last: Option<Stamped<O>>,
    /// Own facts still to be fed back, then the input of a lost race.
    story: VecDeque<Stamped<O>>,
    again: Option<Stamped<O>>,
    /// Early inputs: those not asked since the last own fact, and those asked.
    retry: VecDeque<Stamped<O>>,
    held: Vec<Stamped<O>>,
    queue: VecDeque<Queued<O>>,
    outstanding: Option<Outstanding<O>>,
    effects: Effects,
    /// Whether what is owed may have changed since the effects followed it.
    changed: bool,
    tally: Tally,
}

type Actions<D> = Vec<Action<<D as Decider>::Effect>>;

impl<D, O> Cell<D, O>
where
    D: Decider<Input = Input<O>, Event: FactSet>,
    O: std::fmt::Debug,
{
    pub(crate) fn new(key: Key) -> Self {
        Cell {
            key,
            fold: Fold::default(),
            phase: Phase::Recovering,
            last: None,
            story: VecDeque::new(),
            again: None,
            retry: VecDeque::new(),
            held: Vec::new(),
            queue: VecDeque::new(),
            outstanding: None,
            effects: Effects::default(),
            changed: true,
            tally: Tally::default(),
        }
    }

    /// Take in the next fact of the own chain: a winner, read back.
    pub(crate) fn own(&mut self, record: &Recorded, event: &D::Event, fact: Fact) -> Actions<D> {
        self.fold.apply(record, event);
        self.changed = true;
        let id = record.envelope.id.clone();
        // Its time is that of the input it came from, so that a story told again after a crash is the same.
        let mut fed_back = Stamped {
            input: Input::Fact { id: id.clone(), fact },
            now: record.envelope.time,
            origin: Origin::Fact(id),
            ticket: Ticket::default(),
        };
        if self.phase == Phase::Recovering {
            self.last = Some(fed_back);
            return Vec::new();
        }
        if let Some(Outstanding { stamped, hash }) = self.outstanding.take() {
            if hash == record.hash() {
                fed_back.ticket = stamped.ticket;
            } else {
                debug!(key = %self.key, place = record.envelope.id.sequence, "lost a race, deciding again");
                self.tally.races_lost += 1;
                self.again = Some(stamped);
            }
        }
        self.story.push_back(fed_back);
        self.held.extend(self.retry.drain(..));
        self.retry.extend(self.held.drain(..));
        self.advance()
    }

    /// The own chain is folded: feed its last fact again, and go on with inputs.
    pub(crate) fn recovered(&mut self) -> Actions<D> {
        self.phase = Phase::CatchingUp;
        self.story.extend(self.last.take());
        self.advance()
    }

    /// The inputs' history is read: what is owed may be started.
    pub(crate) fn live(&mut self) -> Actions<D> {
        self.queue.push_back(Queued::Live);
        self.advance()
    }

    /// Take in a foreign fact, or the outcome of an effect.
    pub(crate) fn input(&mut self, stamped: Stamped<O>) -> Actions<D> {
        self.queue.push_back(Queued::Input(Box::new(stamped)));
        self.advance()
    }

    /// An effect's task has ended.
    pub(crate) fn ended(&mut self, instance: &Instance) -> Actions<D> {
        self.effects.ended(instance);
        self.advance()
    }

    /// Decide nothing more; what was appended is still taken in. All effects are cancelled.
    pub(crate) fn leave(&mut self) -> Actions<D> {
        self.phase = Phase::Leaving;
        self.effects.cancel_all()
    }

    /// Whether an append waits to be read back.
    pub(crate) fn is_waiting(&self) -> bool {
        self.outstanding.is_some()
    }

    /// The state, for tests.
    #[cfg(test)]
    pub(crate) fn fold(&self) -> &Fold<D> {
        &self.fold
    }

    /// The hash of the record that waits to be read back.
    pub(crate) fn waits_for(&self) -> Option<Hash> {
        self.outstanding.as_ref().map(|outstanding| outstanding.hash)
    }

    /// When the input came whose fact waits to be read back.
    pub(crate) fn waits_since(&self) -> Option<Instant> {
        self.outstanding.as_ref().and_then(|outstanding| outstanding.stamped.ticket.arrived)
    }

    /// What was done since this was last asked.
    pub(crate) fn tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// How many effects are under way.
    pub(crate) fn owed(&self) -> usize {
        self.effects.len()
    }

    /// How many early inputs wait.
    pub(crate) fn held(&self) -> usize {
        self.held.len() + self.retry.len()
    }

    fn advance(&mut self) -> Actions<D> {
        let mut actions = Vec::new();
        if matches!(self.phase, Phase::Recovering | Phase::Leaving) {
            return actions;
        }
        while self.outstanding.is_none() {
            if let Some(stamped) = self.story.pop_front() {
                self.decide(stamped, &mut actions);
                continue;
            }
            if self.phase == Phase::Live && std::mem::take(&mut self.changed) {
                self.effects.follow(self.fold.owed(), &mut actions);
            }
            if let Some(stamped) = self.again.take().or_else(|| self.retry.pop_front()) {
                self.decide(stamped, &mut actions);
                continue;
            }
            match self.queue.pop_front() {
                Some(Queued::Input(stamped)) => self.decide(*stamped, &mut actions),
                Some(Queued::Live) => self.phase = Phase::Live,
                None => {
                    self.restart_ended(&mut actions);
                    break;
                }
            }
        }
        actions
    }

    fn decide(&mut self, stamped: Stamped<O>, actions: &mut Actions<D>) {
        let cause = match &stamped.origin {
            Origin::Fact(id) => Some(id.clone()),
            Origin::Effect(instance) => match self.effects.cause(instance) {
                Some(cause) => cause,
                None => return debug!(key = %self.key, ?stamped, "dropped an outcome that is no longer owed"),
            },
        };
        let decided = self.fold.state().decide(&stamped.input, &Ctx { now: stamped.now });
        self.tally.decided += u64::from(!decided.as_ref().is_err_and(Rejection::is_early));
        match decided {
            Ok(Some(event)) => {
                let record = self.record(&event, stamped.now, cause);
                self.outstanding = Some(Outstanding { stamped, hash: record.hash() });
                actions.push(Action::Append(Box::new(record)));
            }
            Ok(None) => {}
            Err(rejection) if rejection.is_early() => {
                debug!(key = %self.key, origin = ?stamped.origin, %rejection, "held an early input");
                self.held.push(stamped);
            }
            Err(rejection) => debug!(key = %self.key, origin = ?stamped.origin, %rejection, "refused an input"),
        }
    }

    fn record(&self, event: &D::Event, now: Timestamp, cause: Option<EventId>) -> Recorded {
        let source = D::Event::ROLE.source();
        let mut envelope = self.fold.head().next(&self.key, &source, event.fact_type(), now);
        envelope.subject = event.subject();
        envelope.campaign = event.campaign(&self.key);
        envelope.cause = cause;
        Recorded { envelope, body: event.body() }
    }

    /// With nothing left to decide, an effect that ended and is still owed has to be performed again, unless an
    /// outcome of it is held.
    fn restart_ended(&mut self, actions: &mut Actions<D>) {
        if !self.effects.has_ended() {
            return;
        }
        let held = &self.held;
        let waits = |instance: &Instance| {
            held.iter().any(|stamped| matches!(&stamped.origin, Origin::Effect(of) if of == instance))
        };
        self.effects.restart_ended(self.fold.owed(), waits, actions);
    }
}
