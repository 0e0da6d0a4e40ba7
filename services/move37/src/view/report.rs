//! A campaign as a page of text.

use std::time::Duration;

use move37_events::facts::Standing;

use super::campaign::{CampaignView, Phase};
use super::experiment::{Experiment, Stage};
use super::figures::{duration, flops, number, one_line};
use super::headline::results;

/// Rows of the leaderboard.
const ROWS: usize = 10;

/// Lanes that have a line of their own.
pub const LANES: usize = 16;

/// Head, lanes, leaderboard, failures and ledger, line by line.
pub fn report(view: &CampaignView) -> Vec<String> {
    let mut lines = vec![head(view)];
    if !view.phase().is_over() {
        lines.extend(lane_lines(view).into_iter().map(|line| format!("  {line}")));
    }
    lines.extend(leaderboard(view));
    let failures = view.failures();
    if !failures.is_empty() {
        lines.push("without an insight:".to_owned());
        lines.extend(failures.into_iter().map(|(ordinal, why)| format!("  #{ordinal}  {}", one_line(why, 110))));
    }
    lines.push(ledger(view));
    lines
}

fn head(view: &CampaignView) -> String {
    let phase = match view.phase() {
        Phase::Stopping(reason) => format!("stopping: {reason}"),
        phase => phase.word().to_owned(),
    };
    let config = view.config.as_ref();
    format!(
        "{}: {phase}, {} of {} experiments done, seed {}, {} lane(s), {} facts",
        view.id,
        view.done(),
        config.map_or(0, |config| config.budget.experiments),
        config.map_or(0, |config| config.seed),
        config.map_or(0, |config| config.lanes),
        view.facts
    )
}

/// What the lanes are busy with, as far as there is room.
pub fn lane_lines(view: &CampaignView) -> Vec<String> {
    let lanes = view.lanes();
    let mut lines: Vec<String> = lanes.iter().take(LANES).map(|&(lane, open)| lane_line(lane, open)).collect();
    if lanes.len() > LANES {
        let busy = lanes.iter().filter(|(_, open)| open.is_some()).count();
        lines.push(format!("and {} more lanes; {busy} of {} are busy", lanes.len() - LANES, lanes.len()));
    }
    lines
}

/// What a lane is busy with, in one line.
pub fn lane_line(lane: u32, open: Option<(u32, &Experiment)>) -> String {
    let Some((ordinal, experiment)) = open else { return format!("lane {lane}  waits") };
    let name = experiment.name().unwrap_or("..");
    let mut line = format!("lane {lane}  #{ordinal} {name}  {}", experiment.stage().word());
    if experiment.stage() == Stage::Training {
        let at_work = experiment.runs.iter().find(|(_, run)| !run.done && run.attempt > 0);
        if let Some((id, run)) = at_work {
            line.push_str(&format!("  {id} step {}/{}", run.step, run.steps));
            if let Some(loss) = run.loss {
                line.push_str(&format!("  loss {}", number(loss)));
            }
        }
    }
    line
}

fn leaderboard(view: &CampaignView) -> Vec<String> {
    let standings = view.leaderboard();
    if standings.is_empty() {
        return Vec::new();
    }
    let baseline = view.baseline.as_ref().map(|baseline| baseline.experiment);
    let row = |(place, standing): (usize, &&Standing)| {
        let mark = if baseline == Some(standing.experiment) { "  (baseline)" } else { "" };
        format!(
            "  {:>2}. {:<6} #{:<3} {}  {}{mark}",
            place + 1,
            number(standing.fitness),
            standing.experiment,
            standing.name,
            results(&standing.results)
        )
    };
    let mut lines = vec!["leaderboard (fitness, experiment, results on validation data):".to_owned()];
    lines.extend(standings.iter().enumerate().take(ROWS).map(row));
    if standings.len() > ROWS {
        lines.push(format!("      and {} more", standings.len() - ROWS));
    }
    lines
}

fn ledger(view: &CampaignView) -> String {
    let spend = view.spend();
    let time = duration(Duration::from_secs_f64(spend.seconds.clamp(0.0, 1e9)));
    let left = match &view.left {
        Some(left) => {
            let flops_left = left.flops.map(|left| format!(", {} left", flops(left))).unwrap_or_default();
            format!("; {} experiments and {} failures left{flops_left}", left.experiments, left.failures)
        }
        None => String::new(),
    };
    format!("ledger: {} in {time} of worker time{left}", flops(spend.flops))
}
