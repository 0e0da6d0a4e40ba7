//! The state of a service as the fold of its own chain, with what it owes and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Decider, EffectId, EventId, Hash, Head, Owed, Recorded, canonical_hash};

/// State, position and open effects of one (service, campaign): the shell's and the replayer's common heart.
pub struct Fold<D: Decider> {
    state: D,
    head: Head,
    /// For every owed effect, the own fact that opened it: the cause of its outcome. The empty state's have none.
    owed: BTreeMap<EffectId, Option<EventId>>,
}

/// A disposable snapshot: dropping it costs time only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint<D> {
    /// The state.
    pub state: D,
    /// The chain up to which it was folded.
    pub head: Head,
    /// What was owed, and by which fact; none for what the empty state owes.
    pub owed: BTreeMap<EffectId, Option<EventId>>,
}

impl<D: Decider> Default for Fold<D> {
    fn default() -> Self {
        let state = D::default();
        let owed = state.effects().iter().map(|effect| (effect.id(), None)).collect();
        Fold { state, head: Head::default(), owed }
    }
}

impl<D: Decider> Fold<D> {
    /// Take in the next fact of the own chain. The caller has let [`Chains`](crate::Chains) judge it.
    pub fn apply(&mut self, record: &Recorded, event: &D::Event) {
        self.state.evolve(event);
        self.head = Head::after(record);
        let mut owed = BTreeMap::new();
        for effect in self.state.effects() {
            let id = effect.id();
            let cause = self.owed.remove(&id).unwrap_or_else(|| Some(record.envelope.id.clone()));
            owed.insert(id, cause);
        }
        self.owed = owed;
    }

    /// The state.
    pub fn state(&self) -> &D {
        &self.state
    }

    /// End of the chain.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Every owed effect with the fact that opened it; none for what the empty state owes.
    pub fn owed(&self) -> Vec<(D::Effect, Option<EventId>)> {
        let with_cause = |effect: D::Effect| self.owed.get(&effect.id()).cloned().map(|cause| (effect, cause));
        self.state.effects().into_iter().filter_map(with_cause).collect()
    }
}

impl<D: Decider + Clone + Serialize> Fold<D> {
    /// A snapshot from which the fold can go on.
    pub fn checkpoint(&self) -> Checkpoint<D> {
        Checkpoint { state: self.state.clone(), head: self.head, owed: self.owed.clone() }
    }

    /// Go on from a snapshot.
    pub fn resume(checkpoint: Checkpoint<D>) -> Self {
        Fold { state: checkpoint.state, head: checkpoint.head, owed: checkpoint.owed }
    }

    /// Digest of the state in its canonical form.
    pub fn state_hash(&self) -> Hash {
        canonical_hash(&self.state).expect("states are made of structs, lists and string-keyed maps")
    }
}

#[cfg(test)]
mod tests;
