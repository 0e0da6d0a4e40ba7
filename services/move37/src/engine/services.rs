//! Starting, watching and draining the services.

use std::sync::Arc;
use std::time::Duration;

use move37_analyst::AnalystService;
use move37_blobs::Store;
use move37_engineer::EngineerService;
use move37_eventlog::EventLog;
use move37_events::facts::Campaign;
use move37_memory::MemoryService;
use move37_researcher::ResearcherService;
use move37_runtime::{Clock, Failpoint, Failure as Stopped, Host, Running, Service};
use move37_trainer::worker::{Backend, Config, Departure, WorkerService};
use move37_trainer::{CHECKPOINT, LEASE, TrainerService};

use super::{crash, processors};
use crate::failure::Failure;

/// How long the worker may take to save its runs and leave.
const PATIENCE: Duration = Duration::from_secs(10);

/// The running services and the worker's way out.
pub struct Services {
    running: Vec<Running>,
    departure: Departure,
}

/// What every service is started with.
struct Starter {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    failpoint: Option<Failpoint>,
}

impl Starter {
    fn start(&self, service: impl Service) -> Running {
        let mut host = Host::new(service, self.log.clone(), self.clock.clone());
        if let Some(failpoint) = &self.failpoint {
            host = host.failpoint(failpoint.clone());
        }
        host.start()
    }
}

/// How many of a campaign's runs the worker trains at a time, and with how many threads each: as many as can be open at
/// once, but no more than there are cores. Which result comes first decides nothing.
pub fn share_cores(campaign: &Campaign) -> (u32, u32) {
    let cores = u32::try_from(processors()).unwrap_or(u32::MAX);
    let tasks = u32::try_from(campaign.tasks.len()).unwrap_or(u32::MAX);
    let open = campaign.lanes.saturating_mul(tasks).saturating_mul(campaign.training.seeds);
    let slots = open.clamp(1, cores);
    (slots, (cores / slots).max(1))
}

impl Services {
    /// Start all five over this log, and one worker with this backend and (slots, threads per run), which keeps its runs'
    /// states in the store.
    pub fn start(
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        backend: impl Backend,
        store: Store,
        device: String,
        (slots, threads): (u32, u32),
    ) -> Result<Services, Failure> {
        let boot = clock.now().millis();
        let config = Config {
            key: format!("local.{boot}").parse()?,
            host: host(),
            device,
            binary: env!("CARGO_PKG_VERSION").to_owned(),
            threads,
            slots,
            lease: LEASE,
            checkpoint: CHECKPOINT,
        };
        let (worker, departure) = WorkerService::new(config, backend, store);
        let starter = Starter { log, clock, failpoint: crash::from_environment()? };
        let running = vec![
            starter.start(MemoryService),
            starter.start(ResearcherService),
            starter.start(EngineerService),
            starter.start(TrainerService::new(LEASE)),
            starter.start(AnalystService),
            starter.start(worker),
        ];
        Ok(Services { running, departure })
    }

    /// The next failure of any of them; waits for ever while there is none.
    pub async fn failed(&mut self) -> Stopped {
        let waits = self.running.iter_mut().map(|running| Box::pin(running.failed()));
        first_of(waits.collect()).await
    }

    /// Leave in good order: the worker first, so that its runs are given out again at once by whoever goes on.
    pub async fn drain(self, why: &str) {
        self.departure.leave(why, PATIENCE).await;
        let leaving: Vec<_> = self.running.into_iter().map(|running| tokio::spawn(running.drain())).collect();
        for left in leaving {
            // A panic while leaving changes nothing: the log is safe.
            let _ = left.await;
        }
    }
}

fn host() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

/// The first of several futures that is ready.
async fn first_of<F: Future + Unpin>(mut futures: Vec<F>) -> F::Output {
    std::future::poll_fn(|context| {
        let mut polled = futures.iter_mut().map(|future| std::pin::Pin::new(future).poll(context));
        polled.find(std::task::Poll::is_ready).unwrap_or(std::task::Poll::Pending)
    })
    .await
}
