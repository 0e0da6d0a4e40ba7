//! The analyst service: its rules, and which topics they hear.
//!
//! The analyst owes no effects, so there is nothing to perform.

use std::sync::Arc;

use move37_analyst_domain::{Analyst, Effect, Outcome};
use move37_core::Key;
use move37_events::Topic;
use move37_runtime::{Cancel, Outbox, Service};

/// The analyst service, for a [`move37_runtime::Host`].
#[derive(Clone, Copy, Debug, Default)]
pub struct AnalystService;

impl Service for AnalystService {
    type Outcome = Outcome;
    type Decider = Analyst;

    const INPUTS: &'static [Topic] = &[Topic::Campaigns, Topic::Trainer];

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
        assert_eq!(AnalystService::INPUTS, inputs_of(role_of::<AnalystService>()));
    }
}
