//! From an input to at most one fact.

use move37_core::{CampaignId, Ctx, Decider, Key};
use move37_events::Fact;
use move37_events::facts::{
    CheckpointSaved, CurvePoint, MetricsRecorded, Outcome as Ended, RunAccepted, RunDeclined, RunDispatched, RunFact,
    RunFinished, RunId, RunResult, Spend, TrainerFact, WorkerJoined, WorkerLeft, WorkerWithdrew,
};

use super::effects::Effect;
use super::identity::is_replaced_by;
use super::input::{Input, Outcome};
use super::state::{Assigned, Presence, Worker, name};

/// Why an input made no fact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Nothing can be answered before joining.
    #[error("the worker has not joined yet")]
    NotJoined,
    /// The record key of a trainer's fact is no campaign.
    #[error("{0:?} is no campaign")]
    NoCampaign(String),
}

impl move37_core::Rejection for Rejection {
    fn is_early(&self) -> bool {
        match self {
            Rejection::NotJoined => true,
            Rejection::NoCampaign(_) => false,
        }
    }
}

impl Decider for Worker {
    type Input = Input;
    type Event = RunFact;
    type Effect = Effect;
    type Rejection = Rejection;

    fn decide(&self, input: &Input, _ctx: &Ctx) -> Result<Option<RunFact>, Rejection> {
        match input {
            Input::Fact { id, fact: Fact::Trainer(fact) } => {
                let campaign = id.key.as_str().parse();
                let campaign = campaign.map_err(|_| Rejection::NoCampaign(id.key.to_string()))?;
                match self.presence {
                    Presence::Outside => Err(Rejection::NotJoined),
                    Presence::Joined | Presence::Withdrawn(_) => Ok(self.obey(campaign, fact)),
                    Presence::Left => Ok(None),
                }
            }
            Input::Fact { fact: Fact::Run(_), .. } => Ok(self.gone()),
            Input::Fact { .. } => Ok(None),
            Input::Outcome(outcome) => Ok(self.report(outcome)),
        }
    }

    fn evolve(&mut self, event: &RunFact) {
        self.fold(event);
    }

    fn effects(&self) -> Vec<Effect> {
        self.owed()
    }
}

impl Worker {
    fn obey(&self, campaign: CampaignId, fact: &TrainerFact) -> Option<RunFact> {
        match fact {
            TrainerFact::RunDispatched(body) => self.replaced(&body.worker).or_else(|| self.answer(campaign, body)),
            TrainerFact::RunLost(body) => self.give_up(campaign, &body.run, body.attempt),
            TrainerFact::CampaignFollowed(_)
            | TrainerFact::TrainingScheduled(_)
            | TrainerFact::RunUnplaced(_)
            | TrainerFact::RunPaused(_)
            | TrainerFact::RunCompleted(_)
            | TrainerFact::RunFailed(_)
            | TrainerFact::RunStopped(_)
            | TrainerFact::TrainingCompleted(_)
            | TrainerFact::RunSpared(_)
            | TrainerFact::TrainingFailed(_) => None,
        }
    }

    /// A run went to a later boot of this worker: whoever started that one takes this one for dead.
    fn replaced(&self, other: &Key) -> Option<RunFact> {
        let replaced = self.worker.as_ref().is_some_and(|worker| is_replaced_by(worker, other));
        replaced.then(|| WorkerLeft { why: format!("{other} has taken its place"), free: 0 }.into())
    }

    /// Withdrawn, and nothing is left to let go of.
    fn gone(&self) -> Option<RunFact> {
        let Presence::Withdrawn(why) = &self.presence else { return None };
        self.runs.is_empty().then(|| WorkerLeft { why: why.clone(), free: 0 }.into())
    }

    /// Accept what is dispatched to this worker while a slot is free; a dispatch is answered once.
    fn answer(&self, campaign: CampaignId, body: &RunDispatched) -> Option<RunFact> {
        let answered = self.answered.get(&name(&campaign, &body.run)).copied().unwrap_or(0);
        if self.worker.as_ref() != Some(&body.worker) || body.dispatch <= answered {
            return None;
        }
        let (run, attempt, dispatch) = (body.run.clone(), body.attempt, body.dispatch);
        Some(match self.free(0) {
            0 => {
                let why = match &self.presence {
                    Presence::Withdrawn(why) => format!("the worker is leaving: {why}"),
                    Presence::Outside | Presence::Joined | Presence::Left => {
                        format!("all {} slots are taken", self.slots)
                    }
                };
                RunDeclined { campaign, run, attempt, dispatch, why, free: 0 }.into()
            }
            _ => {
                let (job, resume) = (Box::new(body.job.clone()), body.resume.clone());
                RunAccepted { campaign, run, attempt, dispatch, job, resume, free: self.free(1) }.into()
            }
        })
    }

    /// The trainer has lost a run of this worker.
    fn give_up(&self, campaign: CampaignId, run: &RunId, attempt: u32) -> Option<RunFact> {
        let assigned = self.under_way(&campaign, run, attempt)?;
        Some(self.finished(assigned, Ended::Stopped, assigned.spend))
    }

    fn report(&self, outcome: &Outcome) -> Option<RunFact> {
        match outcome {
            Outcome::Joined { worker, host, device, threads, binary, slots } => (self.presence == Presence::Outside)
                .then(|| WorkerJoined {
                    worker: worker.clone(),
                    host: host.clone(),
                    device: device.clone(),
                    threads: *threads,
                    binary: binary.clone(),
                    free: *slots,
                })
                .map(Into::into),
            Outcome::Progress { campaign, run, attempt, step, steps, points, spend } => {
                self.under_way(campaign, run, *attempt)?;
                let points = points.iter().filter(|point| point.loss.is_finite()).cloned().collect();
                let (campaign, run) = (campaign.clone(), run.clone());
                let (attempt, step, steps, spend) = (*attempt, *step, *steps, *spend);
                Some(MetricsRecorded { campaign, run, attempt, step, steps, points, spend }.into())
            }
            Outcome::Saved { campaign, run, attempt, steps, checkpoint, spend } => {
                self.under_way(campaign, run, *attempt)?;
                let (campaign, run, checkpoint) = (campaign.clone(), run.clone(), checkpoint.clone());
                let (attempt, step, steps, spend) = (*attempt, checkpoint.step, *steps, *spend);
                Some(CheckpointSaved { campaign, run, attempt, step, steps, checkpoint, spend }.into())
            }
            Outcome::Finished { campaign, run, attempt, outcome, spend } => {
                let assigned = self.under_way(campaign, run, *attempt)?;
                Some(self.finished(assigned, believable(outcome), *spend))
            }
            Outcome::Leaving { why } => match &self.presence {
                Presence::Joined => Some(WorkerWithdrew { why: why.clone(), free: 0 }.into()),
                Presence::Withdrawn(why) => Some(WorkerLeft { why: why.clone(), free: 0 }.into()),
                Presence::Outside | Presence::Left => None,
            },
        }
    }

    fn finished(&self, assigned: &Assigned, outcome: Ended, spend: Spend) -> RunFact {
        let checkpoint = match outcome {
            Ended::Faulted(_) | Ended::Stopped => assigned.checkpoint.clone(),
            Ended::Completed(_) | Ended::Failed(_) => None,
        };
        let (campaign, run, attempt) = (assigned.campaign.clone(), assigned.run.clone(), assigned.attempt);
        RunFinished { campaign, run, attempt, outcome, spend, checkpoint, free: self.free(-1) }.into()
    }
}

/// A number that is none is a failure: a fact cannot state it, and no score may rest on it.
fn believable(outcome: &Ended) -> Ended {
    match outcome {
        Ended::Completed(result) => match first_fault(result) {
            Some(why) => Ended::Failed(why),
            None => outcome.clone(),
        },
        Ended::Failed(_) | Ended::Faulted(_) | Ended::Stopped => outcome.clone(),
    }
}

fn first_fault(result: &RunResult) -> Option<String> {
    let diverged = |point: &&CurvePoint| !point.loss.is_finite();
    if let Some(point) = result.curve.iter().find(diverged) {
        return Some(format!("the training loss was no finite number at step {}", point.step));
    }
    let finite = [result.value, result.validation_loss, result.flops].iter().all(|number| number.is_finite());
    (!finite).then(|| "its result is no finite number".to_owned())
}
