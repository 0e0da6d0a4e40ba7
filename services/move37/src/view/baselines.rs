//! The programs that a campaign was given at its start, by their runs over many seeds.

use move37_core::CampaignId;
use move37_events::facts::RunResult;
use move37_statistics::{Interval, deviation, interval, mean, proportion};
use serde_json::{Value, json};

use super::campaign::{CampaignView, failure};
use super::experiment::Experiment;

/// Confidence of the table's intervals.
const CONFIDENCE: f64 = 0.95;
/// A run of at least this accuracy has solved its task: accuracies have two peaks, so a mean alone says little.
const SOLVED: f64 = 0.95;

/// A campaign's baselines, task by task.
#[derive(Clone, Debug, PartialEq)]
pub struct Baselines {
    campaign: CampaignId,
    tasks: Vec<Task>,
    /// Programs without a result, and why.
    missing: Vec<(String, String)>,
}

/// What all programs do on one task.
#[derive(Clone, Debug, PartialEq)]
struct Task {
    name: String,
    higher_is_better: bool,
    /// Best mean first.
    rows: Vec<Row>,
}

/// What one program does on it.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    experiment: u32,
    program: String,
    baseline: bool,
    /// Values on validation data, by seed number.
    values: Vec<f64>,
    /// Validation losses, by seed number.
    losses: Vec<f64>,
}

impl Baselines {
    /// What the campaign's facts say of its seed programs.
    pub fn of(view: &CampaignView) -> Baselines {
        let programs: Vec<_> = view.experiments.iter().filter(|(_, experiment)| experiment.is_seed()).collect();
        let tasks = view.config.iter().flat_map(|config| &config.tasks).map(|task| {
            let rows = programs.iter().filter_map(|(ordinal, experiment)| row(**ordinal, experiment, &task.name));
            Task { name: task.name.clone(), higher_is_better: task.kind.higher_is_better(), rows: rows.collect() }
        });
        let mut tasks: Vec<Task> = tasks.collect();
        tasks.iter_mut().for_each(Task::sort);
        let missing = programs.iter().filter_map(|(ordinal, experiment)| missing(**ordinal, experiment)).collect();
        Baselines { campaign: view.id.clone(), tasks, missing }
    }

    /// Whether no program has a result.
    pub fn is_empty(&self) -> bool {
        self.tasks.iter().all(|task| task.rows.is_empty())
    }

    /// The table, line by line.
    pub fn lines(&self) -> Vec<String> {
        let mut lines =
            vec![format!("baselines of {} (validation data, {:.0} % intervals)", self.campaign, 1e2 * CONFIDENCE)];
        self.tasks.iter().for_each(|task| lines.extend(task.lines()));
        if !self.missing.is_empty() {
            lines.push("without a result:".to_owned());
            lines.extend(self.missing.iter().map(|(program, why)| format!("  {program}  {why}")));
        }
        lines
    }

    /// Everything, raw values included.
    pub fn json(&self) -> Value {
        let task = |task: &Task| {
            json!({
                "task": task.name,
                "higher_is_better": task.higher_is_better,
                "programs": task.rows.iter().map(|row| row.json(task.higher_is_better)).collect::<Vec<_>>(),
            })
        };
        let missing = self.missing.iter().map(|(program, why)| json!({ "program": program, "why": why }));
        json!({
            "campaign": self.campaign.to_string(),
            "confidence": CONFIDENCE,
            "solved_at": SOLVED,
            "tasks": self.tasks.iter().map(task).collect::<Vec<_>>(),
            "missing": missing.collect::<Vec<_>>(),
        })
    }
}

impl Task {
    fn sort(&mut self) {
        let sign = if self.higher_is_better { -1.0 } else { 1.0 };
        self.rows.sort_by(|a, b| (sign * mean(&a.values)).total_cmp(&(sign * mean(&b.values))));
    }

    fn lines(&self) -> Vec<String> {
        let (what, order) = match self.higher_is_better {
            true => ("accuracy", "higher is better"),
            false => ("loss in nats", "lower is better"),
        };
        let wide = self.rows.iter().map(|row| row.label().len()).max().unwrap_or(0).max("program".len());
        let mut head =
            format!("  {:<wide$}  {:>5}  {:>7}  {:<18}  {:>9}", "program", "seeds", "mean", "interval", "deviation");
        if self.higher_is_better {
            head.push_str(&format!("  {:<22}  {:>7}", format!("solved (>= {SOLVED})"), "loss"));
        }
        let mut lines = vec![format!("{}: {what}, {order}", self.name), head.trim_end().to_owned()];
        lines.extend(self.rows.iter().map(|row| row.line(wide, self.higher_is_better)));
        lines
    }
}

impl Row {
    fn label(&self) -> String {
        format!("#{} {}{}", self.experiment, self.program, if self.baseline { " (baseline)" } else { "" })
    }

    fn interval(&self) -> Option<Interval> {
        interval(&self.values, CONFIDENCE)
    }

    fn solved(&self) -> usize {
        self.values.iter().filter(|value| **value >= SOLVED).count()
    }

    /// Two-sided bounds of the share of seeds that solve the task.
    fn solved_bounds(&self) -> (f64, f64) {
        let (hits, of, each) = (self.solved() as u64, self.values.len() as u64, 1.0 - (1.0 - CONFIDENCE) / 2.0);
        (proportion::lower(hits, of, each), proportion::upper(hits, of, each))
    }

    fn line(&self, wide: usize, accuracy: bool) -> String {
        let interval = self.interval().map(|i| format!("{:.4} .. {:.4}", i.low, i.high)).unwrap_or("-".to_owned());
        let deviation = deviation(&self.values).map(|d| format!("{d:.4}")).unwrap_or("-".to_owned());
        let mut line = format!(
            "  {:<wide$}  {:>5}  {:>7.4}  {interval:<18}  {deviation:>9}",
            self.label(),
            self.values.len(),
            mean(&self.values)
        );
        if accuracy {
            let (low, high) = self.solved_bounds();
            let solved = format!("{}/{} ({low:.2} .. {high:.2})", self.solved(), self.values.len());
            line.push_str(&format!("  {solved:<22}  {:>7.4}", mean(&self.losses)));
        }
        line
    }

    fn json(&self, accuracy: bool) -> Value {
        let mut row = json!({
            "experiment": self.experiment,
            "program": self.program,
            "baseline": self.baseline,
            "seeds": self.values.len(),
            "mean": mean(&self.values),
            "interval": self.interval().map(|interval| json!({ "low": interval.low, "high": interval.high })),
            "deviation": deviation(&self.values),
            "loss": mean(&self.losses),
            "values": self.values,
            "losses": self.losses,
        });
        if accuracy {
            let (low, high) = self.solved_bounds();
            row["solved"] = json!({ "seeds": self.solved(), "low": low, "high": high });
        }
        row
    }
}

/// None where the program has no result on the task.
fn row(experiment: u32, of: &Experiment, task: &str) -> Option<Row> {
    let trained = of.trained.as_ref()?;
    let mut runs: Vec<&RunResult> = trained.runs.iter().filter(|run| run.task == task).collect();
    runs.sort_by_key(|run| run.seed);
    (!runs.is_empty()).then(|| Row {
        experiment,
        program: trained.brief.name.clone(),
        baseline: trained.baseline,
        values: runs.iter().map(|run| run.value).collect(),
        losses: runs.iter().map(|run| run.validation_loss).collect(),
    })
}

/// A seed program without a result: its name, and how far it is.
fn missing(ordinal: u32, experiment: &Experiment) -> Option<(String, String)> {
    if experiment.trained.is_some() {
        return None;
    }
    let name = format!("#{ordinal} {}", experiment.name().unwrap_or(".."));
    let done = experiment.runs.values().filter(|run| run.done).count();
    let why = match experiment.recorded.as_ref().and_then(|recorded| failure(&recorded.ending)) {
        Some(why) => why.to_owned(),
        None => format!("{}, {done} of {} runs done", experiment.stage().word(), experiment.runs.len()),
    };
    Some((name, why))
}
