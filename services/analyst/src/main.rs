//! The analyst as a process of its own.

use std::process::ExitCode;

use clap::Parser;
use move37_analyst::AnalystService;
use move37_daemon::{Assembly, NoTables, help};

/// Scores what was trained and says what was learned: the analyst service of Move37, on Kafka
#[derive(Debug, Parser)]
#[command(name = "analyst", version, after_help = help("analyst"))]
struct Arguments {
    #[command(flatten)]
    daemon: move37_daemon::Arguments,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    move37_daemon::run(&arguments.daemon, |_: &NoTables| Ok(Assembly::of(AnalystService)))
}
