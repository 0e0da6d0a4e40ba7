//! The command line of Move37: one file per command under `command`, what people see of a log under `view`, the five
//! services in one process under `engine`.

mod audit;
mod cli;
mod command;
mod config;
mod engine;
mod failure;
mod interrupt;
mod journal;
mod output;
mod place;
mod progress;
mod records;
mod seeds;
mod state;
mod view;

fn main() -> std::process::ExitCode {
    cli::main()
}
