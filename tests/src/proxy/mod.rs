//! A proxy between clients and a broker that does what networks do: it refuses, cuts, stalls one direction, delays, and
//! does things to the answers of appends that only a proxy that reads Kafka's frames can do.
//!
//! [`frames`] reads the little of the protocol that is needed, [`rules`] says what is wrong at present and for whom,
//! [`relay`] carries frames between two sockets under these rules. A broker must advertise the proxy's address.

mod frames;
mod relay;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

pub use rules::{Fault, RuleId, Way};

use relay::Relay;
use rules::Rules;

/// Whose connection it is, by the client's port.
pub type Whose = Arc<dyn Fn(u16) -> Option<String> + Send + Sync>;

/// What a proxy did so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// Connections that were taken.
    pub connections: AtomicU64,
    /// Connections that were refused.
    pub refused: AtomicU64,
    /// Connections that were cut.
    pub cut: AtomicU64,
    /// Appends whose answer was held back for a while.
    pub slowed: AtomicU64,
    /// Appends that were carried out and whose answer was lost.
    pub lost: AtomicU64,
    /// Answers of appends that were delivered twice.
    pub echoed: AtomicU64,
    /// Answers of appends that said that the producer's order is lost.
    pub disordered: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A running proxy; it ends with its handle.
pub struct Proxy {
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    address: SocketAddr,
    upstream: SocketAddr,
    whose: Whose,
    rules: watch::Sender<Rules>,
    live: Mutex<BTreeMap<u64, (Option<String>, AbortHandle)>>,
    tally: Arc<Tally>,
}

impl Proxy {
    /// Stand at an address before a broker.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn start(address: SocketAddr, upstream: SocketAddr, whose: Whose) -> io::Result<Proxy> {
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        let (rules, _) = watch::channel(Rules::default());
        let shared =
            Arc::new(Shared { address, upstream, whose, rules, live: Mutex::default(), tally: Arc::default() });
        let accepting = tokio::spawn(accept(Arc::clone(&shared), listener));
        Ok(Proxy { shared, accepting })
    }

    /// Where it stands.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// What it did so far.
    pub fn tally(&self) -> &Tally {
        &self.shared.tally
    }

    /// From now on something is wrong, for one client or for all.
    pub fn begin(&self, whose: Option<&str>, fault: Fault) -> RuleId {
        let mut id = None;
        self.shared.rules.send_modify(|rules| id = Some(rules.add(whose, fault)));
        if fault == Fault::Refuse {
            self.cut(whose);
        }
        id.expect("a change is made before it returns")
    }

    /// It is right again.
    pub fn end(&self, id: RuleId) {
        self.shared.rules.send_modify(|rules| rules.remove(id));
    }

    /// Everything is right again.
    pub fn calm(&self) {
        self.shared.rules.send_modify(Rules::clear);
    }

    /// Cut the connections of one client, or all.
    pub fn cut(&self, whose: Option<&str>) {
        let mut live = self.shared.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.retain(|_, (owner, connection)| {
            let meant = whose.is_none() || owner.as_deref() == whose;
            if meant {
                connection.abort();
                count(&self.shared.tally.cut);
            }
            !meant
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut(None);
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(256)
}

/// Take connections; while all are refused nobody listens, as when a broker is down.
async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let mut rules = shared.rules.subscribe();
    let mut listener = Some(listener);
    loop {
        let refuses = rules.borrow_and_update().refuses(None);
        match (refuses, &listener) {
            (true, _) => {
                listener = None;
                if rules.changed().await.is_err() {
                    return;
                }
            }
            (false, None) => match listen(shared.address) {
                Ok(again) => listener = Some(again),
                // The port is ours; another's short-lived connection may hold it for a moment.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            },
            (false, Some(at)) => tokio::select! {
                taken = at.accept() => if let Ok((client, from)) = taken {
                    serve(&shared, client, from);
                },
                changed = rules.changed() => if changed.is_err() {
                    return;
                },
            },
        }
    }
}

fn serve(shared: &Arc<Shared>, client: TcpStream, from: SocketAddr) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let owner = (shared.whose)(from.port());
    if shared.rules.borrow().refuses(owner.as_deref()) {
        count(&shared.tally.refused);
        // Dropped unread, which a client sees as a reset.
        return;
    }
    count(&shared.tally.connections);
    let (of, whose) = (Arc::clone(shared), owner.clone());
    // Held while the task starts, so that it cannot end before it is known.
    let mut live = shared.live.lock().unwrap_or_else(PoisonError::into_inner);
    let task = tokio::spawn(async move {
        if let Ok(broker) = TcpStream::connect(of.upstream).await {
            Relay { owner: whose, rules: of.rules.subscribe(), tally: Arc::clone(&of.tally) }.run(client, broker).await;
        }
        of.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    });
    live.insert(number, (owner, task.abort_handle()));
}
