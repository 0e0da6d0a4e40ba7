//! Some partitions of a service: recover their chains, then deliver own and foreign facts to the keys' actors.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use move37_core::{Decider, Key, Recorded, Verdict};
use move37_eventlog::{History, Judge, Judged, Position, Stored};
use move37_events::{DecodeError, Fact, FactSet, Topic, row};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{debug, warn};

use crate::actor::{Handle, Message, OwnFact};
use crate::host::{Env, role};
use crate::service::{Service, Start};
use crate::{Error, Failure};

/// What a shard can be told. Dropping its sender ends it at once.
pub(crate) enum Command {
    /// Finish with these partitions.
    Release(Vec<u32>, oneshot::Sender<()>),
    /// Finish.
    Drain(oneshot::Sender<()>),
    /// From itself: the actors of these partitions have finished.
    Left(Vec<u32>),
}

pub(crate) struct Shard<S: Service> {
    env: Arc<Env<S>>,
    /// Partitions of the own topic.
    partitions: BTreeSet<u32>,
    judge: Judge,
    actors: BTreeMap<Key, Handle<S>>,
    /// Ends of the inputs, noted at the start; what lies before is history.
    history: BTreeMap<(Topic, u32), u64>,
    /// The partitions whose history is not read yet.
    unread: BTreeSet<(Topic, u32)>,
    is_live: bool,
    /// Partitions that are being given up.
    leaving: BTreeSet<u32>,
    commands: mpsc::WeakUnboundedSender<Command>,
    live: watch::Sender<bool>,
}

type Event<S> = <<S as Service>::Decider as Decider>::Event;

impl<S: Service> Shard<S> {
    /// Start a shard on this thread.
    pub(crate) fn start(
        env: Arc<Env<S>>,
        partitions: Vec<u32>,
        live: watch::Sender<bool>,
    ) -> mpsc::UnboundedSender<Command> {
        let (commands, commanded) = mpsc::unbounded_channel();
        let shard = Shard {
            env: Arc::clone(&env),
            partitions: partitions.into_iter().collect(),
            judge: Judge::default(),
            actors: BTreeMap::new(),
            history: BTreeMap::new(),
            unread: BTreeSet::new(),
            is_live: false,
            leaving: BTreeSet::new(),
            commands: commands.downgrade(),
            live,
        };
        tokio::task::spawn_local(async move {
            let ended = tokio::task::spawn_local(shard.run(commanded)).await;
            let error = match ended {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.into(),
                Err(panic) => Error::Panicked(panic.to_string()),
            };
            env.report(Failure { role: role::<S>(), key: None, error });
        });
        commands
    }

    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) -> Result<(), move37_eventlog::Error> {
        let mut from = self.recover().await?;
        from.extend(self.note_history().await?);
        let mut reader = self.env.log.read(from).await?;
        self.go_live_when_read().await;
        loop {
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    None => return Ok(()),
                    Some(Command::Release(partitions, done)) => self.leave(partitions, done).await,
                    Some(Command::Drain(done)) => self.leave(self.partitions.iter().copied().collect(), done).await,
                    Some(Command::Left(partitions)) => {
                        self.actors.retain(|key, _| !partitions.contains(&Event::<S>::TOPIC.partition(key)));
                        self.partitions.retain(|partition| !partitions.contains(partition));
                        if self.partitions.is_empty() {
                            return Ok(());
                        }
                    }
                },
                batch = reader.next() => for stored in batch? {
                    self.deliver(stored).await;
                },
            }
        }
    }

    /// Fold what is in the own partitions now; return where to read on.
    async fn recover(&mut self) -> Result<Vec<Position>, move37_eventlog::Error> {
        let topic = Event::<S>::TOPIC;
        let mut next: BTreeMap<u32, u64> = self.partitions.iter().map(|&partition| (partition, 0)).collect();
        let partitions = self.partitions.iter().map(|&partition| (topic, partition)).collect();
        let mut history = History::of_partitions(&*self.env.log, partitions).await?;
        while let Some(batch) = history.next().await? {
            for stored in batch {
                next.insert(stored.partition, stored.offset + 1);
                self.deliver_own(stored).await;
            }
        }
        for actor in self.actors.values() {
            actor.tell(Message::Recovered).await;
        }
        if let Some(key) = self.env.service.sole_key() {
            self.actor(key).await;
        }
        Ok(next.into_iter().map(|(partition, offset)| Position { topic, partition, offset }).collect())
    }

    /// Note where the inputs end now; return where to read them from, which is their start: chains are judged whole.
    async fn note_history(&mut self) -> Result<Vec<Position>, move37_eventlog::Error> {
        let mut from = Vec::new();
        for &topic in S::INPUTS {
            let ends = self.env.log.ends(topic).await?;
            for (partition, end) in (0..topic.partitions()).zip(ends) {
                if self.reads(topic, partition) {
                    from.push(Position { topic, partition, offset: 0 });
                    self.history.insert((topic, partition), end);
                    if end > 0 {
                        self.unread.insert((topic, partition));
                    }
                }
            }
        }
        Ok(from)
    }

    /// Topics with the same kind of key have the same partitions: those that are owned suffice. Of others, all.
    fn reads(&self, topic: Topic, partition: u32) -> bool {
        let is_co_partitioned = row(topic).key == row(Event::<S>::TOPIC).key;
        !is_co_partitioned || self.partitions.contains(&partition)
    }

    async fn go_live_when_read(&mut self) {
        if self.is_live || !self.unread.is_empty() {
            return;
        }
        self.is_live = true;
        for actor in self.actors.values() {
            actor.tell(Message::Live).await;
        }
        self.live.send_replace(true);
    }

    /// Let the actors of these partitions finish; their appends are still read back meanwhile.
    async fn leave(&mut self, partitions: Vec<u32>, done: oneshot::Sender<()>) {
        self.leaving.extend(&partitions);
        let mut answers = Vec::new();
        for (key, actor) in &self.actors {
            if partitions.contains(&Event::<S>::TOPIC.partition(key)) {
                let (answer, answered) = oneshot::channel();
                actor.tell(Message::Leave(answer)).await;
                answers.push(answered);
            }
        }
        let commands = self.commands.clone();
        tokio::task::spawn_local(async move {
            for answered in answers {
                // An actor that is gone has left.
                let _ = answered.await;
            }
            if let Some(commands) = commands.upgrade() {
                let _ = commands.send(Command::Left(partitions));
            }
            let _ = done.send(());
        });
    }

    async fn deliver(&mut self, stored: Stored) {
        if stored.topic == Event::<S>::TOPIC {
            return self.deliver_own(stored).await;
        }
        let partition = (stored.topic, stored.partition);
        let next = stored.offset + 1;
        self.deliver_foreign(stored).await;
        if self.history.get(&partition).is_some_and(|&end| next >= end) && self.unread.remove(&partition) {
            self.go_live_when_read().await;
        }
    }

    async fn deliver_own(&mut self, stored: Stored) {
        let Some(Judged { position, record, verdict }) = self.judged(stored) else { return };
        let key = record.envelope.id.key.clone();
        if !self.partitions.contains(&position.partition) {
            return;
        }
        if self.env.service.sole_key().is_some_and(|sole| sole != key) {
            return;
        }
        let message = match verdict {
            Verdict::Lost(loss) => return debug!(id = %record.envelope.id, ?loss, "dropped a record"),
            Verdict::Corrupt(corruption) => Message::Fail(Error::Corrupt { position, corruption }),
            Verdict::Won => match read_own::<S>(&record) {
                Ok((event, fact)) => Message::Own(Box::new(OwnFact { record, event, fact })),
                Err(source) => Message::Fail(Error::Unreadable { position, source }),
            },
        };
        let actor = self.actors.entry(key).or_insert_with_key(|key| Handle::start(Arc::clone(&self.env), key.clone()));
        actor.tell(message).await;
    }

    async fn deliver_foreign(&mut self, stored: Stored) {
        let Some(Judged { position, record, verdict }) = self.judged(stored) else { return };
        let id = record.envelope.id.clone();
        match verdict {
            Verdict::Won => {}
            Verdict::Lost(loss) => return debug!(%id, ?loss, "dropped a record"),
            Verdict::Corrupt(corruption) => return warn!(%id, %corruption, "dropped a corrupt record"),
        }
        let history = self.history.get(&(position.topic, position.partition)).copied().unwrap_or(0);
        if S::START == Start::Now && position.offset < history {
            return;
        }
        let fact = match Fact::read(position.topic, &record) {
            Ok(fact) => fact,
            Err(source @ DecodeError::Newer { .. }) => {
                if let Some(campaign) = record.envelope.campaign {
                    self.send(campaign.into(), Message::Fail(Error::Unreadable { position, source })).await;
                }
                return;
            }
            Err(error) => return warn!(%id, %error, "dropped a fact that cannot be read"),
        };
        self.env.service.observe(&id, &fact);
        if let Some(key) = self.env.service.route(&record, &fact) {
            self.send(key, Message::Foreign { id, fact: Box::new(fact) }).await;
        }
    }

    fn judged(&mut self, stored: Stored) -> Option<Judged> {
        self.judge.judge(stored).map_err(|refused| warn!("{refused}")).ok()
    }

    /// Send to the actor of a key, if the key is ours.
    async fn send(&mut self, key: Key, message: Message<S>) {
        let partition = Event::<S>::TOPIC.partition(&key);
        if self.partitions.contains(&partition) && !self.leaving.contains(&partition) {
            self.actor(key).await.tell(message).await;
        }
    }

    /// The actor of a key, started where there is none.
    async fn actor(&mut self, key: Key) -> &Handle<S> {
        match self.actors.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let actor = Handle::start(Arc::clone(&self.env), unknown.key().clone());
                actor.tell(Message::Recovered).await;
                if self.is_live {
                    actor.tell(Message::Live).await;
                }
                unknown.insert(actor)
            }
        }
    }
}

fn read_own<S: Service>(record: &Recorded) -> Result<(Event<S>, Fact), DecodeError> {
    let event = Event::<S>::read(&record.envelope.fact, &record.body)?;
    let fact = Fact::read(Event::<S>::TOPIC, record)?;
    Ok((event, fact))
}
