//! The trainer, or with `--worker` one of its workers, as a process of its own.

mod config;

use std::process::ExitCode;

use clap::Parser;
use move37_daemon::help;

use crate::config::Config;

/// Places trainings on workers and watches over them: the trainer service of Move37, on Kafka
#[derive(Debug, Parser)]
#[command(name = "trainer", version, after_help = help("trainer"))]
struct Arguments {
    #[command(flatten)]
    daemon: move37_daemon::Arguments,
    /// Be a worker instead: train what the trainer places here
    #[arg(long)]
    worker: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.worker {
        true => move37_daemon::run(&arguments.daemon, Config::worker),
        false => move37_daemon::run(&arguments.daemon, Config::trainer),
    }
}
