//! Some partitions of a service: recover their chains, then deliver own and foreign facts to the keys' actors.

mod deliver;
mod notes;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use move37_core::{Decider, Key};
use move37_eventlog::{Error as LogError, History, Judge, Position};
use move37_events::{FactSet, Topic, row};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at, timeout};
use tracing::debug;

use crate::actor::{Handle, Message};
use crate::host::Env;
use crate::monitor::Reading;
use crate::progress::Progress;
use crate::service::{Service, role_of};
use crate::{Error, Failure};
use notes::Commits;

/// How often the ends of what is read are asked for.
const ENDS_EVERY: Duration = Duration::from_secs(15);

/// How long the last commit may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a shard can be told. Dropping its sender ends it at once.
pub(crate) enum Command {
    /// Finish with these partitions.
    Release(Vec<u32>, oneshot::Sender<()>),
    /// Finish.
    Drain(oneshot::Sender<()>),
    /// From itself: the actors of these partitions have finished.
    Left(Vec<u32>),
    /// From itself: where topics end now.
    Ends(Vec<(Topic, Vec<u64>)>),
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
    /// Partitions of which nothing more is delivered, since a newer release writes there.
    stopped: BTreeSet<(Topic, u32)>,
    commands: mpsc::WeakUnboundedSender<Command>,
    /// Its place on the service's board.
    reading: Reading,
    progress: Progress,
    commits: Commits,
}

type Event<S> = <<S as Service>::Decider as Decider>::Event;

impl<S: Service> Shard<S> {
    /// Start a shard on this thread.
    pub(crate) fn start(env: Arc<Env<S>>, partitions: Vec<u32>) -> mpsc::UnboundedSender<Command> {
        let (commands, commanded) = mpsc::unbounded_channel();
        let partitions: BTreeSet<u32> = partitions.into_iter().collect();
        let shard = Shard {
            env: Arc::clone(&env),
            reading: Reading::start(Arc::clone(&env.board), partitions.clone()),
            partitions,
            judge: Judge::default(),
            actors: BTreeMap::new(),
            history: BTreeMap::new(),
            unread: BTreeSet::new(),
            is_live: false,
            leaving: BTreeSet::new(),
            stopped: BTreeSet::new(),
            commands: commands.downgrade(),
            progress: Progress::default(),
            commits: Commits::default(),
        };
        tokio::task::spawn_local(async move {
            let ended = tokio::task::spawn_local(shard.run(commanded)).await;
            let error = match ended {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.into(),
                Err(panic) => Error::Panicked(panic.to_string()),
            };
            env.report(Failure { role: role_of::<S>(), key: None, partition: None, error });
        });
        commands
    }

    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) -> Result<(), LogError> {
        let mut from = self.recover().await?;
        from.extend(self.note_history().await?);
        let mut reader = self.env.log.read(from).await?;
        self.go_live_when_read().await;
        let every = self.env.commit_every;
        let mut commit = interval_at(Instant::now() + every, every);
        let mut ends = interval(ENDS_EVERY);
        commit.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ends.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
                        self.reading.left(&partitions);
                        if self.partitions.is_empty() {
                            return Ok(());
                        }
                        self.read_no_more(&partitions);
                        self.go_live_when_read().await;
                    }
                    Some(Command::Ends(ends)) => {
                        ends.iter().for_each(|(topic, ends)| self.reading.ends(*topic, ends));
                    }
                },
                _ = commit.tick() => self.commit(),
                _ = ends.tick() => self.ask_for_ends(),
                batch = reader.next() => for stored in batch? {
                    self.deliver(stored).await?;
                    self.go_live_when_read().await;
                },
            }
        }
    }

    /// Fold what is in the own partitions now; return where to read on.
    async fn recover(&mut self) -> Result<Vec<Position>, LogError> {
        let topic = Event::<S>::TOPIC;
        let mut next: BTreeMap<u32, u64> = self.partitions.iter().map(|&partition| (partition, 0)).collect();
        let partitions = self.partitions.iter().map(|&partition| (topic, partition)).collect();
        let mut history = History::of_partitions(&*self.env.log, partitions).await?;
        for &partition in &self.partitions {
            self.reading.reads(topic, partition, 0);
        }
        while let Some(batch) = history.next().await? {
            for stored in batch {
                next.insert(stored.partition, stored.offset + 1);
                self.deliver(stored).await?;
            }
        }
        for actor in self.actors.values() {
            actor.tell(Message::Recovered).await;
        }
        if let Some(key) = self.env.service.sole_key()
            && !self.stopped.contains(&(topic, topic.partition(&key)))
        {
            self.actor(key).await;
        }
        Ok(next.into_iter().map(|(partition, offset)| Position { topic, partition, offset }).collect())
    }

    /// Note where the inputs end now; return where to read them from, which is their start: chains are judged whole.
    async fn note_history(&mut self) -> Result<Vec<Position>, LogError> {
        let mut from = Vec::new();
        for &topic in S::INPUTS {
            let ends = self.env.log.ends(topic).await?;
            for (partition, end) in (0..topic.partitions()).zip(ends) {
                if self.reads(topic, partition) {
                    from.push(Position { topic, partition, offset: 0 });
                    self.history.insert((topic, partition), end);
                    self.reading.reads(topic, partition, end);
                    if end > 0 && !self.stopped.contains(&(topic, partition)) {
                        self.unread.insert((topic, partition));
                    }
                }
            }
        }
        Ok(from)
    }

    /// Topics with the same kind of key have the same partitions: those that are owned suffice. Of others, all.
    fn reads(&self, topic: Topic, partition: u32) -> bool {
        !is_co_partitioned::<S>(topic) || self.partitions.contains(&partition)
    }

    /// Forget what is no longer read.
    fn read_no_more(&mut self, partitions: &[u32]) {
        self.unread = self.unread.iter().copied().filter(|&(topic, of)| self.reads(topic, of)).collect();
        let topics = S::INPUTS.iter().copied().chain([Event::<S>::TOPIC]);
        for topic in topics.filter(|&topic| is_co_partitioned::<S>(topic)) {
            partitions.iter().for_each(|&partition| self.reading.reads_no_more(topic, partition));
        }
    }

    async fn go_live_when_read(&mut self) {
        if self.is_live || !self.unread.is_empty() {
            return;
        }
        self.is_live = true;
        for actor in self.actors.values() {
            actor.tell(Message::Live).await;
        }
        self.reading.live();
    }

    /// Let the actors of these partitions finish, and commit how far they are; their appends are still read back
    /// meanwhile.
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
        let (commands, last) = (self.commands.clone(), self.commit_last(partitions.clone()));
        tokio::task::spawn_local(async move {
            for answered in answers {
                // An actor that is gone has left.
                let _ = answered.await;
            }
            if timeout(PATIENCE, last).await.is_err() {
                debug!("left without the last commit");
            }
            if let Some(commands) = commands.upgrade() {
                let _ = commands.send(Command::Left(partitions));
            }
            let _ = done.send(());
        });
    }

    /// Send to the actor of a key, if the key is ours.
    async fn send(&mut self, key: Key, message: Message<S>) {
        let partition = Event::<S>::TOPIC.partition(&key);
        if self.leaving.contains(&partition) || self.stopped.contains(&(Event::<S>::TOPIC, partition)) {
            // Whoever gets the partition, or reads what stopped it, decides it.
            if let Message::Foreign { hold, .. } = message {
                hold.keep();
            }
        } else if self.partitions.contains(&partition) {
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

/// Whether a topic's keys lie in the same partitions as those of the service's own topic.
fn is_co_partitioned<S: Service>(topic: Topic) -> bool {
    row(topic).key == row(Event::<S>::TOPIC).key
}
