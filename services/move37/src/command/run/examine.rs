//! Programs and settings of a campaign before it begins.

use move37_candidate::cost::ComplexityClass;
use move37_candidate::gate::{GateConfig, GateReport};
use move37_candidate::language::Dims;
use move37_events::facts::{Campaign, SeedProgram};
use serde_json::json;

use super::cost::Cost;
use crate::command::check::LENGTH;
use crate::config::Wish;
use crate::engine::share_cores;
use crate::failure::{Answer, Failure};
use crate::output;
use crate::state::StateDir;
use crate::view::{Book, count, flops};

/// What the gate says of a seed program at the campaign's sizes. A steep one is welcome as a baseline.
fn examine(campaign: &Campaign, program: &SeedProgram) -> GateReport {
    let longest = campaign.tasks.iter().map(|task| task.sequence as usize).max();
    let dims = Dims {
        batch: 1,
        time: longest.map_or(LENGTH, |longest| longest.max(LENGTH)),
        d_model: campaign.model.d_model as usize,
        num_heads: campaign.model.heads as usize,
        args: Default::default(),
    };
    let config = GateConfig {
        max_complexity: ComplexityClass::Quadratic,
        admit_unproved: campaign.gate.admit_unproved,
        ..GateConfig::new(dims)
    };
    move37_tensor::gate::prove(&program.source, &config)
}

/// Refuse a campaign whose own programs do not pass the gate; those that come with the binary do.
///
/// # Errors
/// The gravest finding about the first program that is refused.
pub fn own_programs(campaign: &Campaign) -> Result<(), Failure> {
    for program in campaign.programs.iter().filter(|program| program.genome.is_none()) {
        let report = examine(campaign, program);
        if !report.admitted {
            return Err(Failure::usage(format!(
                "the seed program {} is refused: {}: mend it, `move37 check` tells all",
                program.name,
                gravest(&report)
            )));
        }
    }
    Ok(())
}

/// The finding that says most; kinds stand in that order.
fn gravest(report: &GateReport) -> String {
    match report.findings.iter().min_by_key(|finding| finding.kind) {
        Some(finding) => format!("{}, line {}: {}", finding.kind, finding.line, finding.message),
        None => "its causality is not proved".to_owned(),
    }
}

/// Say what a run would do; no if a program is refused.
pub fn dry_run(wish: &Wish, book: &Book, state: &StateDir, json: bool) -> Result<Answer, Failure> {
    let campaign = wish.campaign(book, &state.data(), &mut |note| {
        if !json {
            output::line(note);
        }
    })?;
    let reports: Vec<_> = campaign.programs.iter().map(|program| examine(&campaign, program)).collect();
    let admitted = reports.iter().all(|report| report.admitted);
    let (slots, threads) = share_cores(&campaign);
    let cost = Cost::of(&campaign, &state.data(), threads as usize)?;
    if json {
        let programs: Vec<_> = campaign
            .programs
            .iter()
            .zip(&reports)
            .map(|(program, report)| json!({ "name": program.name, "gate": report }))
            .collect();
        output::json(
            &json!({ "kind": "dry_run", "admitted": admitted, "campaign": campaign, "programs": programs, "cost": cost }),
        );
        return Ok(Answer::from_bool(admitted));
    }
    let runs = campaign.tasks.len() as u32 * campaign.training.seeds;
    output::line(format!(
        "would train {} seed programs and {} experiments, {runs} run(s) each of {} steps, {slots} at a time with {threads} thread(s)",
        campaign.programs.len(),
        campaign.budget.experiments,
        campaign.training.steps
    ));
    for task in &campaign.tasks {
        output::line(format!("  task     {:<24} sequences of {} tokens", task.name, task.sequence));
    }
    for (program, report) in campaign.programs.iter().zip(&reports) {
        let line = match (report.admitted, report.parameters, report.flops.first()) {
            (true, Some(parameters), Some(cost)) => {
                format!("{} parameters, {} per sequence", count(parameters), flops(cost.flops as f64))
            }
            _ => format!("refused: {}", gravest(report)),
        };
        output::line(format!("  program  {:<24} {line}", program.name));
    }
    cost.lines().iter().for_each(output::line);
    output::line("nothing was started");
    Ok(Answer::from_bool(admitted))
}
