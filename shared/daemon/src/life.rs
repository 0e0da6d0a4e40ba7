//! The life of a service: connect, start, look after it, drain it.

use std::sync::Arc;
use std::time::Duration;

use move37_core::Decider;
use move37_eventlog::{Error as LogError, EventLog};
use move37_events::{FactSet, Role, Topic};
use move37_kafka::{KafkaLog, Settings};
use move37_runtime::{Error as Cause, Failure, Host, Running, Service, SystemClock};
use tracing::{info, warn};

use crate::assembly::{Assembly, Parting};
use crate::config::Common;
use crate::error::Error;
use crate::http::Endpoints;
use crate::signals::Asked;
use crate::standing::Standing;

/// Wait before the second try to connect; doubled for every further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Longest wait between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Live until asked to end, or until something fails that waiting does not cure.
pub(crate) async fn live<S: Service>(
    config: &Common,
    settings: Settings,
    assemble: impl Fn() -> Result<Assembly<S>, Error>,
) -> Result<(), Error> {
    let mut asked = Asked::listen()?;
    let standing = Standing::new(role::<S>());
    let endpoints = {
        let standing = standing.clone();
        Endpoints::serve(config.http.listen, Arc::new(move || standing.snapshot()))?
    };
    info!(service = %role::<S>(), address = %endpoints.address(), "listening");
    let ended = loop {
        let log = tokio::select! {
            log = connect::<S>(&settings, &standing) => log?,
            () = asked.wait() => break Ok(()),
        };
        let (service, parting, over) = assemble()?.parts();
        let is_one_key = service.sole_key().is_some();
        let mut running = Host::new(service, log, Arc::new(SystemClock)).start();
        standing.runs(running.monitor());
        match look_after(&mut running, is_one_key, &mut asked, over).await {
            None => {
                standing.drains();
                break drain(running, parting, config.drain.patience()).await;
            }
            Some(failure) if is_cured_by_time(&failure) => {
                warn!(error = failure.sentence(), "starting over");
                standing.starts_over(failure.sentence());
            }
            Some(failure) => {
                standing.failed(failure.sentence());
                break Err(Error::Stopped(failure));
            }
        }
    };
    endpoints.stop().await;
    ended
}

fn role<S: Service>() -> Role {
    <S::Decider as Decider>::Event::ROLE
}

/// Connect to the log and see that its topics are there; wait for both as long as it takes.
async fn connect<S: Service>(settings: &Settings, standing: &Standing) -> Result<Arc<dyn EventLog>, Error> {
    let mut pause = FIRST_PAUSE;
    loop {
        match open::<S>(settings).await {
            Ok(log) => {
                info!(bootstrap = settings.bootstrap, "connected");
                return Ok(log);
            }
            Err(error @ (LogError::Unreachable { .. } | LogError::NoTopic { .. })) => {
                warn!(%error, "not connected yet, trying again");
                standing.waits(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

async fn open<S: Service>(settings: &Settings) -> Result<Arc<dyn EventLog>, LogError> {
    let log = KafkaLog::connect(settings.clone()).await?;
    let own: Topic = <S::Decider as Decider>::Event::TOPIC;
    for &topic in S::INPUTS.iter().chain([&own]) {
        log.ends(topic).await?;
    }
    Ok(Arc::new(log))
}

/// Until asked to end, or there is nothing more to do; the failure that comes before that, if it concerns all of the
/// service. One campaign or partition that has stopped is known to the monitor, and the others go on.
async fn look_after(
    running: &mut Running,
    is_one_key: bool,
    asked: &mut Asked,
    mut over: impl Future<Output = ()> + Unpin,
) -> Option<Failure> {
    loop {
        tokio::select! {
            () = asked.wait() => return None,
            () = &mut over => {
                warn!("nothing more to do: leaving");
                return None;
            }
            failure = running.failed() => {
                if failure.is_of_all() || is_one_key || is_cured_by_time(&failure) {
                    return Some(failure);
                }
            }
        }
    }
}

/// Whether the log was away for longer than an append may take: what stopped for that goes on after a new start.
fn is_cured_by_time(failure: &Failure) -> bool {
    matches!(
        failure.error,
        Cause::Log(LogError::Unreachable { .. } | LogError::Unacknowledged { .. } | LogError::Busy { .. })
    )
}

async fn drain(running: Running, parting: Parting, patience: Duration) -> Result<(), Error> {
    let leaving = async {
        // Half of the time is for the farewell, so that something is left for the rest.
        parting.say(patience / 2).await;
        running.drain().await;
    };
    match tokio::time::timeout(patience, leaving).await {
        Ok(()) => {
            info!("left in good order");
            Ok(())
        }
        Err(_) => Err(Error::Overran(patience.as_secs())),
    }
}
