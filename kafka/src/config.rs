//! The configuration of a cluster as a person writes it: the table `[kafka]`.
//!
//! ```toml
//! [kafka]
//! bootstrap = "kafka-0:9093,kafka-1:9093"
//!
//! [kafka.security]
//! tls = true
//! ca_file = "/etc/move37/ca.pem"
//! username = "memory"
//! password_file = "/run/secrets/memory"
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::settings::{Identity, Login, Mechanism, Membership, Security, Settings, Tls};

/// The table `[kafka]`; what is not said has its default. Serialised, it shows no secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Brokers as `host:port`, separated by commas.
    pub bootstrap: String,
    /// Before every topic and group; empty but where systems share a cluster.
    #[serde(default)]
    pub prefix: String,
    /// How owners of a topic find each other: `classic` on any broker, `consumer` (KIP-848) from Kafka 4.0 on.
    #[serde(default)]
    pub membership: Membership,
    /// After this silence an owner has died; with `consumer` it is the broker's setting instead.
    #[serde(default = "default_session")]
    pub session_seconds: u64,
    /// How long a question to the brokers may take.
    #[serde(default = "default_answer")]
    pub answer_seconds: u64,
    /// How long an append may take, restarts of brokers included.
    #[serde(default = "default_delivery")]
    pub delivery_seconds: u64,
    /// How long an owner may take to let go of partitions before they are given away regardless.
    #[serde(default = "default_release")]
    pub release_seconds: u64,
    /// TLS and user.
    #[serde(default)]
    pub security: SecurityConfig,
}

/// The table `[kafka.security]`. Files are looked for from the working directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecurityConfig {
    /// Talk to the brokers by TLS.
    pub tls: bool,
    /// Certificates (PEM) of the authorities that may vouch for a broker; without it, those of this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Our own certificate (PEM), where brokers ask for one; together with `key_file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_file: Option<PathBuf>,
    /// Its private key (PEM, not encrypted).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The user to log in as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Its password; better keep it in a file and name that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A file that holds the password; a line end after it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// How to log in: `SCRAM-SHA-512`, `SCRAM-SHA-256`, or `PLAIN` (by TLS only).
    pub mechanism: Mechanism,
}

/// What is wrong with a configuration, each as one sentence with the next step.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{key} names {path}, which cannot be read ({source}): correct the path, or give this user the right to read it", path = path.display())]
    Unreadable {
        /// Key.
        key: &'static str,
        /// File.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what its key says.
    #[error("{key} names {path}, which holds no {wanted}: name a PEM file that has one", path = path.display())]
    NotPem {
        /// Key.
        key: &'static str,
        /// File.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// A file's path is no text, which the client library needs.
    #[error("{key} names {path}, whose path is not UTF-8: move the file to a plain path", path = path.display())]
    OddPath {
        /// Key.
        key: &'static str,
        /// File.
        path: PathBuf,
    },
    /// A password file without a password.
    #[error("{path}, where a password should be, is empty: write the password into it", path = path.display())]
    NoPassword {
        /// File.
        path: PathBuf,
    },
    /// A password of nobody.
    #[error("{path} is named after no user: name the file after one of operator, memory, researcher, engineer, trainer, analyst, worker", path = path.display())]
    NoUser {
        /// File.
        path: PathBuf,
    },
    /// Keys that contradict each other, or one that is missing.
    #[error("{what}: {next}")]
    Conflict {
        /// What is wrong.
        what: &'static str,
        /// What to do.
        next: &'static str,
    },
    /// The file is not TOML, or its table `[kafka]` is not a configuration.
    #[error("{path} is no configuration of Kafka ({detail}): correct it; it needs a table [kafka] with bootstrap = \"HOST:PORT\"", path = path.display())]
    Malformed {
        /// File.
        path: PathBuf,
        /// What the parser says, on one line.
        detail: String,
    },
}

impl Config {
    /// A cluster without TLS and users, with defaults.
    pub fn new(bootstrap: impl Into<String>) -> Config {
        Config {
            bootstrap: bootstrap.into(),
            prefix: String::new(),
            membership: Membership::default(),
            session_seconds: default_session(),
            answer_seconds: default_answer(),
            delivery_seconds: default_delivery(),
            release_seconds: default_release(),
            security: SecurityConfig::default(),
        }
    }

    /// The table `[kafka]` of a TOML file; other tables are left to others.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, or its table has unknown or wrong keys.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        #[derive(Deserialize)]
        struct File {
            kafka: Config,
        }
        let text = fs::read_to_string(path);
        let text = text.map_err(|source| ConfigError::Unreadable { key: "the command", path: path.into(), source })?;
        let file: File = toml::from_str(&text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
            let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            ConfigError::Malformed {
                path: path.into(),
                detail: format!("{line}{}", error.message().replace('\n', " ")),
            }
        })?;
        Ok(file.kafka)
    }

    /// What a client must know; reads the password's file and looks at the others.
    ///
    /// # Errors
    /// Keys contradict each other, or a file is missing or not what its key says.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        if self.bootstrap.trim().is_empty() {
            return conflict("kafka.bootstrap is empty", "name the brokers as HOST:PORT, separated by commas");
        }
        let seconds = [self.session_seconds, self.answer_seconds, self.delivery_seconds, self.release_seconds];
        if seconds.iter().any(|seconds| !(1..=3600).contains(seconds)) {
            return conflict(
                "session_seconds, answer_seconds, delivery_seconds and release_seconds of [kafka] must be 1 to 3600",
                "correct the one that is not",
            );
        }
        let [session, answer, delivery, release] = seconds.map(Duration::from_secs);
        Ok(Settings {
            bootstrap: self.bootstrap.clone(),
            prefix: self.prefix.clone(),
            membership: self.membership,
            session,
            answer,
            delivery,
            release,
            security: Security { tls: self.security.tls()?, login: self.security.login()? },
        })
    }
}

impl SecurityConfig {
    fn tls(&self) -> Result<Option<Tls>, ConfigError> {
        if !self.tls {
            if self.ca_file.is_some() || self.certificate_file.is_some() || self.key_file.is_some() {
                return conflict(
                    "kafka.security names certificates but tls is not true",
                    "set tls = true, or leave ca_file, certificate_file and key_file out",
                );
            }
            return Ok(None);
        }
        let authorities = pem("kafka.security.ca_file", self.ca_file.as_deref(), "CERTIFICATE")?;
        let certificate = pem("kafka.security.certificate_file", self.certificate_file.as_deref(), "CERTIFICATE")?;
        let key = pem("kafka.security.key_file", self.key_file.as_deref(), "PRIVATE KEY")?;
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
            (None, None) => None,
            _ => {
                return conflict(
                    "kafka.security has only one of certificate_file and key_file",
                    "give both, or neither where the brokers ask for no certificate",
                );
            }
        };
        Ok(Some(Tls { authorities, identity }))
    }

    fn login(&self) -> Result<Option<Login>, ConfigError> {
        let password = match (&self.password, &self.password_file) {
            (Some(_), Some(_)) => {
                return conflict(
                    "kafka.security has both password and password_file",
                    "keep one of them, best password_file",
                );
            }
            (Some(password), None) => Some(password.clone()),
            (None, Some(path)) => Some(read_password(path)?),
            (None, None) => None,
        };
        let (username, password) = match (&self.username, password) {
            (None, None) => return Ok(None),
            (Some(username), Some(password)) => (username.clone(), password),
            (Some(_), None) => {
                return conflict("kafka.security has a username without a password", "add password_file");
            }
            (None, Some(_)) => {
                return conflict("kafka.security has a password without a username", "add username");
            }
        };
        if self.mechanism == Mechanism::Plain && !self.tls {
            return conflict(
                "kafka.security would send the password in clear (PLAIN without TLS)",
                "set tls = true, or mechanism = \"SCRAM-SHA-512\"",
            );
        }
        Ok(Some(Login { username, password, mechanism: self.mechanism }))
    }
}

/// The path of a PEM file that is there and holds what it should.
fn pem(key: &'static str, path: Option<&Path>, wanted: &'static str) -> Result<Option<String>, ConfigError> {
    let Some(path) = path else { return Ok(None) };
    let text = fs::read(path).map_err(|source| ConfigError::Unreadable { key, path: path.into(), source })?;
    let text = String::from_utf8_lossy(&text);
    if !text.lines().any(|line| line.starts_with("-----BEGIN ") && line.contains(wanted)) {
        return Err(ConfigError::NotPem { key, path: path.into(), wanted });
    }
    let path = path.to_str().ok_or_else(|| ConfigError::OddPath { key, path: path.into() })?;
    Ok(Some(path.to_owned()))
}

/// The password of a file: its text without the line end that editors add.
pub(crate) fn read_password(path: &Path) -> Result<Secret, ConfigError> {
    let key = "password_file";
    let text = fs::read_to_string(path);
    let text = text.map_err(|source| ConfigError::Unreadable { key, path: path.into(), source })?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(ConfigError::NoPassword { path: path.into() }),
        password => Ok(Secret::new(password)),
    }
}

fn conflict<T>(what: &'static str, next: &'static str) -> Result<T, ConfigError> {
    Err(ConfigError::Conflict { what, next })
}

const fn default_session() -> u64 {
    10
}

const fn default_answer() -> u64 {
    10
}

const fn default_delivery() -> u64 {
    60
}

const fn default_release() -> u64 {
    60
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn config(security: &str) -> Config {
        toml::from_str(&format!("bootstrap = \"kafka:9093\"\n[security]\n{security}")).unwrap()
    }

    fn refused(security: &str) -> String {
        config(security).settings().unwrap_err().to_string()
    }

    #[test]
    fn a_bootstrap_is_enough_and_the_rest_has_defaults() {
        let config: Config = toml::from_str("bootstrap = \"kafka:9092\"").unwrap();
        assert_eq!(config, Config::new("kafka:9092"));
        assert_eq!(config.settings().unwrap(), Settings::new("kafka:9092"));
    }

    #[test]
    fn every_key_reaches_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (ca, key) =
            (file("ca", "-----BEGIN CERTIFICATE-----\n"), file("key", "x\n-----BEGIN EC PRIVATE KEY-----\n"));
        let password = file("password", "s3cret \r\n");
        let text = format!(
            "bootstrap = \"a:1\"\nprefix = \"lab.\"\nmembership = \"consumer\"\nsession_seconds = 1\n\
             answer_seconds = 2\ndelivery_seconds = 3\nrelease_seconds = 4\n[security]\ntls = true\n\
             ca_file = {ca:?}\ncertificate_file = {ca:?}\nkey_file = {key:?}\nusername = \"memory\"\n\
             password_file = {password:?}\nmechanism = \"SCRAM-SHA-256\""
        );
        let settings = toml::from_str::<Config>(&text).unwrap().settings().unwrap();
        let expected = Settings {
            bootstrap: "a:1".to_owned(),
            prefix: "lab.".to_owned(),
            membership: Membership::Consumer,
            session: Duration::from_secs(1),
            answer: Duration::from_secs(2),
            delivery: Duration::from_secs(3),
            release: Duration::from_secs(4),
            security: Security {
                tls: Some(Tls { authorities: Some(ca.clone()), identity: Some(Identity { certificate: ca, key }) }),
                login: Some(Login {
                    username: "memory".to_owned(),
                    password: Secret::new("s3cret "),
                    mechanism: Mechanism::ScramSha256,
                }),
            },
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn secrets_are_never_shown() {
        let config = config("username = \"memory\"\npassword = \"hunter2\"");
        let settings = config.settings().unwrap();
        assert_eq!(settings.security.login.as_ref().unwrap().password.reveal(), "hunter2");
        let shown = [format!("{config:?}"), format!("{settings:?}"), toml::to_string(&config).unwrap()];
        for shown in shown {
            assert!(shown.contains("***") && !shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn unknown_keys_and_mechanisms_are_refused_by_name() {
        let unknown = toml::from_str::<Config>("bootstrap = \"a\"\nretries = 3").unwrap_err();
        assert!(unknown.message().contains("unknown field `retries`"), "{unknown}");
        let security = "bootstrap = \"a\"\n[security]\nmechanism = \"GSSAPI\"";
        let mechanism = toml::from_str::<Config>(security).unwrap_err();
        assert!(mechanism.message().contains("GSSAPI is unknown: use SCRAM-SHA-512"), "{mechanism}");
    }

    #[test]
    fn contradictions_are_refused_with_the_next_step() {
        assert!(refused("username = \"a\"\npassword = \"b\"\npassword_file = \"c\"").ends_with("best password_file"));
        assert!(refused("username = \"a\"").ends_with("add password_file"));
        assert!(refused("password = \"a\"").ends_with("add username"));
        assert!(refused("ca_file = \"a\"").contains("set tls = true"));
        let plain = refused("username = \"a\"\npassword = \"b\"\nmechanism = \"PLAIN\"");
        assert!(plain.contains("in clear"), "{plain}");
        let never = Config { session_seconds: 0, ..Config::new("a") }.settings().unwrap_err();
        assert!(never.to_string().contains("must be 1 to 3600"), "{never}");
        assert!(Config::new(" ").settings().unwrap_err().to_string().contains("name the brokers"));
    }

    #[test]
    fn files_that_are_missing_or_something_else_are_named() {
        let missing = refused("tls = true\nca_file = \"/nowhere/ca.pem\"");
        assert!(missing.starts_with("kafka.security.ca_file names /nowhere/ca.pem, which cannot be read"), "{missing}");
        let missing = refused("username = \"a\"\npassword_file = \"/nowhere/password\"");
        assert!(missing.contains("password_file names /nowhere/password"), "{missing}");
        let empty = tempfile::NamedTempFile::new().unwrap();
        let empty = empty.path().to_str().unwrap();
        assert!(refused(&format!("tls = true\nca_file = {empty:?}")).contains("holds no CERTIFICATE"));
        assert!(refused(&format!("username = \"a\"\npassword_file = {empty:?}")).contains("should be, is empty"));
    }

    #[test]
    fn one_half_of_a_certificate_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
        let half = refused(&format!("tls = true\ncertificate_file = {:?}", file.path().to_str().unwrap()));
        assert!(half.contains("only one of certificate_file and key_file"), "{half}");
    }

    #[test]
    fn a_file_is_read_and_its_errors_name_the_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "[service]\nx = 1\n[kafka]\nbootstrap = \"a:1\"").unwrap();
        assert_eq!(Config::read(file.path()).unwrap(), Config::new("a:1"));
        fs::write(&file, "[kafka]\nbootstrap = \"a:1\"\nretries = 3").unwrap();
        let error = Config::read(file.path()).unwrap_err().to_string();
        assert!(error.contains("line 3: unknown field `retries`") && !error.contains('\n'), "{error}");
        fs::write(&file, "").unwrap();
        assert!(Config::read(file.path()).unwrap_err().to_string().contains("missing field `kafka`"));
        let missing = Config::read(Path::new("/nowhere/kafka.toml")).unwrap_err().to_string();
        assert!(missing.contains("/nowhere/kafka.toml") && missing.contains("cannot be read"), "{missing}");
    }
}
