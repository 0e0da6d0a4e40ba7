//! The memory as a process of its own.

use std::process::ExitCode;

use clap::Parser;
use move37_daemon::{Assembly, NoTables, help};
use move37_memory::MemoryService;

/// Samples parents, keeps the budget, and remembers what was learned: the memory service of Move37, on Kafka
#[derive(Debug, Parser)]
#[command(name = "memory", version, after_help = help("memory"))]
struct Arguments {
    #[command(flatten)]
    daemon: move37_daemon::Arguments,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    move37_daemon::run(&arguments.daemon, |_: &NoTables| Ok(Assembly::of(MemoryService)))
}
