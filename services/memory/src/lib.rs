//! The memory service: its rules, and which topics they hear.
//!
//! Memory owes no effects, so there is nothing to perform.

use std::sync::Arc;

use move37_core::Key;
use move37_events::Topic;
use move37_memory_domain::{Effect, Memory, Outcome};
use move37_runtime::{Cancel, Outbox, Service};

/// The memory service, for a [`move37_runtime::Host`].
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryService;

impl Service for MemoryService {
    type Outcome = Outcome;
    type Decider = Memory;

    const INPUTS: &'static [Topic] =
        &[Topic::Campaigns, Topic::Researcher, Topic::Engineer, Topic::Trainer, Topic::Analyst];

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
        assert_eq!(MemoryService::INPUTS, inputs_of(role_of::<MemoryService>()));
    }
}
