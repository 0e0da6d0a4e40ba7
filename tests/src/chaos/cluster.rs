//! The system under test, and what a person can do to it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use move37_eventlog::EventLog;
use move37_events::Topic;
use move37_kafka::{Config, KafkaLog};
use serde_json::Value;

use super::disk::Disk;
use crate::proxy::Proxy;
use crate::system::{Answer, Brokers, Kind, Member, Owners, binaries, free_ports, root};

/// Longest wait for brokers: on a fresh machine they are fetched first.
const BROKERS: Duration = Duration::from_secs(600);

/// What the system is made of.
#[derive(Clone, Debug)]
pub struct Shape {
    /// One broker or three.
    pub brokers: usize,
    /// Processes of each service.
    pub instances: usize,
    /// Workers, which train nothing.
    pub workers: usize,
    /// How long a rehearsed training takes.
    pub training: f64,
    /// Kafka's patience with a silent owner.
    pub session: Duration,
    /// The trainer's patience with a silent worker.
    pub lease: Duration,
}

/// A running system. Its parts end with it.
pub struct Cluster {
    /// Services and workers.
    pub members: Vec<Member>,
    /// The brokers.
    pub brokers: Brokers,
    /// A proxy before each broker.
    pub proxies: Vec<Proxy>,
    /// The first broker's disk, where one could be mounted.
    pub disk: Option<Disk>,
    /// What it is made of.
    pub shape: Shape,
    directory: PathBuf,
    binaries: PathBuf,
    owners: Owners,
}

impl Cluster {
    /// Start everything, and wait until all are ready.
    ///
    /// # Errors
    /// Something does not start.
    pub async fn start(shape: Shape, directory: &Path) -> Result<Cluster> {
        let (binaries, owners) = (binaries()?, Owners::default());
        let target = binaries.parent().context("binaries lie in a target folder")?.to_owned();
        let data = match shape.brokers {
            1 => directory.join("broker/data"),
            _ => directory.join("broker/1/data"),
        };
        let disk = match Disk::mount(&data) {
            Ok(disk) => Some(disk),
            Err(error) => {
                println!("disk full is left out: a disk of limited size cannot be mounted here ({error})");
                None
            }
        };
        let advertised = free_ports(shape.brokers)?;
        let brokers = Brokers::start(&directory.join("broker"), &target, &advertised)?;
        let mut proxies = Vec::new();
        for (told, listens) in advertised.iter().zip(brokers.ports()) {
            let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            proxies.push(Proxy::start(at(*told), at(*listens), owners.whose()).await?);
        }
        let directory = directory.to_owned();
        let mut cluster = Cluster { members: Vec::new(), brokers, proxies, disk, shape, directory, binaries, owners };
        cluster.brokers.answer_within(BROKERS).await?;
        cluster.tool(&["topics", "apply"]).context("the topics cannot be created")?;
        cluster.populate()?;
        for member in &mut cluster.members {
            member.start()?;
        }
        let fallen = cluster.ready_within(Duration::from_secs(180)).await?;
        match fallen.first() {
            Some(fallen) => bail!("{fallen} before anything went wrong; see {}", cluster.directory.display()),
            None => Ok(cluster),
        }
    }

    fn populate(&mut self) -> Result<()> {
        let mut wanted = Vec::new();
        for kind in Kind::SERVICES {
            wanted.extend((1..=self.shape.instances).map(|number| (kind, number)));
        }
        wanted.extend((1..=self.shape.workers).map(|number| (Kind::Worker, number)));
        for (http, (kind, number)) in free_ports(wanted.len())?.into_iter().zip(wanted) {
            let member = self.member(kind, &format!("{}-{number}", kind.name()), number, http);
            self.members.push(member);
        }
        Ok(())
    }

    /// A member that is not started yet. Workers of one number have one name among workers.
    fn member(&self, kind: Kind, name: &str, number: usize, http: u16) -> Member {
        let mut environment = vec![
            ("MOVE37_KAFKA__BOOTSTRAP", self.brokers.bootstrap()),
            ("MOVE37_KAFKA__SESSION_SECONDS", self.shape.session.as_secs().to_string()),
            ("MOVE37_KAFKA__RELEASE_SECONDS", "10".to_owned()),
        ];
        if matches!(kind, Kind::Trainer | Kind::Worker) {
            environment.push(("MOVE37_TRAINER__LEASE_SECONDS", self.shape.lease.as_secs().to_string()));
        }
        if kind == Kind::Worker {
            environment.extend([
                ("MOVE37_WORKER__NAME", format!("worker-{number}")),
                ("MOVE37_WORKER__SLOTS", "2".to_owned()),
                ("MOVE37_WORKER__BACKEND", "rehearsal".to_owned()),
                ("MOVE37_WORKER__REHEARSAL_SECONDS", self.shape.training.to_string()),
                ("MOVE37_WORKER__DATA", self.directory.join("data").display().to_string()),
            ]);
        }
        let environment: Vec<_> = environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Member::new(name, kind, http, (&self.binaries, &self.directory), &environment, &self.owners)
    }

    /// A second process of a worker, with its name.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn twin(&self, of: usize) -> Result<Member> {
        let (name, kind) = (&self.members[of].name, self.members[of].kind);
        let number = name.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        let mut twin = self.member(kind, &format!("{name}-twin"), number, free_ports(1)?[0]);
        twin.start()?;
        Ok(twin)
    }

    /// Run the command line against the brokers; its JSON where it prints any.
    ///
    /// # Errors
    /// It fails.
    pub fn tool(&self, arguments: &[&str]) -> Result<Value> {
        run_tool(&self.binaries, &self.brokers.bootstrap(), arguments)
    }

    /// The same on a thread of its own, again and again for a while until it succeeds: a person would do so.
    pub fn insist(&self, arguments: &[String]) -> tokio::task::JoinHandle<Result<Value>> {
        let (binaries, bootstrap, arguments) = (self.binaries.clone(), self.brokers.bootstrap(), arguments.to_vec());
        tokio::task::spawn_blocking(move || {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let begun = Instant::now();
            loop {
                match run_tool(&binaries, &bootstrap, &arguments) {
                    Err(_) if begun.elapsed() < Duration::from_secs(120) => {
                        std::thread::sleep(Duration::from_millis(300));
                    }
                    answer => return answer,
                }
            }
        })
    }

    /// Start a campaign and return its name.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start_campaign(&self, lanes: u32, experiments: u32, seed: u64) -> Result<String> {
        let config = root().join("tests/acceptance/chaos.toml");
        let (lanes, experiments, seed) = (lanes.to_string(), experiments.to_string(), seed.to_string());
        let config = config.display().to_string();
        let answer = self.tool(&[
            "campaign",
            "start",
            "--config",
            &config,
            "--lanes",
            &lanes,
            "--experiments",
            &experiments,
            "--seed",
            &seed,
            "--json",
        ])?;
        Ok(answer["campaign"].as_str().context("a started campaign has a name")?.to_owned())
    }

    /// How a campaign stands.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn campaign(&self, name: &str) -> Result<Value> {
        self.tool(&["campaign", "show", name, "--json"])
    }

    /// A client that goes around the proxies.
    ///
    /// # Errors
    /// No broker answers.
    pub async fn log(&self) -> Result<KafkaLog> {
        let mut config = Config::new(self.brokers.inner_bootstrap());
        config.answer_seconds = 60;
        Ok(KafkaLog::connect(config.settings()?).await?)
    }

    /// How many records the topics hold.
    ///
    /// # Errors
    /// No broker answers.
    pub async fn records(&self) -> Result<u64> {
        let log = self.log().await?;
        let mut records = 0;
        for topic in Topic::all() {
            records += log.ends(topic).await?.iter().sum::<u64>();
        }
        Ok(records)
    }

    /// Start again what ended by itself, as whoever runs such a system does; tell of each.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn supervise(&mut self) -> Result<Vec<String>> {
        let mut fallen = Vec::new();
        for member in &mut self.members {
            if let Some(status) = member.ended() {
                fallen.push(format!("{} ended by itself ({status})", member.name));
                member.start()?;
            }
        }
        Ok(fallen)
    }

    /// Wait until every member is ready; tell of those that ended by themselves meanwhile and were started again.
    ///
    /// # Errors
    /// One is not within this time, or has stopped a campaign.
    pub async fn ready_within(&mut self, patience: Duration) -> Result<Vec<String>> {
        let begun = Instant::now();
        let mut fallen = Vec::new();
        loop {
            fallen.extend(self.supervise()?);
            let mut waiting = Vec::new();
            for member in &self.members {
                match Answer::of(member.http()).await {
                    Answer::Ready(failures) if failures.is_empty() => {}
                    Answer::Ready(failures) => bail!("{} has stopped {}", member.name, failures.join("; ")),
                    Answer::NotReady(why) => waiting.push(format!("{}: {why}", member.name)),
                    Answer::None => waiting.push(format!("{} does not answer", member.name)),
                }
            }
            if waiting.is_empty() {
                return Ok(fallen);
            }
            if begun.elapsed() > patience {
                bail!("after {} s not ready: {}", patience.as_secs(), waiting.join("; "));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn run_tool(binaries: &Path, bootstrap: &str, arguments: &[&str]) -> Result<Value> {
    let output = Command::new("timeout")
        .args(["--kill-after=5", "300"])
        .arg(binaries.join("move37"))
        .args(arguments)
        .args(["--kafka", bootstrap])
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("move37 {} ended with {}: {} {}", arguments.join(" "), output.status, told.trim(), why.trim());
    }
    Ok(serde_json::from_str(&told).unwrap_or(Value::String(told)))
}
