//! From arguments to an exit code.

use std::process::ExitCode;

use move37_runtime::Service;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::arguments::Arguments;
use crate::assembly::{Assembly, Refused};
use crate::config::Config;
use crate::error::Error;
use crate::{life, logging};

/// Run a service until it is asked to end. It is made of its own tables of the configuration, and made again when the
/// process has to start over because the log was away for too long.
pub fn run<T, S>(arguments: &Arguments, assemble: impl Fn(&T) -> Result<Assembly<S>, Refused>) -> ExitCode
where
    T: DeserializeOwned + Serialize,
    S: Service,
{
    match try_run(arguments, assemble) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.code())
        }
    }
}

fn try_run<T, S>(arguments: &Arguments, assemble: impl Fn(&T) -> Result<Assembly<S>, Refused>) -> Result<(), Error>
where
    T: DeserializeOwned + Serialize,
    S: Service,
{
    // A name or value that is no text cannot be one of ours.
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config: Config<T> = Config::load(arguments.config.as_deref(), environment)?;
    let settings = config.common.kafka.settings()?;
    let assemble = || assemble(&config.own).map_err(Error::Refused);
    assemble()?;
    if arguments.check_config {
        print!("{}", config.effective());
        return Ok(());
    }
    logging::start(&config.common.log);
    let effective = serde_json::to_string(&config.effective()).expect("tables of texts and numbers are JSON");
    tracing::info!(version = env!("CARGO_PKG_VERSION"), config = %effective, "starting");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Error::System { what: "threads", source })?;
    runtime.block_on(life::live(&config.common, settings, assemble))
}
