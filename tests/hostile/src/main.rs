//! Hostile texts against the gate, each in a process that may die.
//!
//!     cargo run -p move37-hostile -- --inputs 100000 --seed 1
//!
//! The supervisor tells a child which texts to judge and listens. A panic, an abort, a text that takes too long or more
//! memory than is allowed is a failure: its text is kept, the child is replaced and the next text is judged.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use move37_hostile::{Mutator, judge, layers};

/// Judge the gate by texts that are drawn from a seed; exit code 1 if one breaks it
#[derive(Debug, Parser)]
struct Arguments {
    /// How many texts
    #[arg(long, default_value_t = 100_000)]
    inputs: u64,
    /// Number of the first text
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Longest time for one text, in seconds
    #[arg(long, default_value_t = 60.0)]
    limit: f64,
    /// Address space of the judging process, in MiB
    #[arg(long, default_value_t = 8192)]
    memory: u64,
    /// Where the texts that break the gate are kept
    #[arg(long, default_value = "target/hostile")]
    out: PathBuf,
    /// Judge without a supervisor
    #[arg(long, hide = true)]
    child: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = if arguments.child { child(&arguments) } else { supervise(&arguments) };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("failed to {error:#}");
            ExitCode::from(3)
        }
    }
}

/// One line before and one after each text.
fn child(arguments: &Arguments) -> Result<bool> {
    let mutator = Mutator::new(layers().context("read the layers")?);
    let mut out = std::io::stdout().lock();
    for number in arguments.seed..arguments.seed + arguments.inputs {
        let text = mutator.text(number);
        writeln!(out, "begin {number}")?;
        out.flush()?;
        let judged = judge(&text);
        let verdict = match judged.fault {
            Some(fault) => fault.replace('\n', " "),
            None if judged.admitted => "admitted".to_owned(),
            None => "refused".to_owned(),
        };
        writeln!(out, "end {} {verdict}", judged.took.as_millis())?;
        out.flush()?;
    }
    Ok(true)
}

#[derive(Default)]
struct Tally {
    judged: u64,
    admitted: u64,
    broken: Vec<(u64, String)>,
    /// Milliseconds and number.
    slowest: Vec<(u64, u64)>,
}

fn supervise(arguments: &Arguments) -> Result<bool> {
    let mutator = Mutator::new(layers().context("read the layers")?);
    let end = arguments.seed + arguments.inputs;
    let limit = Duration::from_secs_f64(arguments.limit);
    let mut tally = Tally::default();
    let mut next = arguments.seed;
    let mut told = Instant::now();
    let begun = Instant::now();
    while next < end {
        let (mut process, lines) = start(arguments, next, end - next)?;
        loop {
            let line = lines.recv_timeout(limit);
            let broken = match line {
                Ok(line) => match line.split_once(' ') {
                    Some(("end", rest)) => {
                        let (took, verdict) = rest.split_once(' ').context("read the child's line")?;
                        tally.slowest.push((took.parse()?, next));
                        tally.admitted += u64::from(verdict == "admitted");
                        next += 1;
                        let sound = matches!(verdict, "admitted" | "refused");
                        (!sound).then(|| (next - 1, verdict.to_owned()))
                    }
                    _ => continue,
                },
                Err(RecvTimeoutError::Timeout) => {
                    process.kill().context("stop the child")?;
                    next += 1;
                    Some((next - 1, format!("no answer within {} s", arguments.limit)))
                }
                Err(RecvTimeoutError::Disconnected) if next == end => break,
                Err(RecvTimeoutError::Disconnected) => {
                    next += 1;
                    Some((next - 1, format!("the process died: {}", process.wait().context("await the child")?)))
                }
            };
            tally.judged += 1;
            tally.slowest.sort_unstable_by(|a, b| b.cmp(a));
            tally.slowest.truncate(5);
            let gone =
                matches!(&broken, Some((_, why)) if why.starts_with("no answer") || why.starts_with("the process"));
            if let Some((number, why)) = broken {
                keep(&arguments.out, number, &mutator.text(number))?;
                println!("text {number}: {why}");
                tally.broken.push((number, why));
            }
            if told.elapsed() > Duration::from_secs(30) {
                told = Instant::now();
                println!(
                    "{} of {} judged, {} admitted, {} broke the gate",
                    tally.judged,
                    arguments.inputs,
                    tally.admitted,
                    tally.broken.len()
                );
            }
            if gone {
                break;
            }
        }
        let _ = process.kill();
        process.wait().context("await the child")?;
        if tally.broken.len() > 100 {
            bail!("go on: more than 100 texts broke the gate");
        }
    }
    println!(
        "{} texts from seed {}: {} admitted, {} refused, {} broke the gate, in {:.0} s",
        tally.judged,
        arguments.seed,
        tally.admitted,
        tally.judged - tally.admitted - tally.broken.len() as u64,
        tally.broken.len(),
        begun.elapsed().as_secs_f64()
    );
    let slowest: Vec<String> = tally.slowest.iter().map(|(ms, number)| format!("{ms} ms (text {number})")).collect();
    println!("slowest: {}", slowest.join(", "));
    Ok(tally.broken.is_empty())
}

/// A child under the limit of memory, and the lines that it says.
fn start(arguments: &Arguments, seed: u64, inputs: u64) -> Result<(Child, Receiver<String>)> {
    let own = std::env::current_exe().context("find this program")?;
    let mut process = Command::new("bash")
        .args(["-c", "ulimit -v $(($1 * 1024)) && shift && exec \"$@\"", "bash"])
        .arg(arguments.memory.to_string())
        .arg(own)
        .args(["--child", "--seed", &seed.to_string(), "--inputs", &inputs.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .stdin(Stdio::null())
        .spawn()
        .context("start the judging process with bash")?;
    let out = process.stdout.take().expect("it was asked for");
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    Ok((process, lines))
}

fn keep(folder: &Path, number: u64, text: &str) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let path = folder.join(format!("{number}.py"));
    std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))
}
