//! What operators command, appended to the chain of the campaign's operator facts.

use std::sync::Arc;

use move37_core::{CampaignId, EventId, Head, Key, Recorded, Verdict};
use move37_eventlog::{EventLog, History, Judge};
use move37_events::facts::CampaignFact;
use move37_events::{DecodeError, FactSet};

use crate::Clock;

/// Why a command was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] move37_eventlog::Error),
    /// An earlier operator fact cannot be read by this build.
    #[error("the operator's fact {id} cannot be read")]
    Unreadable {
        /// The fact.
        id: EventId,
        /// Why.
        #[source]
        source: DecodeError,
    },
}

/// Record an operator's fact and return its name. A command that is recorded already, by its command id, is not
/// recorded again; a lost race is run again.
///
/// # Errors
/// The log fails, or holds operator facts of a newer release.
pub async fn issue(
    log: &Arc<dyn EventLog>,
    clock: &dyn Clock,
    campaign: &CampaignId,
    fact: CampaignFact,
) -> Result<EventId, Error> {
    let key = Key::from(campaign.clone());
    let source = CampaignFact::ROLE.source();
    let now = clock.now();
    loop {
        let (recorded, head) = find(&**log, &key, &fact).await?;
        if let Some(id) = recorded {
            return Ok(id);
        }
        let mut envelope = head.next(&key, &source, fact.fact_type(), now);
        envelope.subject = fact.subject();
        envelope.campaign = fact.campaign(&key);
        log.append(CampaignFact::TOPIC, &Recorded { envelope, body: fact.body() }).await?;
    }
}

/// The winner that carries this command, if there is one, and the end of the chain.
async fn find(log: &dyn EventLog, key: &Key, fact: &CampaignFact) -> Result<(Option<EventId>, Head), Error> {
    let topic = CampaignFact::TOPIC;
    let mut judge = Judge::default();
    let mut history = History::of_partitions(log, vec![(topic, topic.partition(key))]).await?;
    while let Some(batch) = history.next().await? {
        let judged = batch.into_iter().filter_map(|stored| judge.judge(stored).ok());
        let winners: Vec<_> = judged.filter(|judged| judged.verdict == Verdict::Won).collect();
        for Recorded { envelope, body } in winners.into_iter().map(|judged| judged.record) {
            if envelope.id.key != *key {
                continue;
            }
            let unreadable = |source| Error::Unreadable { id: envelope.id.clone(), source };
            let known = CampaignFact::read(&envelope.fact, &body).map_err(unreadable)?;
            if known.command() == fact.command() {
                return Ok((Some(envelope.id), judge.head(key, &CampaignFact::ROLE.source())));
            }
        }
    }
    Ok((None, judge.head(key, &CampaignFact::ROLE.source())))
}
