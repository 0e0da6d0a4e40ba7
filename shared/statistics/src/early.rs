//! Stopping a run early by the curves of earlier completed runs, and what that would have cost.

/// A point of a run's curve: step and loss, steps growing.
pub type Point = (u64, f64);

/// When a run is stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Fractions of the run's steps at which it is judged, each within (0, 1).
    pub fractions: Vec<f64>,
    /// It is stopped where its loss is above this quantile of the earlier runs' losses at the same step: 0.5 is the
    /// median rule (Golovin et al. 2017, "Google Vizier"), 1 stops only what is worse than all.
    pub quantile: f64,
    /// Nothing is stopped before so many runs were completed.
    pub least: usize,
}

/// What a rule says of a running curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Judgement {
    /// Go on.
    GoOn,
    /// Stop, with the evidence.
    Stop {
        /// Step at which it was judged.
        step: u64,
        /// Its loss there.
        loss: f64,
        /// The bound that it is above.
        bound: f64,
        /// Earlier runs that the bound comes from.
        runs: usize,
    },
}

/// What a rule would have done to completed runs, in the order in which they ran.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Regret {
    /// Runs looked at.
    pub runs: usize,
    /// Runs that would have been stopped.
    pub stopped: usize,
    /// Share of all steps that would have been saved.
    pub saved: f64,
    /// How much higher the best final loss would have been: 0 where the best run would have gone through.
    pub loss: f64,
    /// Stopped runs whose final loss was below the median of all final losses.
    pub wronged: usize,
}

/// Judge a running curve against earlier completed ones of the same task and length. `steps` is the length of the run.
/// The first of the rule's fractions that the curve has passed and that says stop decides, so an answer once given
/// stays whatever follows.
pub fn judge(rule: &Rule, running: &[Point], steps: u64, earlier: &[&[Point]]) -> Judgement {
    let reached = running.last().map_or(0, |(step, _)| *step);
    let mut due: Vec<u64> = rule.fractions.iter().map(|fraction| (fraction * steps as f64).ceil() as u64).collect();
    due.sort_unstable();
    for step in due.into_iter().filter(|step| *step > 0 && *step < steps && *step <= reached) {
        let mut losses: Vec<f64> = earlier.iter().filter_map(|curve| at(curve, step)).collect();
        let Some(loss) = at(running, step) else { continue };
        if losses.len() < rule.least.max(1) {
            continue;
        }
        let runs = losses.len();
        let bound = quantile(&mut losses, rule.quantile);
        // A loss that is no number is never below a bound.
        if loss.is_nan() || loss > bound {
            return Judgement::Stop { step, loss, bound, runs };
        }
    }
    Judgement::GoOn
}

/// What the rule would have done to these completed runs: each is judged against those before it that the rule would
/// have let through, as it would have been.
pub fn regret(rule: &Rule, completed: &[&[Point]]) -> Regret {
    let mut through: Vec<&[Point]> = Vec::new();
    let mut regret = Regret::default();
    let (mut steps, mut saved) = (0, 0);
    let mut finals: Vec<f64> = completed.iter().filter_map(|curve| Some(curve.last()?.1)).collect();
    let best_of = |curves: &[&[Point]]| curves.iter().filter_map(|c| Some(c.last()?.1)).fold(f64::INFINITY, f64::min);
    let median = quantile(&mut finals, 0.5);
    for &curve in completed {
        let Some(&(length, last)) = curve.last() else { continue };
        regret.runs += 1;
        steps += length;
        match judge(rule, curve, length, &through) {
            Judgement::GoOn => through.push(curve),
            Judgement::Stop { step, .. } => {
                regret.stopped += 1;
                saved += length - step;
                regret.wronged += usize::from(last < median);
            }
        }
    }
    if regret.runs > 0 {
        regret.saved = saved as f64 / steps.max(1) as f64;
        regret.loss = best_of(&through) - best_of(completed);
    }
    regret
}

/// The loss at a step: the last point at or before it.
fn at(curve: &[Point], step: u64) -> Option<f64> {
    curve.iter().take_while(|(at, _)| *at <= step).last().map(|(_, loss)| *loss)
}

/// The smallest value that at least this share of the values is not above; NaN sorts last.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.clamp(1, values.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}
