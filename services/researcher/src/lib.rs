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

#[cfg(test)]
mod tests {
    use move37_events::inputs_of;
    use move37_runtime::role_of;

    use super::*;

    #[test]
    fn it_reads_what_the_table_says() {
        assert_eq!(ResearcherService::INPUTS, inputs_of(role_of::<ResearcherService>()));
    }
}
