//! A service as a process: its configuration, health, metrics, and its leaving in good order.
//!
//! A binary parses [`Arguments`] and calls [`run`] with a function that makes its service. From there on it is the
//! same for all: [`Config`] is read (a TOML file, then the environment), the log is connected to, the service is
//! started and looked after by `life`, while `http` answers `/healthz`, `/readyz` and `/metrics` from a
//! [`Snapshot`]. A polite signal drains it.
//!
//! Exit codes: 0 it left as asked, 2 the arguments or the configuration are wrong, 3 it failed.
//!
//! What it does not do: know any service, or repair anything that a restart does not cure.

mod arguments;
mod assembly;
mod config;
mod error;
mod http;
mod life;
mod logging;
mod metrics;
mod process;
mod signals;
mod standing;

pub use arguments::{Arguments, help};
pub use assembly::{Assembly, Refused};
pub use config::{Common, Config, Drain, Error as ConfigError, Format, Http, Log, NoTables};
pub use process::run;
pub use standing::{Phase, Snapshot};
