//! The log on stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{Format, Log};

/// The HTTP server's own words are of no use, unless the filter asks for them.
const QUIET: &str = "actix_server=warn";

/// Send what is told to stderr, from now on.
pub(crate) fn start(log: &Log) {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", log.filter)).expect("the configuration has checked it");
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match log.format {
        Format::Text => lines.with_ansi(io::stderr().is_terminal()).with_target(false).init(),
        Format::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
    }
}
