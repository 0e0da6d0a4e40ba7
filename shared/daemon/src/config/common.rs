//! The tables that all services have.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de};
use tracing_subscriber::EnvFilter;

/// What every service is told.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    /// The cluster.
    pub kafka: move37_kafka::Config,
    /// Health and metrics.
    #[serde(default)]
    pub http: Http,
    /// What it tells.
    #[serde(default)]
    pub log: Log,
    /// Its leaving.
    #[serde(default)]
    pub drain: Drain,
}

impl Common {
    /// Names of the tables.
    pub(crate) const TABLES: [&str; 4] = ["kafka", "http", "log", "drain"];
}

/// The table `[http]`: where `/healthz`, `/readyz` and `/metrics` are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Address and port; port 0 takes a free one, which the log names.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
}

impl Default for Http {
    fn default() -> Http {
        Http { listen: (Ipv4Addr::UNSPECIFIED, 8080).into() }
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| de::Error::custom(format!("`{text}` is no address and port such as 0.0.0.0:8080")))
}

/// The table `[log]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// For people or for machines.
    pub format: Format,
    /// What is told: a level, or levels by module, such as `info,move37_kafka=debug`.
    #[serde(deserialize_with = "filter")]
    pub filter: String,
}

impl Default for Log {
    fn default() -> Log {
        Log { format: Format::Text, filter: "info".to_owned() }
    }
}

fn filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match EnvFilter::try_new(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(de::Error::custom(format!("`{text}` is no filter such as info,move37_kafka=debug"))),
    }
}

/// How the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The table `[drain]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Drain {
    /// How long leaving may take; keep it below the patience of whoever sends the signal.
    pub seconds: u64,
}

impl Default for Drain {
    fn default() -> Drain {
        Drain { seconds: 20 }
    }
}

impl Drain {
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// For a service without tables of its own.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NoTables {}
