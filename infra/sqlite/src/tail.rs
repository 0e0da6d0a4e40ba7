//! Waking readers: at once for commits of this process, within a tick for those of others.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use move37_eventlog::Error;
use tokio::sync::watch;

use crate::file::{Mode, connect};
use crate::schema::pragma;

/// How often commits of other processes are looked for.
const TICK: Duration = Duration::from_millis(25);

/// Rung after every commit.
#[derive(Clone, Debug)]
pub(crate) struct Bell(watch::Sender<u64>);

impl Bell {
    pub(crate) fn new() -> Bell {
        Bell(watch::Sender::new(0))
    }

    pub(crate) fn ring(&self) {
        self.0.send_modify(|commits| *commits = commits.wrapping_add(1));
    }

    pub(crate) fn listen(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

/// Rings the bell for commits of other processes, until it is dropped.
pub(crate) struct Watch {
    running: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Drop for Watch {
    /// Waits for the thread, so that the file is closed.
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

impl Watch {
    /// For a log that no other process can see.
    pub(crate) fn nothing() -> Watch {
        Watch { running: None }
    }

    /// For a file.
    pub(crate) fn file(path: &Path, bell: Bell) -> Result<Watch, Error> {
        let connection = connect(path, Mode::ReadOnly)?;
        let (stop, stopped) = channel();
        let watch = move || {
            let mut known = None;
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                // An error here is an error of the reader's own next read, which reports it.
                let version = pragma(&connection, "data_version").ok();
                if version != known {
                    known = version;
                    bell.ring();
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("sqlite-watch".to_owned())
            .spawn(watch)
            .expect("the system can start a thread");
        Ok(Watch { running: Some((stop, thread)) })
    }
}
