//! A campaign as a page of text.

use std::time::Duration;

use move37_events::facts::{Purpose, Standing};

use super::campaign::{CampaignView, Early, Phase};
use super::experiment::{Experiment, Stage};
use super::figures::{duration, flops, number, one_line};
use super::headline::{confirmed, interval, results};

/// Rows of the leaderboard.
const ROWS: usize = 10;

/// Lanes that have a line of their own.
pub const LANES: usize = 16;

/// Head, lanes, leaderboard, failures and ledger, line by line.
pub fn report(view: &CampaignView) -> Vec<String> {
    let mut lines = vec![head(view)];
    if !view.phase().is_over() {
        lines.extend(lane_lines(view).into_iter().map(|line| format!("  {line}")));
        lines.extend(promotion_line(view).map(|line| format!("  {line}")));
    }
    lines.extend(verdict(view));
    lines.extend(leaderboard(view));
    let failures = view.failures();
    if !failures.is_empty() {
        lines.push("without an insight:".to_owned());
        lines.extend(failures.into_iter().map(|(ordinal, why)| format!("  #{ordinal}  {}", one_line(why, 110))));
    }
    lines.extend(early(view));
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

/// What is trained with fresh seeds, in one line.
pub fn promotion_line(view: &CampaignView) -> Option<String> {
    let promotion = view.promotion.as_ref()?;
    let experiment = view.experiments.get(&promotion.experiment.0)?;
    let why = match promotion.purpose {
        Purpose::Reference => "as the reference for others".to_owned(),
        Purpose::Challenge { against, look, .. } => format!("against #{against}, look {look}"),
    };
    let runs = experiment.runs.iter().filter(|(run, _)| run.0.contains("-verify-"));
    let (done, all) = runs.fold((0, 0), |(done, all), (_, run)| (done + u32::from(run.done), all + 1));
    let name = experiment.name().unwrap_or("..");
    Some(format!("verify  #{} {name}  {why}  {done} of {all} runs with fresh seeds", promotion.experiment))
}

/// What may be believed: the confirmed record, or that the best so far is none.
fn verdict(view: &CampaignView) -> Option<String> {
    if let Some(record) = &view.record {
        return Some(format!("record, confirmed with fresh seeds: {}", confirmed(record)));
    }
    let why = view.closed.as_ref().and_then(|closed| closed.unconfirmed.as_ref());
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    view.best().map(|best| {
        format!(
            "best so far, unconfirmed: #{} {} with fitness {}{why}",
            best.experiment,
            best.name,
            number(best.fitness)
        )
    })
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
        let experiment = view.experiments.get(&standing.experiment.0);
        let mark = match experiment {
            _ if baseline == Some(standing.experiment) => "  (baseline)",
            Some(experiment) if experiment.confirmed.is_some() => "  (confirmed)",
            Some(experiment) if experiment.refuted.is_some() => "  (not confirmed)",
            _ => "",
        };
        let score = experiment.and_then(|experiment| experiment.score.as_ref());
        let sizes = experiment.and_then(|experiment| experiment.admitted.as_ref()).map(|admitted| admitted.sizes);
        format!(
            "  {:>2}. {}{} #{:<3} {}  {}{}{mark}",
            place + 1,
            number(standing.fitness),
            interval(score.and_then(|score| score.interval.as_ref())),
            standing.experiment,
            standing.name,
            results(&standing.results),
            sizes.map(|sizes| format!("  SwiGLU {}", sizes.swiglu)).unwrap_or_default()
        )
    };
    let mut lines = vec!["leaderboard (fitness with interval, experiment, results on validation data; none of it is confirmed unless it says so):".to_owned()];
    lines.extend(standings.iter().enumerate().take(ROWS).map(row));
    if standings.len() > ROWS {
        lines.push(format!("      and {} more", standings.len() - ROWS));
    }
    lines
}

/// What early stopping would have saved and lost; nothing where it would have stopped nothing.
fn early(view: &CampaignView) -> Option<String> {
    let Early { runs, of, saved, wronged, regret } = view.early;
    (runs > 0).then(|| {
        let lost = match regret > 0.0 {
            true => format!("; one of them ended {} below the best loss of its peers, which would have been lost", number(regret)),
            false => "; none of them ended below the best loss of its peers".to_owned(),
        };
        format!(
            "early stopping, not applied: it would have stopped {runs} of {of} runs and saved the time of {saved:.1} whole ones; \
             {wronged} of those it stopped ended better than some run that they were judged by{lost}"
        )
    })
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
