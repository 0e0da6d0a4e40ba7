//! The researcher as a process of its own.

use std::process::ExitCode;

use clap::Parser;
use move37_daemon::{Assembly, NoTables, help};
use move37_researcher::ResearcherService;

/// States hypotheses: the researcher service of Move37, on Kafka
#[derive(Debug, Parser)]
#[command(name = "researcher", version, after_help = help("researcher"))]
struct Arguments {
    #[command(flatten)]
    daemon: move37_daemon::Arguments,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    move37_daemon::run(&arguments.daemon, |_: &NoTables| Ok(Assembly::of(ResearcherService)))
}
