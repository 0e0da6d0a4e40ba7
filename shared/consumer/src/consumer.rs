//! What a consumer wants.

use std::collections::BTreeSet;
use std::sync::Arc;

use move37_core::CampaignId;
use move37_eventlog::EventLog;
use move37_events::Topic;

use crate::{Error, Facts, Point};

/// Where a stream begins. Everything before is read, so that chains can be judged, but not delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the first fact.
    #[default]
    Beginning,
    /// With what is appended after the opening.
    Now,
    /// With what a point does not cover.
    After(Point),
}

/// What a consumer wants of a log: every fact, unless it says otherwise.
#[derive(Clone)]
pub struct Consumer {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) topics: BTreeSet<Topic>,
    pub(crate) campaign: Option<CampaignId>,
    pub(crate) start: Start,
}

impl Consumer {
    /// Every fact of this log, from the beginning.
    pub fn new(log: Arc<dyn EventLog>) -> Consumer {
        Consumer { log, topics: BTreeSet::new(), campaign: None, start: Start::Beginning }.topics(Topic::all())
    }

    /// Only these topics. Dead letters are no facts: of them nothing is delivered.
    #[must_use]
    pub fn topics(mut self, topics: impl IntoIterator<Item = Topic>) -> Consumer {
        self.topics = topics.into_iter().filter(|&topic| topic != Topic::DeadLetters).collect();
        self
    }

    /// Only the facts of this campaign, workers' facts about it included.
    #[must_use]
    pub fn campaign(mut self, campaign: CampaignId) -> Consumer {
        self.campaign = Some(campaign);
        self
    }

    /// Begin there.
    #[must_use]
    pub fn from(mut self, start: Start) -> Consumer {
        self.start = start;
        self
    }

    /// Open the stream. What [`Start::Now`] means by now is the end of the log at this call.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn open(self) -> Result<Facts, Error> {
        Facts::open(self).await
    }
}
