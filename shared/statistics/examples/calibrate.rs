//! Hold the sequential test against real values: false alarms, false records of whole campaigns, power and seeds spent.
//!
//! ```text
//! move37 run --experiments 0 --seeds 30 && move37 baselines --json > values.json
//! cargo run --release -p move37-statistics --example calibrate -- values.json
//! ```
//!
//! The file is what `move37 baselines --json` prints, or `{"task": [values]}` with higher values better. "All tasks" is the
//! fitness in units of noise over all tasks of a program. Exit code 1: a bound is not met.

use std::collections::BTreeMap;
use std::error::Error;
use std::process::ExitCode;

use move37_statistics::calibrate::{Count, Setting, together};
use move37_statistics::sequential::Plan;
use move37_statistics::{Chance, Spending, deviation, mean};
use serde_json::Value;

/// Effects that power is told for, in deviations.
const EFFECTS: [f64; 3] = [0.5, 1.0, 2.0];
/// Runs of all tasks that are made of the given ones.
const TOGETHER: usize = 400;
/// A false-alarm rate may be shown to be at most so many times the nominal one.
const ALLOWED: f64 = 1.5;
const USAGE: &str = "usage: calibrate VALUES.json [--alpha 0.05] [--tests 200] [--looks 3,6,12] [--store 10] \
                     [--comparisons 20000] [--campaigns 2000]";

struct Options {
    spending: Spending,
    setting: Setting,
    comparisons: u64,
    campaigns: u64,
}

type Task = (String, Vec<f64>);

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = Options::take(&mut arguments)?;
    let [path] = &arguments[..] else { return Err(USAGE.into()) };
    let mut tasks = tasks(&serde_json::from_str(&std::fs::read_to_string(path)?)?);
    if tasks.is_empty() {
        return Err(format!("{path} has no task with at least 2 values").into());
    }
    tasks.extend(all_tasks(&tasks));
    println!("looks at {:?} seeds, noise floor from {} runs", options.setting.plan.looks(), options.setting.store);
    let met = [false_alarms(&options, &tasks), false_records(&options, &tasks)];
    power(&options, &tasks);
    let met = met.iter().all(|met| *met);
    println!("\n{}", if met { "every bound is met" } else { "a bound is not met" });
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Single tests of renamed baselines: with all of alpha, and with the shares of a campaign's first and tenth test.
fn false_alarms(options: &Options, tasks: &[Task]) -> bool {
    println!(
        "\n| task | runs | mean | deviation | nominal | comparisons | false alarms | 95 % upper bound | at most | |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|---|");
    let mut all = true;
    for (name, runs) in tasks {
        for nominal in [options.spending.alpha, options.spending.share(1), options.spending.share(10)] {
            // Enough that a rate at its nominal value could be shown to be below the bound.
            let of = options.comparisons.max((40.0 / nominal.max(1e-6)) as u64);
            let mut chance = Chance::of(runs);
            let count = options.setting.comparisons(runs, 0.0, nominal, of, &mut chance);
            let met = count.upper() <= ALLOWED * nominal;
            all &= met;
            println!(
                "| {name} | {} | {:.4} | {:.4} | {nominal:.5} | {of} | {:.5} | {:.5} | {:.5} | {} |",
                runs.len(),
                mean(runs),
                deviation(runs).unwrap_or(0.0),
                count.rate(),
                count.upper(),
                ALLOWED * nominal,
                word(met)
            );
        }
    }
    all
}

/// Campaigns of renamed baselines.
fn false_records(options: &Options, tasks: &[Task]) -> bool {
    println!(
        "\n| task | renamed per campaign | campaigns | nominal | false records | 95 % upper bound | seeds each | |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|---|");
    let mut all = true;
    for (name, runs) in tasks {
        let spending = options.spending;
        let count = options.setting.campaigns(runs, spending, options.campaigns, &mut Chance::of(runs));
        let met = count.upper() <= spending.alpha;
        all &= met;
        println!(
            "| {name} | {} | {} | {} | {:.4} | {:.4} | {:.2} | {} |",
            spending.tests,
            count.of,
            spending.alpha,
            count.rate(),
            count.upper(),
            count.seeds_each() / f64::from(spending.tests),
            word(met)
        );
    }
    all
}

/// Better candidates, against a test of the same error that always trains the last look's seeds.
fn power(options: &Options, tasks: &[Task]) {
    let last = options.setting.plan.last();
    println!("\n| task | nominal | effect (deviations) | found | seeds | found with {last} seeds |");
    println!("|---|--:|--:|--:|--:|--:|");
    let Ok(plan) = Plan::new(&[last]) else { return };
    let fixed = Setting { plan, store: options.setting.store };
    let of = options.comparisons / 10;
    for (name, runs) in tasks {
        for nominal in [options.spending.share(1), options.spending.share(10)] {
            for effect in EFFECTS {
                let with = |setting: &Setting| -> Count {
                    setting.comparisons(runs, effect, nominal, of, &mut Chance::of(runs))
                };
                let (sequential, fixed) = (with(&options.setting), with(&fixed));
                println!(
                    "| {name} | {nominal:.5} | {effect} | {:.3} | {:.1} | {:.3} |",
                    sequential.rate(),
                    sequential.seeds_each(),
                    fixed.rate()
                );
            }
        }
    }
}

/// The fitness of each program that has several tasks.
fn all_tasks(tasks: &[Task]) -> Vec<Task> {
    let mut programs: BTreeMap<&str, Vec<&[f64]>> = BTreeMap::new();
    for (name, runs) in tasks {
        programs.entry(name.split_once(", ").map_or("", |(_, program)| program)).or_default().push(runs);
    }
    let several = programs.into_iter().filter(|(_, runs)| runs.len() > 1);
    let of_program = |(program, runs): (&str, Vec<&[f64]>)| {
        (format!("all tasks {program}").trim_end().to_owned(), together(&runs, TOGETHER, &mut Chance::of(runs[0])))
    };
    several.map(of_program).collect()
}

fn word(met: bool) -> &'static str {
    if met { "met" } else { "NOT MET" }
}

impl Options {
    /// Take the options out of the arguments.
    fn take(arguments: &mut Vec<String>) -> Result<Options, Box<dyn Error>> {
        let mut value = |name: &str, default: &str| -> Result<String, Box<dyn Error>> {
            let Some(at) = arguments.iter().position(|argument| argument == name) else {
                return Ok(default.to_owned());
            };
            if at + 1 >= arguments.len() {
                return Err(format!("{name} has no value; {USAGE}").into());
            }
            let value = arguments.remove(at + 1);
            arguments.remove(at);
            Ok(value)
        };
        let looks = value("--looks", "3,6,12")?;
        let looks: Vec<u32> = looks.split(',').map(str::parse).collect::<Result<_, _>>()?;
        Ok(Options {
            spending: Spending { alpha: value("--alpha", "0.05")?.parse()?, tests: value("--tests", "200")?.parse()? },
            setting: Setting { plan: Plan::new(&looks)?, store: value("--store", "10")?.parse()? },
            comparisons: value("--comparisons", "20000")?.parse()?,
            campaigns: value("--campaigns", "2000")?.parse()?,
        })
    }
}

/// The values of each task, or of each program on each task, higher better.
fn tasks(file: &Value) -> Vec<Task> {
    let numbers =
        |value: &Value| -> Vec<f64> { value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect() };
    let mut tasks: Vec<Task> = Vec::new();
    match file["tasks"].as_array() {
        Some(listed) => {
            for task in listed {
                let sign = if task["higher_is_better"] == Value::Bool(true) { 1.0 } else { -1.0 };
                for program in task["programs"].as_array().into_iter().flatten() {
                    let name = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    let values = numbers(&program["values"]).into_iter().map(|value| sign * value).collect();
                    tasks.push((format!("{}, {}", name(&task["task"]), name(&program["program"])), values));
                }
            }
        }
        None => {
            tasks.extend(file.as_object().into_iter().flatten().map(|(task, values)| (task.clone(), numbers(values))))
        }
    }
    tasks.retain(|(_, values)| values.len() >= 2);
    tasks
}
