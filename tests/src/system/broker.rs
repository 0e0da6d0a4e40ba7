//! The brokers, by `kafka/broker/start.sh`, each behind the address that it advertises.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use move37_kafka::{Config, KafkaLog};

use super::{Signal, free_ports, root};

/// A running set of brokers; it ends with its handle.
pub struct Brokers {
    directory: PathBuf,
    count: usize,
    /// Where they listen.
    ports: Vec<u16>,
    /// Where they listen for each other, and for whoever goes around the proxies.
    inner: Vec<u16>,
    /// What they tell their clients.
    advertised: Vec<u16>,
    script: Child,
}

impl Brokers {
    /// Start one broker or three, whose data and output are kept in a folder. `advertised`: what clients are told, one
    /// port per broker.
    ///
    /// # Errors
    /// The script cannot be run.
    pub fn start(directory: &Path, target: &Path, advertised: &[u16]) -> Result<Brokers> {
        let count = advertised.len();
        let ports = free_ports(3 * count)?;
        let list = |ports: &[u16]| ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
        fs::create_dir_all(directory)?;
        let output = File::create(directory.join("start.log"))?;
        let script = Command::new("bash")
            .arg(root().join("kafka/broker/start.sh"))
            .args(["--while-stdin-is-open", "--brokers", &count.to_string()])
            .args(["--port", &list(&ports[..count]), "--controller-port", &list(&ports[count..2 * count])])
            .args(["--advertise", &addresses(advertised), "--inner-port", &list(&ports[2 * count..])])
            .arg("--directory")
            .arg(directory)
            .env("CARGO_TARGET_DIR", target)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("kafka/broker/start.sh cannot be run")?;
        Ok(Brokers {
            directory: directory.to_owned(),
            count,
            inner: ports[2 * count..].to_vec(),
            ports: ports[..count].to_vec(),
            advertised: advertised.to_vec(),
            script,
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Where they listen.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// What clients are told, for a client's configuration.
    pub fn bootstrap(&self) -> String {
        addresses(&self.advertised)
    }

    /// The way around the proxies.
    pub fn inner_bootstrap(&self) -> String {
        addresses(&self.inner)
    }

    /// The folder of a broker, counted from 1.
    pub fn folder(&self, broker: usize) -> PathBuf {
        match self.count {
            1 => self.directory.clone(),
            _ => self.directory.join(broker.to_string()),
        }
    }

    /// The process of a broker, if it runs.
    pub fn process(&self, broker: usize) -> Option<u32> {
        let process = fs::read_to_string(self.folder(broker).join("pid")).ok()?.trim().parse().ok()?;
        let command = fs::read(format!("/proc/{process}/cmdline")).ok()?;
        String::from_utf8_lossy(&command).contains("kafka.Kafka").then_some(process)
    }

    /// Kill a broker as a crash would.
    pub fn kill(&self, broker: usize) {
        if let Some(process) = self.process(broker) {
            Signal::Kill.send(process);
        }
    }

    /// Start a broker that has ended, on what its disk holds.
    ///
    /// # Errors
    /// The script has ended.
    pub fn revive(&mut self, broker: usize) -> Result<()> {
        if self.process(broker).is_some() {
            return Ok(());
        }
        let orders = self.script.stdin.as_mut().context("the script listens")?;
        writeln!(orders, "start {broker}").context("the script of the brokers has ended")
    }

    /// Wait until all answer.
    ///
    /// # Errors
    /// They do not within this time, or the script has ended.
    pub async fn answer_within(&mut self, patience: Duration) -> Result<()> {
        let begun = Instant::now();
        loop {
            let mut unheard = Vec::new();
            for port in &self.inner {
                let mut config = Config::new(addresses(&[*port]));
                config.answer_seconds = 3;
                if let Err(error) = KafkaLog::connect(config.settings()?).await {
                    unheard.push(error.to_string());
                }
            }
            if unheard.is_empty() {
                return Ok(());
            }
            if let Some(status) = self.script.try_wait()? {
                bail!("the brokers' script has ended ({status}); see {}", self.directory.join("start.log").display());
            }
            if begun.elapsed() > patience {
                bail!("a broker does not answer ({}); see {}", unheard.join("; "), self.directory.display());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn addresses(ports: &[u16]) -> String {
    let all: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    all.join(",")
}

impl Drop for Brokers {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        // It has ended already, or ends with its input.
        let _ = self.script.wait();
        for broker in 1..=self.count {
            self.kill(broker);
        }
    }
}
