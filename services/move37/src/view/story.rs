//! The facts that tell a campaign's story, one line each.

use move37_consumer::FactRecord;
use move37_events::Fact;
use move37_events::facts::{AnalystFact, CampaignFact, EngineerFact, MemoryFact, ResearcherFact, RunFact, TrainerFact};

use super::headline::headline;

/// The line of a fact, or none for what is only machinery: `09:41:02  #3   hypothesis  ...`.
pub fn story_line(entry: &FactRecord) -> Option<String> {
    let word = word(&entry.fact)?;
    let time = entry.time().to_string();
    let about = entry.experiment().map(|experiment| format!("#{experiment}")).unwrap_or_default();
    Some(format!("{}  {about:<4} {word:<10}  {}", time.get(11..19).unwrap_or(&time), headline(&entry.fact)))
}

/// What part of the story a fact is.
fn word(fact: &Fact) -> Option<&'static str> {
    match fact {
        Fact::Campaign(fact) => match fact {
            CampaignFact::CampaignStarted(_)
            | CampaignFact::CampaignPaused(_)
            | CampaignFact::CampaignResumed(_)
            | CampaignFact::CampaignStopped(_)
            | CampaignFact::BudgetSet(_) => Some("campaign"),
        },
        Fact::Memory(fact) => match fact {
            MemoryFact::ParentSampled(_) => Some("sample"),
            MemoryFact::ExperimentRecorded(_) => Some("recorded"),
            MemoryFact::CandidatePromoted(_) | MemoryFact::VerificationRecorded(_) => Some("verify"),
            MemoryFact::RecordConfirmed(_) | MemoryFact::RecordRefuted(_) => Some("record"),
            MemoryFact::CampaignClosed(_) => Some("campaign"),
            MemoryFact::CampaignFollowed(_) => None,
        },
        Fact::Researcher(fact) => match fact {
            ResearcherFact::HypothesisProposed(_) | ResearcherFact::HypothesisWithdrawn(_) => Some("hypothesis"),
            ResearcherFact::CampaignFollowed(_) => None,
        },
        Fact::Engineer(fact) => match fact {
            EngineerFact::CodeDiffProposed(_) => Some("diff"),
            EngineerFact::CandidateAdmitted(_) | EngineerFact::CandidateRefused(_) => Some("gate"),
            EngineerFact::ExperimentAbandoned(_) => Some("gate"),
            EngineerFact::CampaignFollowed(_) => None,
        },
        Fact::Trainer(fact) => match fact {
            TrainerFact::TrainingCompleted(_)
            | TrainerFact::TrainingFailed(_)
            | TrainerFact::RunFailed(_)
            | TrainerFact::RunLost(_)
            | TrainerFact::RunStopped(_) => Some("result"),
            TrainerFact::CampaignFollowed(_)
            | TrainerFact::TrainingScheduled(_)
            | TrainerFact::RunDispatched(_)
            | TrainerFact::RunUnplaced(_)
            | TrainerFact::RunPaused(_)
            | TrainerFact::RunSpared(_)
            | TrainerFact::RunCompleted(_) => None,
        },
        Fact::Run(fact) => match fact {
            RunFact::RunDeclined(_) => Some("worker"),
            RunFact::WorkerJoined(_)
            | RunFact::RunAccepted(_)
            | RunFact::MetricsRecorded(_)
            | RunFact::CheckpointSaved(_)
            | RunFact::RunFinished(_)
            | RunFact::WorkerWithdrew(_)
            | RunFact::WorkerLeft(_) => None,
        },
        Fact::Analyst(fact) => match fact {
            AnalystFact::BaselineRecorded(_) => Some("baseline"),
            AnalystFact::FitnessScored(_) => Some("fitness"),
            AnalystFact::InsightRecorded(_) => Some("insight"),
            AnalystFact::CampaignFollowed(_) => None,
        },
    }
}
