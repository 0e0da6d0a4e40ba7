//! The engineer as a process of its own.

use std::process::ExitCode;

use clap::Parser;
use move37_daemon::{Assembly, NoTables, help};
use move37_engineer::EngineerService;

/// Turns hypotheses into programs and proves them fit: the engineer service of Move37, on Kafka
#[derive(Debug, Parser)]
#[command(name = "engineer", version, after_help = help("engineer"))]
struct Arguments {
    #[command(flatten)]
    daemon: move37_daemon::Arguments,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    move37_daemon::run(&arguments.daemon, |_: &NoTables| Ok(Assembly::of(EngineerService)))
}
