//! An experiment's life: one ending (I5), every step after the step before it and once (I6). A verification is a story
//! of its own, which follows the record of the experiment; its steps are told apart by the seeds that it has in all.
//!
//! Topics have no common order, so steps are compared once the whole log is read.

use std::collections::{BTreeMap, BTreeSet};

use move37_core::{EventId, ExperimentId, Key};
use move37_events::Fact;
use move37_events::facts::{
    AnalystFact, EngineerFact, FitnessScored, MemoryFact, ResearcherFact, RunResult, Stage, TrainerFact,
};

use super::{Found, Winner};

/// Steps of an experiment; a number is the attempt or, in a verification, the seeds that it has in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Opened,
    Proposed,
    Withdrawn,
    Written(u32),
    Admitted(u32),
    Refused(u32),
    Abandoned,
    Scheduled,
    Trained,
    TrainingFailed,
    Scored,
    Explained,
    Recorded,
    Promoted(u32),
    VerifyScheduled(u32),
    /// Trained or failed.
    VerifyTrained(u32),
    VerifyScored(u32),
}

impl Step {
    fn is_ending(self) -> bool {
        matches!(self, Step::Withdrawn | Step::Abandoned | Step::TrainingFailed | Step::Explained)
    }

    /// The steps of which one must have been taken before.
    fn after(self) -> &'static [Step] {
        match self {
            Step::Opened => &[],
            Step::Proposed | Step::Withdrawn => &[Step::Opened],
            Step::Written(_) | Step::Abandoned => &[Step::Proposed],
            Step::Admitted(_) | Step::Refused(_) => &[],
            Step::Scheduled | Step::TrainingFailed => &[Step::Admitted(0)],
            Step::Trained => &[Step::Scheduled],
            Step::Scored => &[Step::Trained],
            Step::Explained => &[Step::Scored],
            Step::Recorded => &[Step::Withdrawn, Step::Abandoned, Step::TrainingFailed, Step::Explained],
            Step::Promoted(_) => &[Step::Recorded],
            Step::VerifyScheduled(_) | Step::VerifyTrained(_) | Step::VerifyScored(_) => &[],
        }
    }
}

#[derive(Default)]
pub(super) struct Experiments {
    steps: BTreeMap<(Key, ExperimentId), Vec<(Step, EventId)>>,
    closed: BTreeMap<Key, Vec<EventId>>,
    /// Steps that were taken while the log was read: others may follow them, they are not judged.
    later: BTreeMap<(Key, ExperimentId), Vec<Step>>,
}

impl Experiments {
    pub(super) fn offer(&mut self, winner: &Winner<'_>) {
        let id = winner.id();
        if let Fact::Memory(MemoryFact::CampaignClosed(_)) = winner.fact {
            self.closed.entry(id.key.clone()).or_default().push(id.clone());
        }
        if let Some((experiment, step)) = step(winner.fact) {
            self.steps.entry((id.key.clone(), experiment)).or_default().push((step, id.clone()));
        }
    }

    pub(super) fn later(&mut self, winner: &Winner<'_>) {
        if let Some((experiment, step)) = step(winner.fact) {
            self.later.entry((winner.id().key.clone(), experiment)).or_default().push(step);
        }
    }

    pub(super) fn finish(&self, found: &mut Found) {
        for ((campaign, experiment), steps) in &self.steps {
            let later = self.later.get(&(campaign.clone(), *experiment)).map_or(&[][..], Vec::as_slice);
            check(*experiment, steps, later, found);
            let closed = self.closed.get(campaign).and_then(|closures| closures.first());
            let recorded = steps.iter().any(|(step, _)| *step == Step::Recorded);
            if let (Some(closed), false) = (closed, recorded) {
                found.add("I5", closed, format!("it closes the campaign while experiment {experiment} is open"));
            }
        }
        for again in self.closed.values().flat_map(|closures| closures.iter().skip(1)) {
            found.add("I5", again, "it closes the campaign again");
        }
    }
}

fn check(experiment: ExperimentId, steps: &[(Step, EventId)], later: &[Step], found: &mut Found) {
    let all = || steps.iter().map(|(step, _)| *step).chain(later.iter().copied());
    let taken = |wanted: Step| all().any(|step| any_attempt(step) == any_attempt(wanted));
    let mut seen = BTreeSet::new();
    let mut ending: Option<&EventId> = None;
    for (step, id) in steps {
        if !seen.insert(*step) {
            found.add("I6", id, format!("experiment {experiment} takes the step {step:?} again"));
        }
        let after = step.after();
        if !after.is_empty() && !after.iter().any(|before| taken(*before)) {
            found.add("I6", id, format!("experiment {experiment} takes the step {step:?} without {after:?}"));
        }
        if let Step::Admitted(attempt) | Step::Refused(attempt) = step
            && !all().any(|step| step == Step::Written(*attempt))
        {
            found.add("I6", id, format!("attempt {attempt} of experiment {experiment} is judged, but was not written"));
        }
        let before = match *step {
            Step::VerifyScheduled(seeds) | Step::VerifyTrained(seeds) => Some(Step::Promoted(seeds)),
            Step::VerifyScored(seeds) => Some(Step::VerifyTrained(seeds)),
            _ => None,
        };
        if let Some(before) = before
            && !all().any(|step| step == before)
        {
            found.add("I6", id, format!("experiment {experiment} takes the step {step:?} without {before:?}"));
        }
        if step.is_ending() {
            match ending {
                Some(first) if first != id => {
                    found.add("I5", id, format!("experiment {experiment} ends again, after {first}"));
                }
                _ => ending = Some(id),
            }
        }
    }
}

fn any_attempt(step: Step) -> Step {
    match step {
        Step::Written(_) => Step::Written(0),
        Step::Admitted(_) => Step::Admitted(0),
        Step::Refused(_) => Step::Refused(0),
        other => other,
    }
}

fn step(fact: &Fact) -> Option<(ExperimentId, Step)> {
    Some(match fact {
        Fact::Memory(MemoryFact::ParentSampled(body)) => (body.experiment, Step::Opened),
        Fact::Memory(MemoryFact::ExperimentRecorded(body)) => (body.experiment, Step::Recorded),
        Fact::Researcher(ResearcherFact::HypothesisProposed(body)) => (body.experiment, Step::Proposed),
        Fact::Researcher(ResearcherFact::HypothesisWithdrawn(body)) => (body.experiment, Step::Withdrawn),
        Fact::Engineer(EngineerFact::CodeDiffProposed(body)) => (body.experiment, Step::Written(body.attempt)),
        Fact::Engineer(EngineerFact::CandidateAdmitted(body)) => (body.experiment, Step::Admitted(body.attempt)),
        Fact::Engineer(EngineerFact::CandidateRefused(body)) => (body.experiment, Step::Refused(body.attempt)),
        Fact::Engineer(EngineerFact::ExperimentAbandoned(body)) => (body.experiment, Step::Abandoned),
        Fact::Memory(MemoryFact::CandidatePromoted(body)) => (body.experiment, Step::Promoted(body.seeds.end())),
        Fact::Trainer(TrainerFact::TrainingScheduled(body)) => match body.stage {
            Stage::Explore => (body.experiment, Step::Scheduled),
            Stage::Verify => (body.experiment, Step::VerifyScheduled(body.seeds.end())),
        },
        Fact::Trainer(TrainerFact::TrainingCompleted(body)) => match body.stage {
            Stage::Explore => (body.experiment, Step::Trained),
            Stage::Verify => (body.experiment, Step::VerifyTrained(seeds(&body.runs))),
        },
        Fact::Trainer(TrainerFact::TrainingFailed(body)) => match body.stage {
            Stage::Explore => (body.experiment, Step::TrainingFailed),
            Stage::Verify => (body.experiment, Step::VerifyTrained(body.seeds)),
        },
        Fact::Analyst(AnalystFact::FitnessScored(body)) => match body.stage {
            Stage::Explore => (body.experiment, Step::Scored),
            Stage::Verify => (body.experiment, Step::VerifyScored(scored_seeds(body))),
        },
        Fact::Analyst(AnalystFact::InsightRecorded(body)) => (body.experiment, Step::Explained),
        Fact::Campaign(_)
        | Fact::Memory(_)
        | Fact::Researcher(_)
        | Fact::Engineer(_)
        | Fact::Trainer(_)
        | Fact::Run(_)
        | Fact::Analyst(_) => return None,
    })
}

fn seeds(runs: &[RunResult]) -> u32 {
    runs.iter().map(|run| run.seed + 1).max().unwrap_or(0)
}

fn scored_seeds(body: &FitnessScored) -> u32 {
    body.scored.results.tasks.values().map(|score| score.seeds).max().unwrap_or(0)
}
