//! From a fact back to what began it: the causes form a tree, so the way back is a line, with what each fact rests on
//! beside it.

use std::sync::Arc;

use move37_consumer::FactRecord;
use move37_core::EventId;
use move37_events::Fact;
use move37_events::facts::{AnalystFact, Basis, EngineerFact, MemoryFact, ResearcherFact, TrainerFact};

use super::book::Book;
use super::figures::{change, duration, number};
use super::headline;

/// A fact on the way back.
#[derive(Clone, Debug)]
pub struct Step {
    /// The fact.
    pub entry: Arc<FactRecord>,
    /// Facts that it names as evidence.
    pub evidence: Vec<Arc<FactRecord>>,
}

/// Why there is no way back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The log has no such fact.
    #[error("the log has no fact {0}: `move37 tail --from start` lists what it has")]
    Unknown(EventId),
    /// A cause is missing.
    #[error("{fact} names the cause {cause}, which the log does not have: run `move37 replay --verify`")]
    Missing {
        /// The fact.
        fact: EventId,
        /// The cause that it names.
        cause: EventId,
    },
    /// The causes turn in a circle, which no writer can make.
    #[error("the causes of {0} turn in a circle: run `move37 replay --verify`")]
    Circle(EventId),
}

/// The way from a fact back to one without a cause, newest first.
///
/// # Errors
/// The fact or one of its causes is not in the book, or the causes turn in a circle.
pub fn back_from(book: &Book, id: &EventId) -> Result<Vec<Step>, Error> {
    let mut entry = book.get(id).ok_or_else(|| Error::Unknown(id.clone()))?;
    let mut steps = Vec::new();
    loop {
        if steps.len() > book.entries().len() {
            return Err(Error::Circle(id.clone()));
        }
        steps.push(Step { entry: entry.clone(), evidence: evidence(book, &entry.fact) });
        let Some(cause) = entry.cause() else { return Ok(steps) };
        let missing = || Error::Missing { fact: entry.id().clone(), cause: cause.clone() };
        entry = book.get(cause).ok_or_else(missing)?;
    }
}

fn evidence(book: &Book, fact: &Fact) -> Vec<Arc<FactRecord>> {
    let Fact::Analyst(AnalystFact::InsightRecorded(insight)) = fact else { return Vec::new() };
    insight.evidence.iter().filter_map(|id| book.get(id)).cloned().collect()
}

/// What a fact says beyond its headline, line by line.
pub fn details(fact: &Fact) -> Vec<String> {
    match fact {
        Fact::Memory(MemoryFact::ParentSampled(fact)) => sampled(&fact.basis),
        Fact::Researcher(ResearcherFact::HypothesisProposed(fact)) => {
            let brief = &fact.brief;
            let mut lines = vec![format!("why: {}", brief.motivation), format!("how: {}", brief.mechanism)];
            if !brief.moves.is_empty() {
                lines.push(format!("changes: {}", brief.moves.join(", ")));
            }
            let expected = |e: &move37_events::facts::Expectation| format!("{} {} %", e.task, change(100.0 * e.change));
            if !brief.expected.is_empty() {
                lines.push(format!("expects: {}", brief.expected.iter().map(expected).collect::<Vec<_>>().join(", ")));
            }
            lines
        }
        Fact::Engineer(EngineerFact::CandidateAdmitted(fact)) => {
            fact.gate.findings.iter().map(|f| format!("{} at line {}: {}", f.kind, f.line, f.message)).collect()
        }
        Fact::Engineer(EngineerFact::CandidateRefused(fact)) => {
            let line = |f: &move37_events::facts::Finding| format!("{} at line {}: {}", f.kind, f.line, f.message);
            fact.gate.findings.iter().map(line).collect()
        }
        Fact::Trainer(TrainerFact::TrainingCompleted(fact)) => {
            let line = |run: &move37_events::facts::RunResult| {
                let curve = match (run.curve.first(), run.curve.last()) {
                    (Some(first), Some(last)) => {
                        format!(", training loss {} to {}", number(first.loss), number(last.loss))
                    }
                    _ => String::new(),
                };
                format!(
                    "{} seed {}: {}, validation loss {}{curve}",
                    run.task,
                    run.seed,
                    number(run.value),
                    number(run.validation_loss)
                )
            };
            let mut lines: Vec<String> = fact.runs.iter().map(line).collect();
            lines.push(format!(
                "took {} of worker time",
                duration(std::time::Duration::from_secs_f64(fact.spend.seconds.clamp(0.0, 1e9),))
            ));
            lines
        }
        Fact::Analyst(AnalystFact::FitnessScored(fact)) => {
            let line = |term: &move37_events::facts::Term| {
                let value = term.value.map_or("pending".to_owned(), number);
                format!("{}: {value} against the baseline's {}", term.task, number(term.baseline))
            };
            fact.terms.iter().map(line).collect()
        }
        Fact::Analyst(AnalystFact::InsightRecorded(fact)) => {
            let insight = &fact.insight;
            vec![
                format!("design: {}", insight.design_evaluation),
                format!("results: {}", insight.experimental_results_analysis),
                format!("expectation: {}", insight.expectation_vs_reality_comparison),
                format!("explanation: {}", insight.theoretical_explanation_with_evidence),
                format!("synthesis: {}", insight.synthesis_and_insights),
            ]
        }
        Fact::Campaign(_)
        | Fact::Memory(_)
        | Fact::Researcher(_)
        | Fact::Engineer(_)
        | Fact::Trainer(_)
        | Fact::Run(_)
        | Fact::Analyst(_) => Vec::new(),
    }
}

fn sampled(basis: &Basis) -> Vec<String> {
    match basis {
        Basis::Seed { .. } => Vec::new(),
        Basis::Evolve { references, lessons, policy, scores_seen, .. } => {
            let mut lines = vec![format!("policy: {policy}, over {} scores", scores_seen.len())];
            if !references.is_empty() {
                let names: Vec<_> = references.iter().map(|r| format!("#{} {}", r.experiment, r.name)).collect();
                lines.push(format!("references: {}", names.join(", ")));
            }
            if let Some(task) = &lessons.weak_task {
                lines.push(format!("weakest task: {task}"));
            }
            lines
        }
    }
}

/// The line of a step's evidence.
pub fn evidence_line(entry: &FactRecord) -> String {
    format!("{} {}", entry.id(), headline(&entry.fact))
}
