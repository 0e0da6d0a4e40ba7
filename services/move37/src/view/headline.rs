//! Each fact in one line, with its numbers.

use std::collections::BTreeMap;

use move37_events::facts::{
    AnalystFact, Basis, CampaignFact, CampaignFollowed, CandidatePromoted, CodeDiffProposed, Ending, EngineerFact,
    Followed, GateReport, MemoryFact, Outcome, Purpose, RecordConfirmed, ResearcherFact, RunFact, TrainerFact,
    Verified,
};
use move37_events::{Fact, facts};

use super::campaign::closed;
use super::figures::{change, count, flops, number, one_line};

/// Characters of a free text that a line shows.
const WIDTH: usize = 160;

/// The fact in one line.
pub fn headline(fact: &Fact) -> String {
    match fact {
        Fact::Campaign(fact) => of_operator(fact),
        Fact::Memory(fact) => of_memory(fact),
        Fact::Researcher(fact) => of_researcher(fact),
        Fact::Engineer(fact) => of_engineer(fact),
        Fact::Trainer(fact) => of_trainer(fact),
        Fact::Run(fact) => of_run(fact),
        Fact::Analyst(fact) => of_analyst(fact),
    }
}

fn of_operator(fact: &CampaignFact) -> String {
    match fact {
        CampaignFact::CampaignStarted(fact) => {
            let c = &fact.campaign;
            let tasks: Vec<&str> = c.tasks.iter().map(|task| task.name.as_str()).collect();
            format!(
                "campaign started: seed {}, {} lane(s), {} seed programs, {} experiments on {}",
                c.seed,
                c.lanes,
                c.programs.len(),
                c.budget.experiments,
                tasks.join(" and ")
            )
        }
        CampaignFact::CampaignPaused(_) => "campaign paused".to_owned(),
        CampaignFact::CampaignResumed(_) => "campaign resumed".to_owned(),
        CampaignFact::CampaignStopped(fact) => format!("campaign stopped: {}", one_line(&fact.reason, WIDTH)),
        CampaignFact::BudgetSet(fact) => format!("budget set to {} experiments", fact.budget.experiments),
    }
}

fn followed(fact: &CampaignFollowed) -> String {
    let what = match &fact.what {
        Followed::Started(_) => "start",
        Followed::Paused => "pause",
        Followed::Resumed => "resumption",
        Followed::Stopped(_) => "stop",
        Followed::Budget(_) => "budget",
    };
    format!("took note of the campaign's {what}")
}

fn of_memory(fact: &MemoryFact) -> String {
    match fact {
        MemoryFact::CampaignFollowed(fact) => followed(fact),
        MemoryFact::ParentSampled(fact) => match &fact.basis {
            Basis::Seed { index, baseline } => {
                format!("seed program {}{}", index + 1, if *baseline { ", the baseline" } else { "" })
            }
            Basis::Evolve { parent, references, rank, .. } => format!(
                "parent #{} {} (rank {rank}, fitness {}), {} references",
                parent.experiment,
                parent.name,
                number(parent.fitness),
                references.len()
            ),
        },
        MemoryFact::ExperimentRecorded(fact) => {
            let how = match &fact.ending {
                Ending::Ranked { standing, .. } => format!("ranked with fitness {}", number(standing.fitness)),
                Ending::Unranked { why } => format!("unranked: {}", one_line(why, WIDTH)),
                Ending::Withdrawn { why } => format!("withdrawn: {}", one_line(why, WIDTH)),
                Ending::Abandoned { why } => format!("abandoned: {}", one_line(why, WIDTH)),
                Ending::TrainingFailed { why } => format!("training failed: {}", one_line(why, WIDTH)),
            };
            format!("{how}; spent {}, {} experiments left", flops(fact.spend.flops), fact.left.experiments)
        }
        MemoryFact::CandidatePromoted(fact) => promoted(fact),
        MemoryFact::VerificationRecorded(fact) => {
            let how = match &fact.outcome {
                Verified::Measured { tasks, fitness, interval: within, .. } => {
                    format!(
                        "on test data: fitness {}{}, {}",
                        number(*fitness),
                        interval(within.as_ref()),
                        scores(tasks)
                    )
                }
                Verified::Failed { why } => format!("not verified: {}", one_line(why, WIDTH)),
            };
            format!("{how}; spent {}", flops(fact.spend.flops))
        }
        MemoryFact::RecordConfirmed(fact) => format!("confirmed as record: {}", confirmed(fact)),
        MemoryFact::RecordRefuted(fact) => format!(
            "no record: {} against #{} over {} seeds{}: {}",
            fact.name,
            fact.against,
            fact.seeds,
            gain(fact.gain.as_ref()),
            one_line(&fact.why, WIDTH)
        ),
        MemoryFact::CampaignClosed(fact) => {
            let best = fact
                .best
                .as_ref()
                .map(|best| format!("; best #{} {} with fitness {}", best.experiment, best.name, number(best.fitness)));
            let record = match (&fact.record, &fact.unconfirmed) {
                (Some(record), _) => format!("; confirmed record {}", confirmed(record)),
                (None, Some(why)) => format!(", unconfirmed: {why}"),
                (None, None) => String::new(),
            };
            format!(
                "campaign {} after {} experiments and {}{}{record}",
                closed(fact.reason),
                fact.experiments,
                flops(fact.spend.flops),
                best.unwrap_or_default()
            )
        }
    }
}

fn promoted(fact: &CandidatePromoted) -> String {
    let seeds = format!("fresh seeds {} to {} on test data", fact.seeds.first, fact.seeds.last);
    match &fact.purpose {
        Purpose::Reference => format!("{seeds}, as the reference for others"),
        Purpose::Challenge { against, test, look, alpha, .. } => {
            format!("{seeds} against #{against}: comparison {test}, look {look}, error at most {alpha:.4}")
        }
    }
}

/// A confirmed record in one line: the fitness and the values on test data, with their intervals.
pub(super) fn confirmed(record: &RecordConfirmed) -> String {
    format!(
        "#{} {}, fitness {}{} on test data, against #{}{} over {} seeds: {}",
        record.experiment,
        record.name,
        number(record.fitness),
        interval(record.interval.as_ref()),
        record.against,
        gain(record.gain.as_ref()),
        record.seeds,
        scores(&record.tasks)
    )
}

fn gain(gain: Option<&facts::Interval>) -> String {
    gain.map(|gain| format!(" by {} to {}", change(gain.low), change(gain.high))).unwrap_or_default()
}

/// ` (0.52 to 0.61)`, or nothing.
pub(super) fn interval(interval: Option<&facts::Interval>) -> String {
    interval.map(|within| format!(" ({} to {})", number(within.low), number(within.high))).unwrap_or_default()
}

/// Every task's mean with its interval.
fn scores(tasks: &BTreeMap<String, facts::TaskScore>) -> String {
    let value = |(task, score): (&String, &facts::TaskScore)| {
        format!("{task} {}{}", number(score.value), interval(score.interval.as_ref()))
    };
    tasks.iter().map(value).collect::<Vec<_>>().join(", ")
}

fn of_researcher(fact: &ResearcherFact) -> String {
    match fact {
        ResearcherFact::CampaignFollowed(fact) => followed(fact),
        ResearcherFact::HypothesisProposed(fact) => {
            format!("{}: {}", fact.brief.name, one_line(&fact.brief.motivation, WIDTH))
        }
        ResearcherFact::HypothesisWithdrawn(fact) => format!("withdrawn: {}", one_line(&fact.why, WIDTH)),
    }
}

/// Added and removed lines of a unified diff.
pub(super) fn diff_size(diff: &str) -> (usize, usize) {
    let starting = |sign: char, header: &str| {
        diff.lines().filter(|line| line.starts_with(sign) && !line.starts_with(header)).count()
    };
    (starting('+', "+++ "), starting('-', "--- "))
}

fn written(fact: &CodeDiffProposed) -> String {
    let (added, removed) = diff_size(&fact.diff);
    let against = match fact.parent {
        Some(parent) => format!("against parent {}", parent.short()),
        None => "new text".to_owned(),
    };
    format!("program {}, +{added} -{removed} lines, {against}", fact.program.short())
}

/// What the gate measured.
pub(super) fn gate(report: &GateReport) -> String {
    let mut parts = Vec::new();
    if let Some(parameters) = report.parameters {
        parts.push(format!("{} parameters", count(parameters)));
    }
    if let Some(cost) = report.flops.first() {
        parts.push(format!("{} at length {}", flops(cost.flops), cost.length));
    }
    if let Some(complexity) = report.complexity {
        parts.push(format!("O({})", growth(complexity)));
    }
    parts.push(format!("causality {}", proof(report.causality)));
    parts.join(", ")
}

fn growth(complexity: facts::Complexity) -> &'static str {
    match complexity {
        facts::Complexity::Linear => "n",
        facts::Complexity::LogLinear => "n log n",
        facts::Complexity::Quadratic => "n^2",
    }
}

fn proof(proof: facts::Proof) -> &'static str {
    match proof {
        facts::Proof::Proved => "proved",
        facts::Proof::Unproved => "unproved",
        facts::Proof::Refuted => "refuted",
    }
}

fn findings(report: &GateReport) -> String {
    let line = |finding: &facts::Finding| format!("line {}: {}", finding.line, one_line(&finding.message, WIDTH));
    report.findings.iter().take(2).map(line).collect::<Vec<_>>().join("; ")
}

/// The sizes at which a candidate is trained.
pub(super) fn sizes(sizes: &facts::Sizes) -> String {
    let unequal = if sizes.comparable { "" } else { ", not comparable with the baseline" };
    format!(
        "SwiGLU of {} for {} parameters per block ({:+.1} %){unequal}",
        sizes.swiglu,
        count(sizes.parameters),
        100.0 * sizes.excess
    )
}

fn of_engineer(fact: &EngineerFact) -> String {
    match fact {
        EngineerFact::CampaignFollowed(fact) => followed(fact),
        EngineerFact::CodeDiffProposed(fact) => written(fact),
        EngineerFact::CandidateAdmitted(fact) => format!("admitted: {}; {}", gate(&fact.gate), sizes(&fact.sizes)),
        EngineerFact::CandidateRefused(fact) => match fact.duplicate_of {
            Some(earlier) => format!("refused: the same graph as #{earlier}"),
            None => format!("refused: {}", findings(&fact.gate)),
        },
        EngineerFact::ExperimentAbandoned(fact) => format!("abandoned: {}", one_line(&fact.why, WIDTH)),
    }
}

fn of_trainer(fact: &TrainerFact) -> String {
    match fact {
        TrainerFact::CampaignFollowed(fact) => followed(fact),
        TrainerFact::TrainingScheduled(fact) => format!("{} runs to train, stage {}", fact.runs.len(), fact.stage),
        TrainerFact::RunDispatched(fact) => {
            let from = fact.resume.as_ref().map(|from| format!(", from step {}", from.step)).unwrap_or_default();
            format!("run {} given to {}, attempt {}{from}", fact.run, fact.worker, fact.attempt)
        }
        TrainerFact::RunUnplaced(fact) => format!("run {} not placed: {}", fact.run, one_line(&fact.why, WIDTH)),
        TrainerFact::RunPaused(fact) => format!("run {} paused: {}", fact.run, one_line(&fact.why, WIDTH)),
        TrainerFact::RunCompleted(fact) => {
            format!("run {} completed: {} {}", fact.run, fact.result.task, number(fact.result.value))
        }
        TrainerFact::RunFailed(fact) => format!("run {} failed: {}", fact.run, one_line(&fact.why, WIDTH)),
        TrainerFact::RunLost(fact) => format!("run {} lost: {}", fact.run, one_line(&fact.why, WIDTH)),
        TrainerFact::RunStopped(fact) => format!("run {} stopped: {}", fact.run, one_line(&fact.why, WIDTH)),
        TrainerFact::RunSpared(fact) => format!(
            "run {} would have been stopped at step {}: its loss {} was above {} of {} earlier runs; it ended at {}",
            fact.run,
            fact.step,
            number(fact.loss),
            number(fact.bound),
            fact.runs,
            number(fact.last)
        ),
        TrainerFact::TrainingCompleted(fact) => match fact.stage {
            facts::Stage::Explore => format!("trained: {}", results(&fact.results)),
            facts::Stage::Verify => format!("trained with fresh seeds, on test data: {}", scores(&fact.results.tasks)),
        },
        TrainerFact::TrainingFailed(fact) => format!("training failed: {}", one_line(&fact.why, WIDTH)),
    }
}

/// Every task's value, with its standard error where there is one.
pub(super) fn results(summary: &facts::ResultSummary) -> String {
    let value = |(task, score): (&String, &facts::TaskScore)| match score.standard_error {
        Some(error) => format!("{task} {} ± {}", number(score.value), number(error)),
        None => format!("{task} {}", number(score.value)),
    };
    summary.tasks.iter().map(value).collect::<Vec<_>>().join(", ")
}

fn of_run(fact: &RunFact) -> String {
    match fact {
        RunFact::WorkerJoined(fact) => format!("worker joined: {}, {} threads", fact.device, fact.threads),
        RunFact::RunAccepted(fact) => format!("run {} accepted, attempt {}", fact.run, fact.attempt),
        RunFact::RunDeclined(fact) => format!("run {} declined: {}", fact.run, one_line(&fact.why, WIDTH)),
        RunFact::MetricsRecorded(fact) => {
            let loss = fact.points.last().map(|point| format!(", loss {}", number(point.loss))).unwrap_or_default();
            format!("run {} step {} of {}{loss}", fact.run, fact.step, fact.steps)
        }
        RunFact::CheckpointSaved(fact) => format!("run {} saved at step {} of {}", fact.run, fact.step, fact.steps),
        RunFact::RunFinished(fact) => match &fact.outcome {
            Outcome::Completed(result) => {
                format!("run {} finished: {} {}", fact.run, result.task, number(result.value))
            }
            Outcome::Failed(why) => format!("run {} failed: {}", fact.run, one_line(why, WIDTH)),
            Outcome::Faulted(why) => format!("run {} could not go on: {}", fact.run, one_line(why, WIDTH)),
            Outcome::Stopped => format!("run {} stopped", fact.run),
        },
        RunFact::WorkerWithdrew(fact) => format!("worker withdrew: {}", one_line(&fact.why, WIDTH)),
        RunFact::WorkerLeft(fact) => format!("worker left: {}", one_line(&fact.why, WIDTH)),
    }
}

fn of_analyst(fact: &AnalystFact) -> String {
    match fact {
        AnalystFact::CampaignFollowed(fact) => followed(fact),
        AnalystFact::BaselineRecorded(fact) => {
            let value = |(task, score): (&String, &facts::TaskScore)| format!("{task} {}", number(score.value));
            let counting: Vec<_> = fact.tasks.iter().map(value).collect();
            let dropped = |task: &facts::DroppedTask| format!("; {} does not count: {}", task.task, task.why);
            let note = fact.note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
            format!("baseline: {}{}{note}", counting.join(", "), fact.dropped.iter().map(dropped).collect::<String>())
        }
        AnalystFact::FitnessScored(fact) => match fact.fitness {
            Some(fitness) => {
                let term = |term: &facts::Term| match term.score {
                    Some(score) => format!("{} {}", term.task, number(score)),
                    None => format!("{} pending", term.task),
                };
                let terms: Vec<_> = fact.terms.iter().map(term).collect();
                let within = interval(fact.interval.as_ref());
                let on = if fact.stage == facts::Stage::Verify { " on test data" } else { "" };
                format!("fitness {}{within}{on} (terms: {})", number(fitness), terms.join(", "))
            }
            None => format!("no fitness: {}", one_line(fact.unranked.as_deref().unwrap_or("a term is missing"), WIDTH)),
        },
        AnalystFact::InsightRecorded(fact) => one_line(&fact.insight.synthesis_and_insights, WIDTH),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diffs_size_leaves_out_its_headers() {
        assert_eq!(diff_size("--- a\n+++ b\n@@ -1 +1,2 @@\n-x\n+y\n+z\n"), (2, 1));
    }
}
