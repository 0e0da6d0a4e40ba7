//! Given / when / then: a rule's test as one sentence.
//!
//! ```ignore
//! given::<Memory>([started()]).when(recorded(1)).then(sampled(2));
//! ```

use std::fmt::Debug;

use crate::{Ctx, Decider, EffectId, Owed, Rejection, Timestamp};

/// A decider with some facts behind it.
pub struct Given<D: Decider> {
    state: D,
    ctx: Ctx,
}

/// Start from these facts.
pub fn given<D: Decider>(facts: impl IntoIterator<Item = D::Event>) -> Given<D> {
    let mut state = D::default();
    facts.into_iter().for_each(|fact| state.evolve(&fact));
    Given { state, ctx: Ctx { now: Timestamp::default() } }
}

/// What a decision came to.
pub struct Then<D: Decider> {
    state: D,
    outcome: Result<Option<D::Event>, D::Rejection>,
}

impl<D: Decider> Given<D> {
    /// Decide one input.
    pub fn when(self, input: D::Input) -> Then<D> {
        let outcome = self.state.decide(&input, &self.ctx);
        Then { state: self.state, outcome }
    }

    /// The state so far.
    pub fn state(&self) -> &D {
        &self.state
    }

    /// Ids of what is owed, in order.
    pub fn owes(&self) -> Vec<EffectId> {
        let mut ids: Vec<_> = self.state.effects().iter().map(Owed::id).collect();
        ids.sort();
        ids
    }
}

impl<D: Decider> Then<D>
where
    D::Event: Debug,
{
    /// Exactly this fact follows.
    #[track_caller]
    pub fn then(self, expected: D::Event)
    where
        D::Event: PartialEq,
    {
        assert_eq!(self.fact(), expected);
    }

    /// Some fact follows: return it.
    #[track_caller]
    pub fn fact(self) -> D::Event {
        match self.outcome {
            Ok(Some(fact)) => fact,
            Ok(None) => panic!("expected a fact, nothing followed"),
            Err(rejection) => panic!("expected a fact, got the rejection: {rejection}"),
        }
    }

    /// Nothing follows.
    #[track_caller]
    pub fn nothing(self) {
        match self.outcome {
            Ok(None) => {}
            Ok(Some(fact)) => panic!("expected nothing, got {fact:?}"),
            Err(rejection) => panic!("expected nothing, got the rejection: {rejection}"),
        }
    }

    /// The rules refuse: return why.
    #[track_caller]
    pub fn rejection(self) -> D::Rejection {
        match self.outcome {
            Err(rejection) => rejection,
            Ok(fact) => panic!("expected a rejection, got {fact:?}"),
        }
    }

    /// The input is early: it would be held.
    #[track_caller]
    pub fn held(self) {
        let rejection = self.rejection();
        assert!(rejection.is_early(), "expected an early input, got the refusal: {rejection}");
    }

    /// Take the fact in and go on.
    #[track_caller]
    pub fn and(self) -> Given<D> {
        match self.outcome {
            Ok(Some(fact)) => {
                let mut state = self.state;
                state.evolve(&fact);
                Given { state, ctx: Ctx { now: Timestamp::default() } }
            }
            Ok(None) => panic!("expected a fact, nothing followed"),
            Err(rejection) => panic!("expected a fact, got the rejection: {rejection}"),
        }
    }
}
