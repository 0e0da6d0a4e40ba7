//! From arguments to an exit code: 0 yes, 1 the answer is no, 2 wrong usage, 3 it could not be done.

use std::process::ExitCode;

use clap::Parser;
use serde_json::json;

use crate::command::{
    baselines, bench, campaign, candidate, check, config, dead_letters, doctor, explain, forward, language, replay,
    run, tail, topics, train,
};
use crate::failure::{Answer, Failure};
use crate::output;

/// Discovers neural architectures by itself; every step is a fact that can be replayed
#[derive(Debug, Parser)]
#[command(name = "move37", version, arg_required_else_help = true)]
#[command(after_help = "Example:\n  move37 run --experiments 6 --seed 7\n  move37 replay --verify\n\n\
    Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 3 it could not be done.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Run(run::Arguments),
    Check(check::Arguments),
    Forward(forward::Arguments),
    Train(train::Arguments),
    Replay(replay::Arguments),
    Explain(explain::Arguments),
    Tail(tail::Arguments),
    Campaign(campaign::Arguments),
    Candidate(candidate::Arguments),
    Baselines(baselines::Arguments),
    Language(language::Arguments),
    Config(config::Arguments),
    Topics(topics::Arguments),
    DeadLetters(dead_letters::Arguments),
    Doctor(doctor::Arguments),
    Bench(bench::Arguments),
}

/// Run the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.command.json();
    match arguments.command.run() {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(failure) => {
            if json {
                output::json(&json!({ "error": failure.to_string(), "exit_code": failure.code }));
            }
            eprintln!("error: {failure}");
            ExitCode::from(failure.code)
        }
    }
}

impl Command {
    fn json(&self) -> bool {
        match self {
            Command::Run(arguments) => arguments.json,
            Command::Check(arguments) => arguments.json,
            Command::Forward(arguments) => arguments.json,
            Command::Train(arguments) => arguments.json,
            Command::Replay(arguments) => arguments.json,
            Command::Explain(arguments) => arguments.json,
            Command::Tail(arguments) => arguments.json,
            Command::Campaign(arguments) => arguments.json(),
            Command::Candidate(arguments) => arguments.json(),
            Command::Baselines(arguments) => arguments.json,
            Command::Language(arguments) => arguments.json,
            Command::Config(arguments) => arguments.json(),
            Command::Topics(arguments) => arguments.json(),
            Command::DeadLetters(arguments) => arguments.json,
            Command::Doctor(arguments) => arguments.json,
            Command::Bench(arguments) => arguments.json,
        }
    }

    fn run(&self) -> Result<Answer, Failure> {
        match self {
            Command::Run(arguments) => block_on(run::run(arguments)),
            Command::Check(arguments) => check::run(arguments),
            Command::Forward(arguments) => forward::run(arguments),
            Command::Train(arguments) => train::run(arguments),
            Command::Replay(arguments) => block_on(replay::run(arguments)),
            Command::Explain(arguments) => block_on(explain::run(arguments)),
            Command::Tail(arguments) => block_on(tail::run(arguments)),
            Command::Campaign(arguments) => block_on(campaign::run(arguments)),
            Command::Candidate(arguments) => block_on(candidate::run(arguments)),
            Command::Baselines(arguments) => block_on(baselines::run(arguments)),
            Command::Language(arguments) => language::run(arguments),
            Command::Config(arguments) => config::run(arguments),
            Command::Topics(arguments) => block_on(topics::run(arguments)),
            Command::DeadLetters(arguments) => block_on(dead_letters::run(arguments)),
            Command::Doctor(arguments) => block_on(doctor::run(arguments)),
            Command::Bench(arguments) => block_on(bench::run(arguments)),
        }
    }
}

fn block_on(work: impl Future<Output = Result<Answer, Failure>>) -> Result<Answer, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
