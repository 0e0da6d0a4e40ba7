//! What each fact says, topic by topic. Past tense, whole in itself: enough to redo it, never a pointer to something
//! that can change.

mod analyst;
mod campaign;
mod common;
mod engineer;
mod memory;
mod researcher;
mod runs;
mod set;
mod trainer;

pub use analyst::{AnalystFact, BaselineRecorded, DroppedTask, FitnessScored, Insight, InsightRecorded, Scored, Term};
pub use campaign::{
    Belief, Budget, BudgetSet, Campaign, CampaignFact, CampaignFollowed, CampaignPaused, CampaignResumed,
    CampaignStarted, CampaignStopped, CommandId, Complexity, Corpus, Early, EarlyMode, Equalise, Followed, Formula,
    GatePolicy, Implausible, Model, Policy, Puzzle, Sampling, Schedule, SeedProgram, Task, TaskKind, Training, Watch,
};
pub use common::{
    Brief, Expectation, Interval, Provenance, ResultSummary, RunId, Seeds, Sizes, Spend, Stage, TaskScore,
};
pub use engineer::{
    CandidateAdmitted, CandidateRefused, CodeDiffProposed, Cost, EngineerFact, ExperimentAbandoned, Finding,
    GateReport, Growth, Memory, Nearest, Proof, RecurrentState, Witness,
};
pub use memory::{
    Basis, CampaignClosed, CandidatePromoted, Choice, CloseReason, Eligible, Ending, ExperimentRecorded, Failure, Left,
    Lessons, MemoryFact, MoveRecord, ParentSampled, Purpose, RecordConfirmed, RecordRefuted, Standing,
    VerificationRecorded, Verified,
};
pub use researcher::{Design, HypothesisProposed, HypothesisWithdrawn, ResearcherFact};
pub use runs::{
    Checkpoint, CheckpointSaved, CurvePoint, MetricsRecorded, Outcome, Platform, RunAccepted, RunDeclined, RunFact,
    RunFinished, RunResult, WorkerJoined, WorkerLeft, WorkerWithdrew,
};
pub use trainer::{
    Job, RunCompleted, RunDispatched, RunFailed, RunLost, RunPaused, RunSpared, RunStopped, RunUnplaced, TrainerFact,
    TrainingCompleted, TrainingFailed, TrainingScheduled,
};
