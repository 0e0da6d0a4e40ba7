//! One place, one content (I1).
//!
//! Every place has one fact, since the first record wins. Whoever decides the same input on the same past again, after a
//! crash or as a zombie, must say the same again: rules are pure. So of the records of one place that continue the same
//! fact and follow from the same foreign one, all have the same type, subject and body; only their time may differ. A
//! record that follows from an own fact may carry an effect's outcome, which nobody promises twice.

use std::collections::BTreeMap;

use move37_core::{EventId, Hash, Recorded};

use super::Found;

#[derive(Default)]
pub(super) struct Contents {
    winners: BTreeMap<EventId, Said>,
}

/// What a fact was decided on, and what it says.
struct Said {
    previous: Hash,
    cause: Option<EventId>,
    content: Hash,
}

impl Contents {
    /// A record has won its place.
    pub(super) fn won(&mut self, record: &Recorded, found: &mut Found) {
        let id = &record.envelope.id;
        if self.winners.insert(id.clone(), said(record)).is_some() {
            found.add("I1", id, "a second fact holds its place");
        }
    }

    /// A record has lost its place.
    pub(super) fn lost(&self, record: &Recorded, found: &mut Found) {
        let id = &record.envelope.id;
        let (lost, Some(won)) = (said(record), self.winners.get(id)) else { return };
        let Some(cause) = lost.cause.as_ref().filter(|cause| (&cause.key, &cause.source) != (&id.key, &id.source))
        else {
            return;
        };
        let same_decision = (lost.previous, &lost.cause) == (won.previous, &won.cause);
        if same_decision && lost.content != won.content {
            found.add("I1", id, format!("on the same past, {cause} was decided in two ways"));
        }
    }
}

fn said(record: &Recorded) -> Said {
    let envelope = &record.envelope;
    let (fact, subject) = (envelope.fact.to_string(), envelope.subject.clone().unwrap_or_default());
    let content = Hash::of_fields([fact.as_bytes(), subject.as_bytes(), &record.body[..]]);
    Said { previous: envelope.previous, cause: envelope.cause.clone(), content }
}
