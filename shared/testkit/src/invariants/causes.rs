//! Causes: they exist, stay in their campaign, and form trees (I3).

use std::collections::{BTreeMap, BTreeSet};

use move37_core::{CampaignId, EventId, Recorded};
use move37_events::Role;

use super::Found;

#[derive(Default)]
pub(super) struct Causes {
    facts: BTreeMap<EventId, (Option<EventId>, Option<CampaignId>)>,
    /// Facts that came while the log was read.
    later: BTreeSet<EventId>,
}

impl Causes {
    pub(super) fn offer(&mut self, record: &Recorded) {
        let envelope = &record.envelope;
        self.facts.insert(envelope.id.clone(), (envelope.cause.clone(), envelope.campaign.clone()));
    }

    /// A fact came later: it may be a cause, and is not judged.
    pub(super) fn later(&mut self, record: &Recorded) {
        self.later.insert(record.envelope.id.clone());
    }

    pub(super) fn finish(&self, found: &mut Found) {
        for (id, (cause, campaign)) in &self.facts {
            let Some(cause) = cause else {
                if id.source != Role::Operator.source() && id.source != Role::Worker.source() {
                    found.add("I3", id, "it has no cause, which only people and workers may begin without");
                }
                continue;
            };
            match self.facts.get(cause) {
                None if self.later.contains(cause) => {}
                None => found.add("I3", id, format!("its cause {cause} is not in the log")),
                Some((_, other)) => {
                    if let (Some(own), Some(other)) = (campaign, other)
                        && own != other
                    {
                        found.add("I3", id, format!("its cause {cause} belongs to campaign {other}"));
                    }
                }
            }
        }
        self.find_cycles(found);
    }

    /// Walk up from every fact; a walk that meets itself is a cycle, told once.
    fn find_cycles(&self, found: &mut Found) {
        let mut rooted: BTreeMap<&EventId, u64> = BTreeMap::new();
        for (walk, start) in (1..).zip(self.facts.keys()) {
            let mut next = Some(start);
            while let Some(id) = next {
                match rooted.insert(id, walk) {
                    Some(earlier) if earlier == walk => {
                        found.add("I3", id, "it is, through others, its own cause");
                        break;
                    }
                    Some(_) => break,
                    None => next = self.facts.get(id).and_then(|(cause, _)| cause.as_ref()),
                }
            }
        }
    }
}
