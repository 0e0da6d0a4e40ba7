//! Polite requests to end.

use tokio::sync::watch;
use tracing::{info, warn};

use crate::error::Error;

/// Whether somebody has asked for the end.
#[derive(Clone)]
pub(crate) struct Asked(watch::Receiver<bool>);

impl Asked {
    /// Hear SIGTERM and SIGINT from now on: the first asks, the second ends the process at once.
    pub(crate) fn listen() -> Result<Asked, Error> {
        let (ask, asked) = watch::channel(false);
        let mut signals = Signals::listen().map_err(|source| Error::System { what: "to pass signals on", source })?;
        tokio::spawn(async move {
            let (name, _) = signals.next().await;
            info!(signal = name, "asked to end");
            ask.send_replace(true);
            let (name, number) = signals.next().await;
            warn!(signal = name, "asked again: ending at once");
            std::process::exit(128 + number);
        });
        Ok(Asked(asked))
    }

    /// Wait until somebody has.
    pub(crate) async fn wait(&mut self) {
        if self.0.wait_for(|&asked| asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals(signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
    }

    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.0.recv() => ("SIGTERM", 15),
            _ = self.1.recv() => ("SIGINT", 2),
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) -> (&'static str, i32) {
        let _ = tokio::signal::ctrl_c().await;
        ("Ctrl-C", 2)
    }
}
