//! Where campaigns live: in a directory of this machine, or on a cluster.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use move37_eventlog::EventLog;
use move37_kafka::{Config, KafkaLog, Settings};
use serde::Deserialize;
use toml::{Table, Value};

use crate::failure::Failure;
use crate::journal::read_all;
use crate::state::StateDir;
use crate::view::Book;

/// A directory of this machine, or a cluster.
#[derive(Clone, Debug, clap::Args)]
pub struct Place {
    #[command(flatten)]
    state: StateDir,
    #[command(flatten)]
    cluster: Cluster,
}

/// A Kafka cluster whose services run by themselves.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Cluster {
    /// Brokers of a Kafka cluster, separated by commas
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "kafka_config")]
    kafka: Option<String>,
    /// TOML file with a table [kafka], as the services have it; variables such as MOVE37_KAFKA__BOOTSTRAP go over it
    #[arg(long, value_name = "FILE")]
    kafka_config: Option<PathBuf>,
}

/// Before the variables that go over the table `[kafka]`; two underscores part its levels.
const VARIABLES: &str = "MOVE37_KAFKA__";

impl Place {
    /// The directory: of the log, and of cached data wherever the log is.
    pub fn state(&self) -> &StateDir {
        &self.state
    }

    /// The cluster, if that is the place: named by a flag, or, where no flag names a place, by the environment.
    ///
    /// # Errors
    /// The configuration makes no sense.
    pub fn cluster(&self) -> Result<Option<Settings>, Failure> {
        let variables: Vec<_> = std::env::vars().filter(|(name, _)| name.starts_with(VARIABLES)).collect();
        let by_environment = variables.iter().any(|(name, _)| name == "MOVE37_KAFKA__BOOTSTRAP");
        if !self.cluster.is_named() && (self.state.is_named() || !by_environment) {
            return Ok(None);
        }
        self.cluster.settings(variables).map(Some)
    }

    /// The log, for reading.
    ///
    /// # Errors
    /// It is not there, cannot be reached or read.
    pub async fn open(&self) -> Result<Arc<dyn EventLog>, Failure> {
        Ok(match self.cluster()? {
            Some(settings) => Arc::new(KafkaLog::connect(settings).await?),
            None => Arc::new(self.state.open()?),
        })
    }

    /// The log, for appending to what is there.
    ///
    /// # Errors
    /// It is not there, cannot be reached or written.
    pub async fn open_to_change(&self) -> Result<Arc<dyn EventLog>, Failure> {
        Ok(match self.cluster()? {
            Some(settings) => Arc::new(KafkaLog::connect(settings).await?),
            None => Arc::new(self.state.open_to_change()?),
        })
    }

    /// Everything in the log.
    ///
    /// # Errors
    /// It is not there, cannot be reached or read.
    pub async fn read(&self) -> Result<Book, Failure> {
        Ok(read_all(&self.open().await?).await?)
    }

    /// The flags that name this place again.
    pub fn flags(&self) -> String {
        match (&self.cluster.kafka, &self.cluster.kafka_config) {
            (Some(kafka), _) => format!("--kafka {kafka}"),
            (None, Some(file)) => format!("--kafka-config {}", file.display()),
            (None, None) => format!("--state {}", self.state.root().display()),
        }
    }
}

impl Cluster {
    fn is_named(&self) -> bool {
        self.kafka.is_some() || self.kafka_config.is_some()
    }

    /// The cluster, named by a flag or by the environment.
    ///
    /// # Errors
    /// None is named, or the configuration makes no sense.
    pub fn required(&self) -> Result<Settings, Failure> {
        self.settings(std::env::vars().filter(|(name, _)| name.starts_with(VARIABLES)).collect())
    }

    /// What its clients must know; the variables go over what is written, and the flag over them.
    fn settings(&self, variables: Vec<(String, String)>) -> Result<Settings, Failure> {
        let mut table = self.kafka_config.as_deref().map(read).transpose()?.unwrap_or_default();
        for (name, text) in variables {
            let path = name.strip_prefix(VARIABLES).unwrap_or_default().to_ascii_lowercase();
            let value = value(&path, text);
            put(&mut table, &path, value);
        }
        if let Some(kafka) = &self.kafka {
            table.insert("bootstrap".to_owned(), Value::String(kafka.clone()));
        }
        let place = self.kafka_config.as_ref().map(|file| format!("{}: ", file.display())).unwrap_or_default();
        let config = Config::deserialize(Value::Table(table)).map_err(|error| {
            let message = error.message().replace('\n', " ");
            Failure::usage(format!("{place}[kafka] makes no configuration ({message}): correct it, or name the brokers with --kafka HOST:PORT"))
        })?;
        config.settings().map_err(|error| Failure::usage(format!("{place}{error}")))
    }
}

/// The table `[kafka]` of a file; the file may have other tables, since the services' files do.
fn read(path: &Path) -> Result<Table, Failure> {
    let refused = |why: String| {
        Failure::usage(format!(
            "{} {why}: name a TOML file with a table [kafka], or use --kafka HOST:PORT",
            path.display()
        ))
    };
    let text = std::fs::read_to_string(path).map_err(|error| refused(format!("cannot be read ({error})")))?;
    let mut tables: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        refused(format!("is no TOML (line {line}: {})", error.message().replace('\n', " ")))
    })?;
    match tables.remove("kafka") {
        Some(Value::Table(kafka)) => Ok(kafka),
        _ => Err(refused("has no table [kafka]".to_owned())),
    }
}

/// A variable's text as its key wants it; a password may look like a number, and is none.
fn value(key: &str, text: String) -> Value {
    match (key.ends_with("_seconds"), key.ends_with("tls"), text.parse(), text.parse()) {
        (true, _, Ok(number), _) => Value::Integer(number),
        (_, true, _, Ok(yes)) => Value::Boolean(yes),
        _ => Value::String(text),
    }
}

/// Set `a__b` in `table.a`.
fn put(table: &mut Table, path: &str, value: Value) {
    match path.split_once("__") {
        None => drop(table.insert(path.to_owned(), value)),
        Some((head, rest)) => {
            let below = table.entry(head).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(below) = below {
                put(below, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, text)| (format!("{VARIABLES}{name}"), (*text).to_owned())).collect()
    }

    fn file(text: &str) -> (tempfile::TempDir, Cluster) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kafka.toml");
        std::fs::write(&path, text).unwrap();
        (folder, Cluster { kafka: None, kafka_config: Some(path) })
    }

    fn refusal(cluster: &Cluster) -> String {
        let failure = cluster.settings(Vec::new()).unwrap_err();
        assert_eq!(failure.code, 2);
        failure.to_string()
    }

    #[test]
    fn variables_go_over_the_file_and_the_flag_over_both() {
        let (_folder, cluster) =
            file("[kafka]\nbootstrap = \"a:1\"\nprefix = \"x.\"\n[http]\nlisten = \"0.0.0.0:1\"\n");
        let settings = cluster.settings(variables(&[("BOOTSTRAP", "b:2"), ("SESSION_SECONDS", "7")])).unwrap();
        assert_eq!((settings.bootstrap.as_str(), settings.prefix.as_str()), ("b:2", "x."));
        assert_eq!(settings.session.as_secs(), 7);
        let flag = Cluster { kafka: Some("c:3".to_owned()), kafka_config: None };
        assert_eq!(flag.settings(variables(&[("BOOTSTRAP", "b:2")])).unwrap().bootstrap, "c:3");
    }

    #[test]
    fn levels_of_a_key_are_parted_by_two_underscores() {
        let mut table = Table::new();
        for (key, text) in [("security__tls", "true"), ("security__password", "1234"), ("answer_seconds", "5")] {
            put(&mut table, key, value(key, text.to_owned()));
        }
        let written = "answer_seconds = 5\n\n[security]\npassword = \"1234\"\ntls = true\n";
        assert_eq!(table.to_string(), written);
    }

    #[test]
    fn a_file_that_is_none_is_named_with_the_next_step() {
        assert!(refusal(&file("bootstrap = \"a:1\"").1).contains("no table [kafka]"));
        let (_folder, cluster) = file("[kafka]\nbootstrap = \"a:1\"\nbootsrap = 1\n");
        assert!(refusal(&cluster).contains("bootsrap"));
        let (_folder, cluster) = file("[kafka\n");
        assert!(refusal(&cluster).contains("line 1"));
        let missing = Cluster { kafka: None, kafka_config: Some("no-such-file.toml".into()) };
        assert!(refusal(&missing).contains("no-such-file.toml cannot be read"));
        let empty = Cluster { kafka: Some(" ".to_owned()), kafka_config: None };
        assert!(refusal(&empty).contains("bootstrap is empty"));
    }
}
