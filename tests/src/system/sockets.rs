//! Whose connection one is: from a client's port to the process that holds the socket, as Linux tells it in `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use crate::proxy::Whose;

/// The names of processes that have one. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Owners(Arc<Mutex<BTreeMap<u32, String>>>);

impl Owners {
    /// A process has a name.
    pub fn add(&self, process: u32, name: &str) {
        self.names().insert(process, name.to_owned());
    }

    /// A process has ended.
    pub fn remove(&self, process: u32) {
        self.names().remove(&process);
    }

    /// For a proxy.
    pub fn whose(&self) -> Whose {
        let owners = self.clone();
        Arc::new(move |port| owners.of(port))
    }

    /// The named process with a connection from this port of the loopback.
    fn of(&self, port: u16) -> Option<String> {
        let socket = format!("socket:[{}]", inode(&fs::read_to_string("/proc/net/tcp").ok()?, port)?);
        let names = self.names().clone();
        names.into_iter().find(|(process, _)| holds(*process, &socket)).map(|(_, name)| name)
    }

    fn names(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The inode of the socket whose own end is this port: fields of a line are number, own end, other end, state, queues,
/// timer, retransmits, user, timeout, inode.
fn inode(table: &str, port: u16) -> Option<u64> {
    let own = format!("0100007F:{port:04X}");
    let lines = table.lines().filter(|line| line.split_whitespace().nth(1) == Some(&own));
    // One that is closed but waits has no inode, and may have had the same port.
    lines.filter_map(|line| line.split_whitespace().nth(9)?.parse().ok()).find(|&inode| inode != 0)
}

fn holds(process: u32, socket: &str) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    let mut links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    links.any(|link| link.as_os_str() == socket)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn what_waits_after_its_end_hides_no_connection() {
        let line = |other: &str, state: &str, inode: u64| {
            format!(
                "  1: 0100007F:1F90 {other} {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1\n"
            )
        };
        let table = line("0100007F:0050", "06", 0) + &line("0100007F:0051", "01", 77);
        assert_eq!(inode(&table, 0x1F90), Some(77));
        assert_eq!(inode(&table, 0x1F91), None);
    }

    #[test]
    fn a_connection_has_the_name_of_its_process() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let port = client.local_addr().unwrap().port();
        let owners = Owners::default();
        assert_eq!((owners.whose())(port), None);
        owners.add(std::process::id(), "ourselves");
        assert_eq!((owners.whose())(port).as_deref(), Some("ourselves"));
        owners.remove(std::process::id());
        assert_eq!((owners.whose())(port), None);
    }
}
