//! A running service.

use std::sync::Arc;
use std::time::Duration;

use move37_core::Decider;
use move37_eventlog::{Change, EventLog, Ownership};
use move37_events::{FactSet, Role};
use tokio::runtime::Handle as Runtime;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tracing::error;

use crate::actor::on_thread;
use crate::monitor::{Board, Monitor, Phase};
use crate::parking::Parking;
use crate::service::{Service, role_of};
use crate::shard::{Command, Shard};
use crate::{Clock, Failure};

/// How often a shard commits how far it is.
const COMMIT_EVERY: Duration = Duration::from_secs(5);

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
    commit_every: Duration,
}

/// What the parts of a running service share.
pub(crate) struct Env<S> {
    pub(crate) service: Arc<S>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Where appends and effects run.
    pub(crate) runtime: Runtime,
    pub(crate) board: Arc<Board>,
    pub(crate) parking: Mutex<Parking>,
    pub(crate) commit_every: Duration,
    failpoint: Option<Failpoint>,
    failures: mpsc::UnboundedSender<Failure>,
}

impl<S: Service> Host<S> {
    /// A service over a log, with its source of time.
    pub fn new(service: S, log: Arc<dyn EventLog>, clock: Arc<dyn Clock>) -> Host<S> {
        Host { service: Arc::new(service), log, clock, failpoint: None, commit_every: COMMIT_EVERY }
    }

    /// Commit more or less often, for tests.
    #[cfg(test)]
    pub(crate) fn commit_every(mut self, every: Duration) -> Host<S> {
        self.commit_every = every;
        self
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
        let (ended, has_ended) = oneshot::channel::<()>();
        let role = role_of::<S>();
        let board = Arc::new(Board::new(role));
        let env = Arc::new(Env {
            service: self.service,
            log: self.log,
            clock: self.clock,
            runtime: Runtime::current(),
            board: Arc::clone(&board),
            parking: Mutex::default(),
            commit_every: self.commit_every,
            failpoint: self.failpoint,
            failures,
        });
        let (phase, monitor) = (board.phase(), Monitor::new(Arc::clone(&board)));
        let end = move || {
            board.end();
            drop(ended);
        };
        on_thread(role.name(), move || run(env, stopping), end);
        Running { role, stop: Some(stop), failures: heard, phase, monitor, ended: has_ended }
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
        error!(role = %failure.role, partition = failure.partition, key = failure.key.as_ref().map(tracing::field::display), error = %failure.error, "stopped");
        self.board.failed(failure.sentence(), failure.is_of_all());
        // Nobody hears it when the service is already being left.
        let _ = self.failures.send(failure);
    }
}

/// A running service. Dropping it stops it at once, as a crash would: use [`Running::drain`].
pub struct Running {
    role: Role,
    stop: Option<oneshot::Sender<()>>,
    failures: mpsc::UnboundedReceiver<Failure>,
    phase: watch::Receiver<Phase>,
    monitor: Monitor,
    ended: oneshot::Receiver<()>,
}

impl Running {
    /// The service's role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// How the service is, for health checks and metrics; of use after its end too.
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }

    /// Wait until what was in the log at the start is read, and owed effects may start; or until it has ended, of which
    /// its failure says why.
    pub async fn live(&mut self) {
        // The board, which the monitor shares, outlives the wait.
        let _ = self.phase.wait_for(|&phase| phase != Phase::Starting).await;
    }

    /// Wait for the next failure: a campaign, a partition, or all of the service has stopped.
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
async fn run<S: Service>(env: Arc<Env<S>>, mut stopping: oneshot::Receiver<()>) {
    let mut shards: Vec<mpsc::UnboundedSender<Command>> = Vec::new();
    // Given up only when every shard has left: another instance would work on partitions that are still written.
    let mut membership: Option<Box<dyn Ownership>> = None;
    let living = async {
        let topic = <S::Decider as Decider>::Event::TOPIC;
        if let Some(key) = env.service.sole_key() {
            shards.push(Shard::start(Arc::clone(&env), vec![topic.partition(&key)]));
            return std::future::pending::<Result<(), move37_eventlog::Error>>().await;
        }
        let ownership = membership.insert(env.log.own(topic).await?);
        loop {
            match ownership.next().await? {
                Change::Gained(partitions) => shards.push(Shard::start(Arc::clone(&env), partitions)),
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
                env.report(Failure { role: role_of::<S>(), key: None, partition: None, error: error.into() });
            }
            // What is left is to be told to stop.
            stopping.await.is_ok()
        }
    };
    if stopped {
        command_all(&shards, Command::Drain).await;
    }
    drop(membership);
}

/// Give every shard a command and wait until all have carried it out, or are gone.
async fn command_all(shards: &[mpsc::UnboundedSender<Command>], command: impl Fn(oneshot::Sender<()>) -> Command) {
    let told: Vec<_> = shards
        .iter()
        .filter_map(|shard| {
            let (done, is_done) = oneshot::channel();
            shard.send(command(done)).is_ok().then_some(is_done)
        })
        .collect();
    for is_done in told {
        let _ = is_done.await;
    }
}
