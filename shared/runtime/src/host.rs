//! A running service.

use std::sync::Arc;

use move37_core::Decider;
use move37_eventlog::{Change, EventLog};
use move37_events::{FactSet, Role};
use tokio::runtime::Handle as Runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::error;

use crate::actor::on_thread;
use crate::service::Service;
use crate::shard::{Command, Shard};
use crate::{Clock, Failure};

/// An edge at which a crash test may end the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Boundary {
    /// A fact is decided, but not appended.
    BeforeAppend,
    /// It is appended, but not applied.
    Appended,
    /// It is applied.
    Applied,
}

/// Called at every boundary. When it panics, the key is left as it is, as if the process had ended there.
pub type Failpoint = Arc<dyn Fn(Boundary) + Send + Sync>;

/// A service over a log, to be started.
pub struct Host<S> {
    service: Arc<S>,
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    failpoint: Option<Failpoint>,
}

/// What the parts of a running service share.
pub(crate) struct Env<S> {
    pub(crate) service: Arc<S>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Where appends and effects run.
    pub(crate) runtime: Runtime,
    failpoint: Option<Failpoint>,
    failures: mpsc::UnboundedSender<Failure>,
}

impl<S: Service> Host<S> {
    /// A service over a log, with its source of time.
    pub fn new(service: S, log: Arc<dyn EventLog>, clock: Arc<dyn Clock>) -> Host<S> {
        Host { service: Arc::new(service), log, clock, failpoint: None }
    }

    /// Call this at every boundary.
    #[must_use]
    pub fn failpoint(mut self, failpoint: Failpoint) -> Host<S> {
        self.failpoint = Some(failpoint);
        self
    }

    /// Start it: its actors on a thread of their own, its effects on the tokio runtime of the caller.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(self) -> Running {
        let (failures, heard) = mpsc::unbounded_channel();
        let (stop, stopping) = oneshot::channel();
        let (live, is_live) = watch::channel(false);
        let (ended, has_ended) = oneshot::channel::<()>();
        let role = role::<S>();
        let env = Arc::new(Env {
            service: self.service,
            log: self.log,
            clock: self.clock,
            runtime: Runtime::current(),
            failpoint: self.failpoint,
            failures,
        });
        on_thread(role.name(), move || run(env, stopping, live), move || drop(ended));
        Running { role, stop: Some(stop), failures: heard, live: is_live, ended: has_ended }
    }
}

impl<S> Env<S> {
    pub(crate) fn reach(&self, boundary: Boundary) {
        if let Some(failpoint) = &self.failpoint {
            failpoint(boundary);
        }
    }

    /// Make a failure known.
    pub(crate) fn report(&self, failure: Failure) {
        error!(role = %failure.role, key = failure.key.as_ref().map(tracing::field::display), error = %failure.error, "stopped");
        // Nobody hears it when the service is already being left.
        let _ = self.failures.send(failure);
    }
}

pub(crate) fn role<S: Service>() -> Role {
    <S::Decider as Decider>::Event::ROLE
}

/// A running service. Dropping it stops it at once, as a crash would: use [`Running::drain`].
pub struct Running {
    role: Role,
    stop: Option<oneshot::Sender<()>>,
    failures: mpsc::UnboundedReceiver<Failure>,
    live: watch::Receiver<bool>,
    ended: oneshot::Receiver<()>,
}

impl Running {
    /// The service's role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Wait until what was in the log at the start is read, and owed effects may start.
    pub async fn live(&mut self) {
        // An error says that the service has ended; its failure says why.
        let _ = self.live.wait_for(|&live| live).await;
    }

    /// Wait for the next failure: a campaign of the service, or all of it, has stopped.
    pub async fn failed(&mut self) -> Failure {
        match self.failures.recv().await {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    }

    /// Leave in good order: take in no more inputs, finish outstanding appends, cancel the effects, end.
    pub async fn drain(mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself.
            let _ = stop.send(());
        }
        // Resolves, to an error, when the service has ended.
        let _ = self.ended.await;
    }
}

/// The life of a service: follow its ownership, with a shard for each gain.
async fn run<S: Service>(env: Arc<Env<S>>, mut stopping: oneshot::Receiver<()>, live: watch::Sender<bool>) {
    let mut shards: Vec<mpsc::UnboundedSender<Command>> = Vec::new();
    let living = async {
        let topic = <S::Decider as Decider>::Event::TOPIC;
        if let Some(key) = env.service.sole_key() {
            shards.push(Shard::start(Arc::clone(&env), vec![topic.partition(&key)], live.clone()));
            return std::future::pending::<Result<(), move37_eventlog::Error>>().await;
        }
        let mut ownership = env.log.own(topic).await?;
        loop {
            match ownership.next().await? {
                Change::Gained(partitions) => {
                    shards.push(Shard::start(Arc::clone(&env), partitions, live.clone()));
                }
                Change::Lost(partitions, release) => {
                    command_all(&shards, |done| Command::Release(partitions.clone(), done)).await;
                    release.done();
                }
            }
        }
    };
    let stopped = tokio::select! {
        asked = &mut stopping => asked.is_ok(),
        outcome = living => {
            if let Err(error) = outcome {
                env.report(Failure { role: role::<S>(), key: None, error: error.into() });
            }
            // What is left is to be told to stop.
            stopping.await.is_ok()
        }
    };
    if stopped {
        command_all(&shards, Command::Drain).await;
    }
}

/// Give every shard a command and wait until all have carried it out, or are gone.
async fn command_all(shards: &[mpsc::UnboundedSender<Command>], command: impl Fn(oneshot::Sender<()>) -> Command) {
    for shard in shards {
        let (done, is_done) = oneshot::channel();
        if shard.send(command(done)).is_ok() {
            let _ = is_done.await;
        }
    }
}
