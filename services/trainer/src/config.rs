//! The trainer's own tables of the configuration: `[trainer]`, `[worker]` and `[store]`.

use std::path::PathBuf;
use std::time::Duration;

use move37_blobs::Store;
use move37_daemon::{Assembly, Refused};
use move37_runtime::{Clock, SystemClock};
use move37_trainer::TrainerService;
use move37_trainer::worker::{self, Backend, Candle, Devices, Idle, WorkerService};
use move37_training::run::{Compute, Unavailable};
use serde::{Deserialize, Serialize};

/// The tables.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    trainer: Trainer,
    worker: Worker,
    store: Place,
}

/// The store of the states of runs.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Place {
    /// A folder, `s3://BUCKET/PREFIX` or `gs://BUCKET/PREFIX`; the same for all workers, so that a run goes on where
    /// another worker left it.
    url: String,
}

impl Default for Place {
    fn default() -> Place {
        Place { url: ".move37/blobs".to_owned() }
    }
}

/// What the trainer and its workers agree on.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Trainer {
    /// After this silence a worker's run is given to another; workers speak every third of it.
    lease_seconds: u64,
}

impl Default for Trainer {
    fn default() -> Trainer {
        Trainer { lease_seconds: move37_trainer::LEASE.as_secs() }
    }
}

/// What a worker is.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Worker {
    /// Its name, unlike any other worker's that runs at the same time; the host's name if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Trainings at a time.
    slots: u32,
    /// Threads of each; all cores shared out among the slots if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<u32>,
    /// What trains, a slot for each, separated by commas: `cuda:0` and the like, `-bf16` behind it if wanted, or `candle`; our own
    /// kernels on the CPU where none is named.
    devices: String,
    /// Folder of stored corpora.
    data: PathBuf,
    /// How often the state of a training is kept while it lasts; it is kept too when the worker lets go of it.
    checkpoint_seconds: u64,
    /// What trains.
    backend: Trains,
    /// How long a rehearsed training takes.
    rehearsal_seconds: f64,
}

impl Default for Worker {
    fn default() -> Worker {
        Worker {
            name: None,
            slots: 1,
            threads: None,
            devices: String::new(),
            data: ".move37/data".into(),
            checkpoint_seconds: move37_trainer::CHECKPOINT.as_secs(),
            backend: Trains::Candle,
            rehearsal_seconds: 1.0,
        }
    }
}

/// What trains.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Trains {
    /// This machine.
    Candle,
    /// Nothing: it passes the time and makes numbers up, to try a system out.
    Rehearsal,
}

impl Config {
    /// The trainer.
    pub fn trainer(&self) -> Result<Assembly<TrainerService>, Refused> {
        Ok(Assembly::of(TrainerService::new(self.lease()?)))
    }

    /// A worker, booted now.
    pub fn worker(&self) -> Result<Assembly<WorkerService<Box<dyn Backend>>>, Refused> {
        let Worker { slots, data, devices, backend, rehearsal_seconds, .. } = &self.worker;
        if *slots == 0 || self.worker.threads == Some(0) {
            return Err("slots and threads of [worker] must be at least 1".into());
        }
        let (host, threads) = (host(), self.threads());
        let name = self.worker.name.as_ref().unwrap_or(&host);
        let boot = SystemClock.now().millis();
        let key = format!("{name}.{boot}").parse();
        let devices = &named(devices).map_err(|error| format!("devices of [worker]: {error}"))?;
        let (device, backend): (_, Box<dyn Backend>) = match backend {
            Trains::Candle => {
                let shared = Devices::of(devices);
                let backend = Candle { data: data.clone(), threads: threads as usize, devices: shared };
                (worker::in_words(devices), Box::new(backend))
            }
            Trains::Rehearsal => {
                let time = Duration::try_from_secs_f64(*rehearsal_seconds);
                let time = time.map_err(|_| "rehearsal_seconds of [worker] is no length of time")?;
                (Idle::DEVICE.to_owned(), Box::new(Idle { time }))
            }
        };
        let config = worker::Config {
            key: key.map_err(|error| format!("the name of [worker], {name}, cannot be one: {error}"))?,
            host,
            device,
            binary: env!("CARGO_PKG_VERSION").to_owned(),
            threads,
            slots: (*slots).max(u32::try_from(devices.len()).unwrap_or(u32::MAX)),
            lease: self.lease()?,
            checkpoint: Duration::from_secs(self.worker.checkpoint_seconds),
        };
        let store = Store::open(&self.store.url).map_err(|error| format!("failed to {error}"))?;
        let (service, departure) = WorkerService::new(config, backend, store);
        let mut replaced = departure.clone();
        Ok(Assembly::of(service).ending_once(async move { replaced.left().await }).before_leaving(
            |patience| async move {
                if !departure.leave("it was asked to end", patience).await {
                    tracing::warn!("left without saying so: its runs go on elsewhere after a lease");
                }
            },
        ))
    }

    fn lease(&self) -> Result<Duration, Refused> {
        match self.trainer.lease_seconds {
            0 => Err("lease_seconds of [trainer] must be at least 1".into()),
            seconds => Ok(Duration::from_secs(seconds)),
        }
    }

    fn threads(&self) -> u32 {
        let cores =
            std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX));
        self.worker.threads.unwrap_or_else(|| (cores / self.worker.slots).max(1))
    }
}

/// Devices by name, each of which can be used.
fn named(devices: &str) -> Result<Vec<Compute>, Unavailable> {
    let names = devices.split(',').map(str::trim).filter(|name| !name.is_empty());
    let devices = names.map(str::parse).collect::<Result<Vec<Compute>, _>>()?;
    devices.iter().try_for_each(|device| device.open().map(drop))?;
    Ok(devices)
}

fn host() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::path::Path;

    use super::*;

    fn config(environment: &[(&str, &str)]) -> Result<Config, move37_daemon::ConfigError> {
        let environment = [("MOVE37_KAFKA__BOOTSTRAP", "localhost:9092")].iter().chain(environment);
        let environment = environment.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        move37_daemon::Config::load(None, environment).map(|config| config.own)
    }

    fn refused(environment: &[(&str, &str)]) -> String {
        config(environment).unwrap().worker().err().unwrap().to_string()
    }

    #[test]
    fn the_documented_example_is_the_defaults() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/config/trainer.toml");
        let example: move37_daemon::Config<Config> = move37_daemon::Config::load(Some(&path), []).unwrap();
        let defaults = toml::Table::try_from(Config::default()).unwrap();
        assert_eq!(toml::Table::try_from(&example.own).unwrap(), defaults);
        assert!(example.own.trainer().is_ok() && example.own.worker().is_ok());
    }

    #[test]
    fn a_worker_that_cannot_be_is_refused() {
        assert!(refused(&[("MOVE37_WORKER__SLOTS", "0")]).contains("at least 1"));
        assert!(refused(&[("MOVE37_WORKER__NAME", "a/b")]).starts_with("the name of [worker], a/b, cannot be one"));
        assert!(refused(&[("MOVE37_TRAINER__LEASE_SECONDS", "0")]).contains("lease_seconds of [trainer]"));
        let missing = refused(&[("MOVE37_WORKER__DEVICES", "candle, cuda:0")]);
        assert_eq!(named("candle, candle-bf16").unwrap().len(), 2);
        assert!(cfg!(feature = "cuda") || missing.contains("build it with"), "{missing}");
        let never = [("MOVE37_WORKER__BACKEND", "rehearsal"), ("MOVE37_WORKER__REHEARSAL_SECONDS", "-1")];
        assert!(refused(&never).contains("no length of time"));
        assert!(
            refused(&[("MOVE37_STORE__URL", "ftp://host/blobs")]).starts_with("failed to open the store ftp://host")
        );
        let unknown = config(&[("MOVE37_WORKER__BACKEND", "cuda")]).unwrap_err().to_string();
        assert!(unknown.contains("`cuda` is none of its values"), "{unknown}");
    }
}
