//! From stored records to messages: judge, read, set aside what cannot be taken in, hand the rest to the keys' actors.

use std::sync::Arc;

use move37_core::{CampaignId, EventId, Loss, Recorded, Verdict};
use move37_eventlog::{Error as LogError, Judged, Position, Refusal, Refused, Stored};
use move37_events::{DeadLetter, DecodeError, Fact, FactSet, RawRecord, Reason, Topic};
use tracing::{debug, warn};

use super::{Event, Shard, is_co_partitioned};
use crate::actor::{Handle, Message, OwnFact};
use crate::monitor::Dropped;
use crate::progress::Hold;
use crate::service::{Service, Start, role_of};
use crate::{Error, Failure};

impl<S: Service> Shard<S> {
    /// Take in the next record.
    pub(super) async fn deliver(&mut self, stored: Stored) -> Result<(), LogError> {
        let (topic, partition, next) = (stored.topic, stored.partition, stored.offset + 1);
        if self.stopped.contains(&(topic, partition)) || !self.reads(topic, partition) {
            return Ok(());
        }
        let hold = (topic != Event::<S>::TOPIC).then(|| self.progress.take_in(stored.position()));
        match (self.judge.judge(stored), hold) {
            (Ok(judged), None) => self.deliver_own(judged).await?,
            (Ok(judged), Some(hold)) => self.deliver_foreign(judged, hold).await?,
            // Dealt with once it is set aside.
            (Err(refused), _hold) => self.refuse(&refused).await?,
        }
        if !self.stopped.contains(&(topic, partition)) {
            self.reading.delivered(topic, partition, next);
        }
        if self.history.get(&(topic, partition)).is_some_and(|&end| next >= end) {
            self.unread.remove(&(topic, partition));
        }
        Ok(())
    }

    async fn refuse(&self, refused: &Refused) -> Result<(), LogError> {
        let reason = match refused.why {
            Refusal::Unreadable(_) => Reason::Malformed,
            Refusal::Misplaced { .. } => Reason::Misplaced,
            Refusal::Usurped { .. } => Reason::Usurped,
        };
        let Stored { topic, partition, offset, key, headers, body } = &*refused.stored;
        let raw = RawRecord { topic: *topic, partition: *partition, offset: *offset, key, headers, body };
        self.park(raw, None, reason, &refused.why.to_string()).await
    }

    async fn deliver_own(&mut self, judged: Judged) -> Result<(), LogError> {
        let key = judged.record.envelope.id.key.clone();
        if self.env.service.sole_key().is_some_and(|sole| sole != key) {
            return Ok(());
        }
        let position = judged.position;
        let message = match judged.verdict {
            Verdict::Lost(loss) => {
                self.lost(&judged.record, loss);
                return Ok(());
            }
            Verdict::Corrupt(corruption) => {
                self.park_judged(&judged, Reason::Corrupt, &corruption.to_string()).await?;
                Message::Fail(Error::Corrupt { position, corruption })
            }
            Verdict::Won => match read_own::<S>(&judged.record) {
                Ok((event, fact)) => Message::Own(Box::new(OwnFact { record: judged.record, event, fact })),
                Err(error @ DecodeError::Newer { .. }) => return self.stop_for(&judged, error).await,
                Err(source) => {
                    self.park_judged(&judged, Reason::Undecodable, &in_full(&source)).await?;
                    Message::Fail(Error::Unreadable { position, source })
                }
            },
        };
        let actor = self.actors.entry(key).or_insert_with_key(|key| Handle::start(Arc::clone(&self.env), key.clone()));
        actor.tell(message).await;
        Ok(())
    }

    async fn deliver_foreign(&mut self, judged: Judged, hold: Hold) -> Result<(), LogError> {
        let Position { topic, partition, offset } = judged.position;
        match judged.verdict {
            Verdict::Won => {}
            Verdict::Lost(loss) => {
                self.lost(&judged.record, loss);
                return Ok(());
            }
            Verdict::Corrupt(corruption) => {
                return self.miss(&judged, Reason::Corrupt, &corruption.to_string()).await;
            }
        }
        let history = self.history.get(&(topic, partition)).copied().unwrap_or(0);
        if S::START == Start::Now && offset < history {
            return Ok(());
        }
        let fact = match Fact::read(topic, &judged.record) {
            Ok(fact) => fact,
            Err(error @ DecodeError::Newer { .. }) => {
                hold.keep();
                return self.stop_for(&judged, error).await;
            }
            Err(error) => return self.miss(&judged, Reason::Undecodable, &in_full(&error)).await,
        };
        let id = judged.record.envelope.id.clone();
        self.env.service.observe(&id, &fact);
        if let Some(key) = self.env.service.route(&judged.record, &fact) {
            self.send(key, Message::Foreign { id, fact: Box::new(fact), hold }).await;
        }
        Ok(())
    }

    /// A foreign fact that is missed: set aside, and told to people, since what it leads to waits for it.
    async fn miss(&mut self, judged: &Judged, reason: Reason, why: &str) -> Result<(), LogError> {
        self.park_judged(judged, reason, why).await?;
        let Recorded { envelope, .. } = &judged.record;
        self.env.board.warn(missed(
            role_of::<S>().name(),
            &envelope.id,
            judged.position,
            envelope.subject.as_deref(),
            why,
        ));
        Ok(())
    }

    /// A newer release has begun to write here: nothing more of this partition is delivered, and no actor that lives by
    /// it decides anything more, since it would decide without knowing what others know. Of a topic that is read whole
    /// only this partition stops: its keys are nobody's here. A writer of one chain stops altogether.
    async fn stop_for(&mut self, judged: &Judged, error: DecodeError) -> Result<(), LogError> {
        let position = judged.position;
        self.park_judged(judged, Reason::Newer, &error.to_string()).await?;
        let Position { topic, partition, .. } = position;
        let own = match self.env.service.sole_key() {
            Some(key) => Some(Event::<S>::TOPIC.partition(&key)),
            None => is_co_partitioned::<S>(topic).then_some(partition),
        };
        self.stopped.insert((topic, partition));
        if let Some(own) = own {
            let topics = S::INPUTS.iter().copied().chain([Event::<S>::TOPIC]);
            let with_it = topics.filter(|&topic| is_co_partitioned::<S>(topic)).map(|topic| (topic, own));
            self.stopped.extend(with_it);
            for (_, actor) in self.actors.iter().filter(|(key, _)| Event::<S>::TOPIC.partition(key) == own) {
                actor.tell(Message::Stop).await;
            }
        }
        self.unread.retain(|unread| !self.stopped.contains(unread));
        let key = self.env.service.sole_key();
        let partition = key.is_none().then_some(partition);
        self.env.report(Failure {
            role: role_of::<S>(),
            key,
            partition,
            error: Error::Newer { position, source: error },
        });
        Ok(())
    }

    fn lost(&self, record: &Recorded, loss: Loss) {
        debug!(id = %record.envelope.id, ?loss, "dropped a record");
        self.env.board.dropped(match loss {
            Loss::Duplicate => Dropped::Duplicate,
            Loss::Raced => Dropped::Raced,
        });
    }

    async fn park_judged(&self, judged: &Judged, reason: Reason, detail: &str) -> Result<(), LogError> {
        let Judged { position: Position { topic, partition, offset }, record, headers, .. } = judged;
        let key = record.envelope.id.key.as_str();
        let raw = RawRecord { topic: *topic, partition: *partition, offset: *offset, key, headers, body: &record.body };
        self.park(raw, record.envelope.campaign.clone(), reason, detail).await
    }

    async fn park(
        &self,
        raw: RawRecord<'_>,
        campaign: Option<CampaignId>,
        reason: Reason,
        detail: &str,
    ) -> Result<(), LogError> {
        let letter = DeadLetter::about(raw, reason, detail, role_of::<S>());
        let origin = letter.origin.clone();
        self.env.board.dropped(reason.into());
        let now = self.env.clock.now();
        if self.env.parking.lock().await.park(&*self.env.log, letter, campaign, now).await? {
            self.env.board.parked();
            warn!(%origin, ?reason, detail, "set a record aside");
        } else {
            debug!(%origin, ?reason, detail, "a record is set aside already");
        }
        Ok(())
    }
}

fn read_own<S: Service>(record: &Recorded) -> Result<(Event<S>, Fact), DecodeError> {
    let event = Event::<S>::read(&record.envelope.fact, &record.body)?;
    let fact = Fact::read(Event::<S>::TOPIC, record)?;
    Ok((event, fact))
}

/// An error and what is behind it.
fn in_full(error: &DecodeError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn missed(role: &str, id: &EventId, at: Position, subject: Option<&str>, why: &str) -> String {
    let about = subject.map(|subject| format!(", about {subject},")).unwrap_or_default();
    format!(
        "{role} misses the fact {id}{about} at {}/{}@{} ({why}): what it leads to waits, and its letter is on {}; stop \
         the campaign, or run the release that reads it",
        at.topic,
        at.partition,
        at.offset,
        Topic::DeadLetters
    )
}
