//! What every service's command line takes. Secrets are no arguments: anybody may list a process's.

use std::path::PathBuf;

/// The arguments that all services have.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct Arguments {
    /// Configuration (TOML); MOVE37_<TABLE>__<KEY> of the environment overrides it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the configuration as it would be used, without secrets, and end
    #[arg(long)]
    pub check_config: bool,
}

/// What a service's help ends with.
pub fn help(name: &str) -> String {
    format!(
        "Example:\n  {name} --config {name}.toml\n  MOVE37_KAFKA__BOOTSTRAP=kafka:9092 {name}\n\n\
         Every key of the configuration may come from the environment: MOVE37_HTTP__LISTEN is listen in [http].\n\
         SIGTERM drains it, a second one ends it at once.\n\n\
         Exit codes: 0 it left as asked, 2 wrong usage or configuration, 3 it failed."
    )
}
