//! Real brokers on free ports of the loopback, by `kafka/broker/start.sh`.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use move37_events::{Role, Topic};
use move37_kafka::{Access, Config, Settings, Topics, passwords};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Longest wait for a broker: on a fresh machine its jars are fetched first.
const PATIENCE: Duration = Duration::from_secs(600);

/// A cluster; it ends with its handle, and with this process however that ends.
pub struct Broker {
    kind: Kind,
    ports: Vec<u16>,
    directory: TempDir,
    script: Child,
    /// Asks the script to start a broker again; closed, it ends the brokers.
    orders: Mutex<Option<ChildStdin>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Secure,
    Three,
}

impl Broker {
    /// The broker that most tests share. Each uses topics of its own by a prefix.
    pub async fn shared() -> &'static Broker {
        static SHARED: OnceCell<Broker> = OnceCell::const_new();
        SHARED.get_or_init(Broker::start).await
    }

    /// The broker with TLS, users and access rules that tests share; every role has its password.
    pub async fn secure() -> &'static Broker {
        static SECURE: OnceCell<Broker> = OnceCell::const_new();
        let start = async || {
            let broker = Broker::launch(Kind::Secure).await;
            let access = Access::connect(broker.settings()).await.unwrap();
            access.set_passwords(&passwords(&broker.directory.path().join("passwords")).unwrap()).await.unwrap();
            broker
        };
        SECURE.get_or_init(start).await
    }

    /// A broker of one's own.
    pub async fn start() -> Broker {
        Broker::launch(Kind::Plain).await
    }

    /// Three brokers, numbered from 1, each of which has every record.
    pub async fn three() -> Broker {
        Broker::launch(Kind::Three).await
    }

    async fn launch(kind: Kind) -> Broker {
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let brokers = if kind == Kind::Three { 3 } else { 1 };
        let ports = free_ports(2 * brokers);
        let mut script = run_script(kind, &ports, directory.path());
        let orders = Mutex::new(script.stdin.take());
        let mut broker = Broker { kind, ports: ports[..brokers].to_vec(), directory, script, orders };
        broker.wait().await;
        broker
    }

    /// Kill a broker as a crash would.
    pub fn kill(&self, n: usize) {
        let pid = std::fs::read_to_string(self.folder(n).join("pid")).unwrap();
        assert!(Command::new("kill").args(["-9", pid.trim()]).status().unwrap().success());
    }

    /// Start a broker again after [`Broker::kill`], on what its disk holds.
    pub fn revive(&self, n: usize) {
        writeln!(self.orders.lock().unwrap().as_mut().unwrap(), "start {n}").unwrap();
    }

    /// Where broker `n` has its things.
    fn folder(&self, n: usize) -> PathBuf {
        if self.kind == Kind::Three { self.path(&n.to_string()) } else { self.path("") }
    }

    /// Something in the cluster's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The client settings of whoever may do everything, with patience for a busy machine.
    pub fn settings(&self) -> Settings {
        match self.kind {
            Kind::Secure => patient(Config::read(&self.path("admin.toml")).unwrap()),
            Kind::Plain | Kind::Three => {
                let brokers: Vec<_> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
                patient(Config::new(brokers.join(",")))
            }
        }
    }

    /// The client settings of a role's own user.
    pub fn settings_of(&self, role: Role) -> Settings {
        patient(Config::read(&self.path(&format!("users/{role}.toml"))).unwrap())
    }

    /// Settings under a prefix that no other test has.
    pub fn settings_of_its_own(&self) -> Settings {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mut settings = self.settings();
        settings.prefix = format!("t{}.", NEXT.fetch_add(1, Ordering::Relaxed));
        settings
    }

    /// Settings under a new prefix, with these topics.
    pub async fn with_topics(&self, topics: &[Topic]) -> Settings {
        let settings = self.settings_of_its_own();
        let replication = if self.kind == Kind::Three { 3 } else { 1 };
        Topics::connect(settings.clone()).await.unwrap().create(topics, replication).await.unwrap();
        settings
    }

    async fn wait(&mut self) {
        let begun = Instant::now();
        while !self.folder(self.ports.len()).join("pid").exists() || !self.has(self.ports.len()).await {
            let ended = self.script.try_wait().unwrap();
            let folder = self.directory.path().display();
            assert!(ended.is_none(), "the brokers' script ended ({ended:?}); their output lies in {folder}");
            assert!(begun.elapsed() < PATIENCE, "the brokers are not there; their output lies in {folder}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Wait until so many brokers are part of the cluster.
    pub async fn wait_for(&self, brokers: usize) {
        let wait = async {
            while !self.has(brokers).await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the brokers are there");
    }

    async fn has(&self, brokers: usize) -> bool {
        let mut settings = self.settings();
        settings.answer = Duration::from_secs(2);
        let Ok(topics) = Topics::connect(settings).await else { return false };
        topics.usual_replication().await.is_ok_and(|found| usize::from(found) == brokers)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Nothing on its disk is needed any more.
        (1..=self.ports.len()).for_each(|n| self.kill_if_running(n));
        drop(self.orders.get_mut().unwrap().take());
        self.script.wait().unwrap();
    }
}

impl Broker {
    fn kill_if_running(&self, n: usize) {
        let Ok(pid) = std::fs::read_to_string(self.folder(n).join("pid")) else { return };
        _ = Command::new("kill").args(["-9", pid.trim()]).stderr(Stdio::null()).status();
    }
}

fn patient(config: Config) -> Settings {
    let mut settings = config.settings().unwrap();
    settings.answer = Duration::from_secs(30);
    settings.session = Duration::from_millis(2000);
    settings
}

fn run_script(kind: Kind, ports: &[u16], directory: &Path) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("broker/start.sh");
    // `<target>/tmp` is what cargo gives to tests.
    let target: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().into();
    let list = |ports: &[u16]| ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
    let (clients, controllers) = ports.split_at(ports.len() / 2);
    let mut command = Command::new("bash");
    command.arg(script).arg("--while-stdin-is-open").arg("--directory").arg(directory);
    command.args(["--port", &list(clients), "--controller-port", &list(controllers)]);
    match kind {
        Kind::Plain => {}
        Kind::Secure => _ = command.arg("--secure"),
        Kind::Three => _ = command.args(["--brokers", "3"]),
    }
    command.env("CARGO_TARGET_DIR", target).stdin(Stdio::piped()).stdout(Stdio::null());
    command.spawn().unwrap()
}

fn free_ports(n: usize) -> Vec<u16> {
    let held: Vec<_> = (0..n).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}
