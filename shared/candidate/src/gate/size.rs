//! What a layer costs at several lengths, and what the policy says about it.

use super::check::trace_at;
use super::report::{Bytes, FlopsAt, GateConfig, GateReport};
use crate::cost::{ComplexityClass, Cost, Growth, LineCost, cost, growth};
use crate::finding::{Finding, FindingKind};
use crate::ir::Span;
use crate::language::{Attempt, Traced};

/// Growth is measured at multiples of this, so that filling up a chunk of a usual size does not look like growth.
const CHUNK: usize = 64;
/// Larger chunks are not followed.
const LONGEST: usize = 512;

/// Cost at T, 2T and 4T; growth at lengths near them.
pub(super) fn size(
    source: &str,
    config: &GateConfig,
    (traced, chunk): (&Traced, Option<usize>),
    report: &mut GateReport,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let time = config.dims.time;
    let own = cost(&traced.graph);
    report.parameters = Some(own.parameters);
    report.bytes = Some(Bytes { activations: own.bytes, peak: own.peak_bytes, training: None });
    report.lines.clone_from(&own.lines);
    let mut measured: Vec<(usize, Cost)> = vec![(time, own.clone())];
    let unit = chunk.map_or(CHUNK, |c| c.next_multiple_of(CHUNK).min(LONGEST));
    let base = time.next_multiple_of(unit).max(unit);
    let lengths = [2 * time, 4 * time, (time / 2).max(1), base / 2, base, 2 * base, 4 * base];
    for length in lengths {
        if measured.iter().any(|(l, _)| *l == length) {
            continue;
        }
        match trace_at(source, config, 1, length) {
            Attempt { traced: Some(traced), .. } => {
                let cost = cost(&traced.graph);
                if cost.parameters != own.parameters {
                    let message = format!(
                        "the number of parameters depends on T ({} at {time}, {} at {length})",
                        own.parameters, cost.parameters
                    );
                    findings.push(
                        Finding::new(FindingKind::LengthDependent, Span::default(), message)
                            .hint("give parameters sizes that do not depend on the input"),
                    );
                }
                measured.push((length, cost));
            }
            refused if length <= 4 * time => {
                findings.extend(refused.findings.into_iter().take(1).map(|f| at_length(f, length)));
            }
            // Longer ones only serve to measure growth.
            _ => {}
        }
    }
    let at = |length: usize| measured.iter().find(|(l, _)| *l == length).map(|(_, cost)| cost);
    for length in [time, 2 * time, 4 * time] {
        report.flops.extend(at(length).map(|cost| FlopsAt { length, flops: cost.flops }));
    }
    let base = if [1, 2, 4].iter().all(|k| at(k * base).is_some()) { base } else { time };
    let half = at((base / 2).max(1));
    if let (Some(f0), Some(f1), Some(f2), Some(f4)) = (half, at(base), at(2 * base), at(4 * base)) {
        let mut grown = Grown::of(base, [f0, f1, f2, f4]);
        // What begins beyond a chunk only (levels of a hierarchy) bends more at first than it does later.
        if grown.flops.class.max(grown.memory.class) > ComplexityClass::Linear
            && let Some(traced) = trace_at(source, config, 1, 8 * base).traced
        {
            grown = Grown::of(2 * base, [f1, f2, f4, &cost(&traced.graph)]);
        }
        (report.complexity, report.memory) = (Some(grown.flops), Some(grown.memory));
        findings.extend(grown.judged(config.max_complexity));
    }
    findings.extend(budgets(&own, config));
    findings
}

/// Growth of the whole and of every line: a steep line shows its class even where the rest outweighs it.
struct Grown {
    flops: Growth,
    memory: Growth,
    /// The steepest line; of equals the dearest.
    line: u32,
}

impl Grown {
    /// From costs at `base / 2`, `base`, `2 * base` and `4 * base`.
    fn of(base: usize, costs: [&Cost; 4]) -> Self {
        let mut flops = growth(base, costs.map(|c| c.flops));
        let mut memory = growth(base, costs.map(|c| c.bytes));
        let mut worst: Option<(ComplexityClass, u32)> = None;
        for line in &costs[3].lines {
            let of = |count: fn(&LineCost) -> u64| {
                costs.map(|c| c.lines.iter().find(|l| l.line == line.line).map_or(0, count))
            };
            let (f, m) = (growth(base, of(|l| l.flops)), growth(base, of(|l| l.bytes)));
            flops = steeper(flops, f);
            memory = steeper(memory, m);
            let class = f.class.max(m.class);
            if worst.is_none_or(|(seen, _)| class > seen) {
                worst = Some((class, line.line));
            }
        }
        Self { flops, memory, line: worst.map_or(0, |(_, line)| line) }
    }

    fn judged(&self, most: ComplexityClass) -> Option<Finding> {
        let steep = [("FLOPs grow", self.flops), ("activation memory grows", self.memory)];
        let (what, grown) = steep.into_iter().find(|(_, grown)| grown.class > most)?;
        let message = format!("{what} with T as {grown}; the policy allows {most}");
        Some(
            Finding::new(FindingKind::Complexity, Span { line: self.line, column: u32::from(self.line > 0) }, message)
                .hint("use a chunkwise or recurrent form whose windows, filters and chunks do not grow with T"),
        )
    }
}

/// A whole is as steep as its steepest part; the part's steep term is the whole's.
fn steeper(whole: Growth, part: Growth) -> Growth {
    if part.class <= whole.class {
        return whole;
    }
    // Terms of the part beyond its linear ones are hidden in the whole's linear fit; they are told as they are.
    Growth { class: part.class, linearithmic: part.linearithmic, quadratic: part.quadratic, ..whole }
}

fn budgets(own: &Cost, config: &GateConfig) -> Vec<Finding> {
    let dearest = |count: fn(&LineCost) -> u64| {
        let line = own.lines.iter().filter(|l| count(l) > 0).max_by_key(|l| count(l)).map_or(0, |l| l.line);
        Span { line, column: u32::from(line > 0) }
    };
    let budgets = [
        ("parameters", own.parameters, config.max_parameters, dearest(|l| l.parameters)),
        ("FLOPs", own.flops, config.max_flops, dearest(|l| l.flops)),
        ("activation bytes", own.bytes, config.max_bytes, dearest(|l| l.bytes)),
    ];
    let over = |(what, used, allowed, span): (&str, u64, Option<u64>, Span)| {
        let allowed = allowed.filter(|allowed| used > *allowed)?;
        let message = format!("{used} {what}, the budget is {allowed}");
        Some(Finding::new(FindingKind::OverBudget, span, message).hint("make projections or branches smaller"))
    };
    budgets.into_iter().filter_map(over).collect()
}

fn at_length(mut finding: Finding, length: usize) -> Finding {
    finding.message = format!("at T={length}: {}", finding.message);
    finding
}
