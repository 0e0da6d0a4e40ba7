//! From an input to at most one fact.

use move37_core::{CampaignId, Ctx, Decider};
use move37_events::Fact;
use move37_events::facts::{
    CurvePoint, MetricsRecorded, Outcome as Ended, RunAccepted, RunDeclined, RunDispatched, RunFact, RunFinished,
    RunId, RunResult, Spend, TrainerFact, WorkerJoined, WorkerLeft,
};

use super::effects::Effect;
use super::input::{Input, Outcome};
use super::state::{Presence, Worker, name};

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
                    Presence::Joined => Ok(self.obey(campaign, fact)),
                    Presence::Left => Ok(None),
                }
            }
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
            TrainerFact::RunDispatched(body) => self.answer(campaign, body),
            TrainerFact::RunLost(body) => self.give_up(campaign, &body.run, body.attempt),
            TrainerFact::RunStopped(body) => self.give_up(campaign, &body.run, body.attempt),
            TrainerFact::CampaignFollowed(_)
            | TrainerFact::TrainingScheduled(_)
            | TrainerFact::RunUnplaced(_)
            | TrainerFact::RunCompleted(_)
            | TrainerFact::RunFailed(_)
            | TrainerFact::TrainingCompleted(_)
            | TrainerFact::TrainingFailed(_) => None,
        }
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
                let why = format!("all {} slots are taken", self.slots);
                RunDeclined { campaign, run, attempt, dispatch, why, free: 0 }.into()
            }
            _ => {
                let job = Box::new(body.job.clone());
                RunAccepted { campaign, run, attempt, dispatch, job, free: self.free(1) }.into()
            }
        })
    }

    /// The trainer has lost or stopped a run of this worker.
    fn give_up(&self, campaign: CampaignId, run: &RunId, attempt: u32) -> Option<RunFact> {
        let spend = self.under_way(&campaign, run, attempt)?.spend;
        Some(self.finished(campaign, run, attempt, Ended::Stopped, spend))
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
            Outcome::Finished { campaign, run, attempt, outcome, spend } => {
                self.under_way(campaign, run, *attempt)?;
                Some(self.finished(campaign.clone(), run, *attempt, believable(outcome), *spend))
            }
            Outcome::Leaving { why } => {
                (self.presence == Presence::Joined).then(|| WorkerLeft { why: why.clone(), free: 0 }).map(Into::into)
            }
        }
    }

    fn finished(&self, campaign: CampaignId, run: &RunId, attempt: u32, outcome: Ended, spend: Spend) -> RunFact {
        RunFinished { campaign, run: run.clone(), attempt, outcome, spend, free: self.free(-1) }.into()
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
