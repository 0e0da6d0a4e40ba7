//! A real broker on free ports of the loopback, by `kafka/broker/start.sh`.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use move37_events::Topic;
use move37_kafka::{KafkaLog, Settings, Topics};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Longest wait for a broker: on a fresh machine its jars are fetched first.
const PATIENCE: Duration = Duration::from_secs(600);

/// A broker; it ends with its handle, and with this process however that ends.
pub struct Broker {
    ports: (u16, u16),
    directory: TempDir,
    script: Child,
}

impl Broker {
    /// The one that most tests share. Each uses topics of its own by a prefix.
    pub async fn shared() -> &'static Broker {
        static SHARED: OnceCell<Broker> = OnceCell::const_new();
        SHARED.get_or_init(Broker::start).await
    }

    /// A broker of one's own.
    pub async fn start() -> Broker {
        let ports = free_ports();
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let script = run_script(ports, directory.path());
        let mut broker = Broker { ports, directory, script };
        broker.wait().await;
        broker
    }

    /// Kill it as a crash would, without starting it again.
    pub fn kill(&mut self) {
        let pid = std::fs::read_to_string(self.directory.path().join("pid")).unwrap();
        assert!(Command::new("kill").args(["-9", pid.trim()]).status().unwrap().success());
        self.end_script();
    }

    /// Start it again after [`Broker::kill`], on what its disk holds.
    pub async fn revive(&mut self) {
        self.script = run_script(self.ports, self.directory.path());
        self.wait().await;
    }

    /// A client's settings, with patience for a busy machine.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::new(format!("127.0.0.1:{}", self.ports.0));
        settings.answer = Duration::from_secs(30);
        settings.session = Duration::from_millis(2000);
        settings
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
        Topics::connect(settings.clone()).await.unwrap().create(topics, 1).await.unwrap();
        settings
    }

    async fn wait(&mut self) {
        let begun = Instant::now();
        loop {
            let mut settings = self.settings();
            settings.answer = Duration::from_secs(2);
            match KafkaLog::connect(settings).await {
                Ok(_) => return,
                Err(error) => {
                    let ended = self.script.try_wait().unwrap();
                    let log = self.directory.path().join("broker.log");
                    assert!(ended.is_none(), "the broker's script ended ({ended:?}); its output: {}", log.display());
                    assert!(begun.elapsed() < PATIENCE, "{error}; the broker's output: {}", log.display());
                }
            }
        }
    }

    fn end_script(&mut self) {
        drop(self.script.stdin.take());
        self.script.wait().unwrap();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.end_script();
    }
}

fn run_script((port, controller_port): (u16, u16), directory: &Path) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("broker/start.sh");
    // `<target>/tmp` is what cargo gives to tests.
    let target: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().into();
    let mut command = Command::new("bash");
    command.arg(script).arg("--while-stdin-is-open").arg("--directory").arg(directory);
    command.args(["--port", &port.to_string(), "--controller-port", &controller_port.to_string()]);
    command.env("CARGO_TARGET_DIR", target).stdin(Stdio::piped()).stdout(Stdio::null());
    command.spawn().unwrap()
}

fn free_ports() -> (u16, u16) {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (one, two) = (free(), free());
    (one.local_addr().unwrap().port(), two.local_addr().unwrap().port())
}
