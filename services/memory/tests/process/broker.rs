//! A real broker on free ports of the loopback, by `kafka/broker/start.sh`.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use move37_kafka::{Config, KafkaLog};
use tempfile::TempDir;

/// Longest wait for a broker: on a fresh machine its jars are fetched first.
const PATIENCE: Duration = Duration::from_secs(600);

/// A broker; it ends with its handle, and with this process however that ends.
pub struct Broker {
    port: u16,
    script: Child,
    _folder: TempDir,
}

impl Broker {
    pub async fn start() -> Broker {
        let (one, two) = (free_port(), free_port());
        let ports = [one.local_addr().unwrap().port(), two.local_addr().unwrap().port()];
        drop((one, two));
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kafka/broker/start.sh");
        let mut command = Command::new("bash");
        command.arg(script).arg("--while-stdin-is-open").arg("--directory").arg(folder.path());
        command.args(["--port", &ports[0].to_string(), "--controller-port", &ports[1].to_string()]);
        // `<target>/tmp` is what cargo gives to tests.
        command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap());
        let script = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut broker = Broker { port: ports[0], script, _folder: folder };
        broker.wait().await;
        broker
    }

    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    async fn wait(&mut self) {
        let begun = Instant::now();
        while let Err(error) = KafkaLog::connect(Config::new(self.bootstrap()).settings().unwrap()).await {
            assert!(self.script.try_wait().unwrap().is_none(), "the broker's script ended");
            assert!(begun.elapsed() < PATIENCE, "{error}");
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}

fn free_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}
