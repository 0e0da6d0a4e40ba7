//! The researcher service: its rules, and which topics they hear.
//!
//! The grammar researcher owes no effects, so there is nothing to perform.

use std::sync::Arc;

use move37_core::Key;
use move37_events::Topic;
use move37_researcher_domain::{Effect, Outcome, Researcher};
use move37_runtime::{Cancel, Outbox, Service};

/// The researcher service, for a [`move37_runtime::Host`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ResearcherService;

impl Service for ResearcherService {
    type Outcome = Outcome;
    type Decider = Researcher;

    const INPUTS: &'static [Topic] = &[Topic::Campaigns, Topic::Memory];

    async fn perform(self: Arc<Self>, _key: Key, effect: Effect, _outbox: Outbox<Outcome>, _cancel: Cancel) {
        match effect {}
    }
}
