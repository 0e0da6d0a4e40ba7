//! A whole system as processes of its own: a real broker behind a [`proxy`](crate::proxy), services, workers.
//!
//! [`broker`] starts, kills and revives the brokers, [`member`] the services and workers, [`sockets`] tells whose
//! connection one is, [`signal`] sends signals.

mod broker;
mod member;
mod signal;
mod sockets;

use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::{Context, Result};

pub use broker::Brokers;
pub use member::{Answer, Kind, Member};
pub use signal::Signal;
pub use sockets::Owners;

/// Where the binaries of this build are: beside the one that runs.
///
/// # Errors
/// This process has no path.
pub fn binaries() -> Result<PathBuf> {
    let own = std::env::current_exe().context("this process has no path")?;
    let folder = own.parent().context("a program lies in a folder")?;
    // Tests lie one folder deeper.
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.to_owned())
}

/// The root of the workspace.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Ports of the loopback that nobody has at present, all different.
///
/// # Errors
/// There are none.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}
