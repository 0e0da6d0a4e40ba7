//! What a worker owes.

use move37_core::{CampaignId, EffectId, Owed};
use move37_events::facts::{Checkpoint, Job, RunId};

use super::state::{Presence, Worker};

/// Work that the worker's shell does.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Find out what this worker is, and be ready.
    Join,
    /// Wait until asked to leave.
    Stay,
    /// Train.
    Train {
        /// Campaign.
        campaign: CampaignId,
        /// Run.
        run: RunId,
        /// Attempt.
        attempt: u32,
        /// What to do.
        job: Box<Job>,
        /// Where to go on from; none: from the start.
        resume: Option<Checkpoint>,
    },
    /// Let those know that wait for its leaving.
    Gone,
}

impl Owed for Effect {
    fn id(&self) -> EffectId {
        match self {
            Effect::Join => "join".to_owned(),
            Effect::Stay => "stay".to_owned(),
            Effect::Gone => "gone".to_owned(),
            Effect::Train { campaign, run, attempt, .. } => format!("train/{campaign}/{run}/{attempt}"),
        }
    }
}

impl Worker {
    pub(crate) fn owed(&self) -> Vec<Effect> {
        match &self.presence {
            Presence::Outside => vec![Effect::Join],
            Presence::Left => vec![Effect::Gone],
            Presence::Joined | Presence::Withdrawn(_) => {
                let train = self.runs.values().map(|assigned| Effect::Train {
                    campaign: assigned.campaign.clone(),
                    run: assigned.run.clone(),
                    attempt: assigned.attempt,
                    job: Box::new(assigned.job.clone()),
                    resume: assigned.resume.clone(),
                });
                [Effect::Stay].into_iter().chain(train).collect()
            }
        }
    }
}
