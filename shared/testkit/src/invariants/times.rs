//! Times along a chain do not run backwards (I17).
//!
//! A fact's time is that of the receipt of its input, so it may lie a little before that of the fact before it: an early
//! input is held, and another host's clock, to which the chain's partition moved, is another clock.

use std::collections::BTreeMap;

use move37_core::{Key, Recorded, Source};

use super::Found;

/// How far back a time may lie, in milliseconds.
const TOLERANCE: u64 = 60_000;

#[derive(Default)]
pub(super) struct Times {
    /// The latest time of every chain, in milliseconds.
    latest: BTreeMap<(Key, Source), u64>,
}

impl Times {
    pub(super) fn offer(&mut self, record: &Recorded, found: &mut Found) {
        let envelope = &record.envelope;
        let time = envelope.time.millis();
        let latest = self.latest.entry((envelope.id.key.clone(), envelope.id.source.clone())).or_default();
        if time + TOLERANCE < *latest {
            let seconds = (*latest - time) / 1000;
            found.add("I17", &envelope.id, format!("its time lies {seconds} s before that of an earlier fact"));
        }
        *latest = time.max(*latest);
    }
}
