//! Which runs are stopped before their end, and what stopping early would have cost.
//!
//! A run is judged by what its worker tells of it and by its peers, the completed runs of the same task and stage, which
//! the trainer knows by its own facts. Three rules:
//!
//! - **slow**: it takes several times as long as its peers.
//! - **implausible**: nobody learns so fast. On a language, a loss below half of the lowest that any peer ever had at
//!   whatever step: architectures differ by some percent there, and what sees the future by orders of magnitude. Other
//!   tasks can be solved altogether, so a low loss proves nothing; there only the first twentieth of the steps is judged,
//!   whose mean loss includes the steps before anything was learned. It cannot be a tenth of the peers' unless the first
//!   answers were right already.
//! - **early**: its loss is far above its peers' at the same step. Off, on, or in the shadow: then nothing is stopped, and
//!   what it would have saved and lost is recorded once the run has completed.
//!
//! The baseline is never stopped.

use move37_events::facts::{
    CurvePoint, Early, EarlyMode, Implausible, MetricsRecorded, RunCompleted, RunSpared, Stage, Task, Watch,
};
use move37_statistics::early::{self, Judgement, Point, Rule};
use serde::{Deserialize, Serialize};

/// Peers that are remembered of a task: the last ones.
const MOST: usize = 256;

/// Points that a worker tells of a run's curve.
const POINTS: u32 = 20;

/// What is remembered of a completed run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Peer {
    /// Its time, where one attempt trained it from the start.
    seconds: Option<f64>,
    curve: Vec<CurvePoint>,
}

/// The completed runs of one task in one stage, in the order in which they completed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Peers(Vec<Peer>);

/// A run under way, as its worker tells.
pub(crate) struct Running<'a> {
    pub(crate) task: &'a Task,
    pub(crate) stage: Stage,
    /// Whether this attempt began at the start.
    pub(crate) whole: bool,
    pub(crate) told: &'a MetricsRecorded,
}

impl Peers {
    /// A run completed.
    pub(crate) fn add(&mut self, body: &RunCompleted, whole: bool) {
        let seconds = whole.then_some(body.spend.seconds);
        self.0.push(Peer { seconds, curve: body.result.curve.clone() });
        let surplus = self.0.len().saturating_sub(MOST);
        self.0.drain(..surplus);
    }

    /// Why a run is to be stopped, with the evidence; none: it goes on.
    pub(crate) fn judge(&self, watch: &Watch, running: &Running<'_>) -> Option<String> {
        self.slow(watch, running)
            .or_else(|| self.implausible(watch.implausible?, watch.peers, running))
            .or_else(|| self.early(&watch.early, running))
    }

    fn slow(&self, watch: &Watch, running: &Running<'_>) -> Option<String> {
        let factor = watch.slow?;
        let mut times: Vec<f64> = self.0.iter().filter_map(|peer| peer.seconds).collect();
        if times.len() < least(watch.peers) {
            return None;
        }
        times.sort_by(f64::total_cmp);
        let (median, seconds) = (times[times.len() / 2], running.told.spend.seconds);
        (seconds > (factor * median).max(watch.least_seconds)).then(|| {
            format!(
                "after {} of {} steps it has taken {seconds:.1} s, more than {factor} times the median of {} completed \
                 runs of its task, {median:.1} s",
                running.told.step,
                running.told.steps,
                times.len()
            )
        })
    }

    fn implausible(&self, shares: Implausible, peers: u32, running: &Running<'_>) -> Option<String> {
        if self.0.len() < least(peers) {
            return None;
        }
        let steps = running.told.steps;
        let (share, lowest, points, what) = match running.task.kind.higher_is_better() {
            false => {
                let losses = self.0.iter().flat_map(|peer| &peer.curve).map(|point| point.loss);
                (shares.language, lowest(losses), running.told.points.as_slice(), "any loss")
            }
            true => {
                let beginnings = self.0.iter().filter_map(|peer| beginning(&peer.curve, steps));
                let first = |point: &&CurvePoint| running.whole && point.step <= stride(steps);
                let points = running.told.points.split_at(running.told.points.iter().take_while(first).count()).0;
                (shares.others, lowest(beginnings), points, "the mean loss over the first twentieth")
            }
        };
        // Peers without a curve are no measure.
        let point = points.iter().find(|point| lowest.is_finite() && point.loss < share * lowest)?;
        Some(format!(
            "its loss at step {} of {steps} is {:.4}, which nobody believes: it is less than {share} times {what} of {} \
             completed runs of its task, {lowest:.4}; look for a leak of the answers",
            point.step,
            point.loss,
            self.0.len()
        ))
    }

    fn early(&self, by: &Early, running: &Running<'_>) -> Option<String> {
        if by.mode != EarlyMode::On || running.stage != Stage::Explore {
            return None;
        }
        let (steps, curves) = (running.told.steps, self.curves());
        let judged = running.told.points.iter().find_map(|point| {
            let due = by.at.iter().map(|share| (share * f64::from(steps)).ceil());
            // The first point at or after it.
            let mut due = due.filter(|due| (0.0..f64::from(stride(steps))).contains(&(f64::from(point.step) - due)));
            let now = due.next()?;
            let rule = Rule { fractions: vec![now / f64::from(steps)], ..rule(by) };
            match early::judge(&rule, &[(u64::from(point.step), point.loss)], u64::from(steps), &slices(&curves)) {
                Judgement::Stop { loss, bound, runs, .. } => Some((point.step, loss, bound, runs)),
                Judgement::GoOn => None,
            }
        });
        let (step, loss, bound, runs) = judged?;
        Some(format!(
            "its loss at step {step} of {steps} is {loss:.4}, above {bound:.4}, the quantile {} of {runs} completed runs of \
             its task",
            by.quantile
        ))
    }

    /// What stopping a completed run early would have saved and lost; none where it would have gone through.
    pub(crate) fn spared(&self, by: &Early, body: &RunCompleted, steps: u32) -> Option<RunSpared> {
        let (curves, own) = (self.curves(), points(&body.result.curve));
        let judged = early::judge(&rule(by), &own, u64::from(steps), &slices(&curves));
        let Judgement::Stop { step, loss, bound, runs } = judged else { return None };
        let last = own.last()?.1;
        let others: Vec<f64> = curves.iter().filter_map(|curve| Some(curve.last()?.1)).collect();
        let best = lowest(others.iter().copied());
        Some(RunSpared {
            run: body.run.clone(),
            step: u32::try_from(step).unwrap_or(u32::MAX),
            loss,
            bound,
            runs: u32::try_from(runs).unwrap_or(u32::MAX),
            saved: 1.0 - step as f64 / f64::from(steps.max(1)),
            last,
            wronged: u32::try_from(others.iter().filter(|&&other| other > last).count()).unwrap_or(u32::MAX),
            regret: (best - last).max(0.0),
        })
    }

    fn curves(&self) -> Vec<Vec<Point>> {
        self.0.iter().map(|peer| points(&peer.curve)).collect()
    }
}

fn least(peers: u32) -> usize {
    peers.max(1) as usize
}

fn rule(by: &Early) -> Rule {
    Rule { fractions: by.at.clone(), quantile: by.quantile, least: by.least as usize }
}

fn points(curve: &[CurvePoint]) -> Vec<Point> {
    curve.iter().map(|point| (u64::from(point.step), point.loss)).collect()
}

fn slices(curves: &[Vec<Point>]) -> Vec<&[Point]> {
    curves.iter().map(Vec::as_slice).collect()
}

fn lowest(losses: impl Iterator<Item = f64>) -> f64 {
    losses.fold(f64::INFINITY, f64::min)
}

/// Steps between two points of a curve that a worker tells.
fn stride(steps: u32) -> u32 {
    (steps / POINTS).max(1)
}

/// Mean loss of the first twentieth of the steps.
fn beginning(curve: &[CurvePoint], steps: u32) -> Option<f64> {
    let first: Vec<f64> =
        curve.iter().take_while(|point| point.step <= stride(steps)).map(|point| point.loss).collect();
    match first.is_empty() {
        true => curve.first().map(|point| point.loss),
        false => Some(first.iter().sum::<f64>() / first.len() as f64),
    }
}
