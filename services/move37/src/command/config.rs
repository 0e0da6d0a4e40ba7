//! `config`: the campaign file, as it stands or as a schema.

use std::path::PathBuf;

use serde_json::json;

use crate::config::{Config, Profile};
use crate::failure::{Answer, Failure};
use crate::output;

/// Print the configuration of a campaign, or the schema of campaign files
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  move37 config show > campaign.toml\n  move37 config schema > campaign.schema.json")]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print the whole configuration: defaults, with a campaign file's values over them
    #[command(after_help = "Example:\n  move37 config show --config campaign.toml --json")]
    Show {
        /// Campaign file
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// A configuration that comes with the binary, instead of a file
        #[arg(long, value_name = "NAME", conflicts_with = "config")]
        profile: Option<Profile>,
        /// Print JSON instead of TOML
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of campaign files
    #[command(after_help = "Example:\n  move37 config schema")]
    Schema {
        /// Print it on one line
        #[arg(long)]
        json: bool,
    },
}

impl Arguments {
    /// Whether machines read the output.
    pub fn json(&self) -> bool {
        let (Action::Show { json, .. } | Action::Schema { json }) = &self.action;
        *json
    }
}

pub fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    match &arguments.action {
        Action::Show { config, profile, json } => {
            let config = Config::named(config.as_deref(), *profile)?;
            match json {
                true => output::json(&json!(config)),
                false => output::line(config.to_toml().trim_end()),
            }
        }
        Action::Schema { json: true } => output::json(&json!(schemars::schema_for!(Config))),
        Action::Schema { json: false } => output::line(format!("{:#}", json!(schemars::schema_for!(Config)))),
    }
    Ok(Answer::Yes)
}
