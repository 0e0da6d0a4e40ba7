//! From an input to at most one fact.

use move37_core::{Ctx, Decider, ExperimentId, Key};
use move37_events::Fact;
use move37_events::facts::{
    Campaign, CandidateAdmitted, CandidatePromoted, Checkpoint, EngineerFact, MemoryFact, MetricsRecorded,
    Outcome as Ended, RunDeclined, RunDispatched, RunFact, RunFailed, RunFinished, RunId, RunLost, RunPaused,
    RunStopped, RunUnplaced, Seeds, Spend, Stage, TrainerFact, TrainingFailed, TrainingScheduled,
};

use crate::effects::Effect;
use crate::input::{Input, Outcome};
use crate::state::{Found, Phase, Run, StageOf, Told, Trainer, Training};
use crate::watch::Running;
use crate::{plan, summary};

/// Why an input made no fact. All of the trainer's are early: they wait for what comes first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// An operator's fact came before an earlier one.
    #[error("{0}")]
    OutOfOrder(String),
    /// The campaign has not been followed yet.
    #[error("the campaign of experiment {0} has not been followed yet")]
    NotStarted(ExperimentId),
    /// The candidate has not been trained so far that it could be promoted.
    #[error("experiment {0} has not been trained yet")]
    NotTrained(ExperimentId),
    /// The run has not been dispatched yet, as far as the own chain tells.
    #[error("run {0} has not been dispatched yet")]
    NotDispatched(RunId),
}

impl move37_core::Rejection for Rejection {
    fn is_early(&self) -> bool {
        match self {
            Rejection::OutOfOrder(_)
            | Rejection::NotStarted(_)
            | Rejection::NotTrained(_)
            | Rejection::NotDispatched(_) => true,
        }
    }
}

type Decision = Result<Option<TrainerFact>, Rejection>;

impl Decider for Trainer {
    type Input = Input;
    type Event = TrainerFact;
    type Effect = Effect;
    type Rejection = Rejection;

    fn decide(&self, input: &Input, _ctx: &Ctx) -> Decision {
        match input {
            Input::Fact { id, fact: Fact::Campaign(fact) } => {
                let followed = self.following.decide(id.sequence, fact);
                followed.map(|fact| fact.map(Into::into)).map_err(|error| Rejection::OutOfOrder(error.to_string()))
            }
            Input::Fact { fact: Fact::Engineer(EngineerFact::CandidateAdmitted(body)), .. } => self.take_on(body),
            Input::Fact { fact: Fact::Memory(MemoryFact::CandidatePromoted(body)), .. } => self.promote(body),
            Input::Fact { id, fact: Fact::Run(RunFact::RunFinished(body)) } => self.finished(&id.key, body),
            Input::Fact { id, fact: Fact::Run(RunFact::RunDeclined(body)) } => self.declined(&id.key, body),
            Input::Fact { id, fact: Fact::Run(RunFact::MetricsRecorded(body)) } => Ok(self.watched(&id.key, body)),
            Input::Fact { fact: Fact::Trainer(_), .. } => Ok(self.next()),
            Input::Fact { .. } => Ok(None),
            Input::Outcome(Outcome::SlotFound { run, dispatch, worker }) => Ok(self.placed(run, *dispatch, worker)),
            Input::Outcome(Outcome::RunSilent { run, attempt, why, counts, spend, checkpoint }) => {
                Ok(match self.find(run) {
                    Found::Open(_, known) if dispatched(known, *attempt) => {
                        let from = checkpoint.as_ref().or(known.checkpoint.as_ref());
                        Some(lost(known, why, *counts, *spend, from))
                    }
                    Found::Open(..) | Found::Past | Found::NotYet => None,
                })
            }
        }
    }

    fn evolve(&mut self, event: &TrainerFact) {
        self.fold(event);
    }

    fn effects(&self) -> Vec<Effect> {
        self.owed()
    }
}

impl Trainer {
    /// A candidate was admitted.
    fn take_on(&self, body: &CandidateAdmitted) -> Decision {
        let Some(campaign) = self.following.campaign() else {
            return Err(Rejection::NotStarted(body.experiment));
        };
        let of = StageOf { experiment: body.experiment, stage: Stage::Explore };
        if self.open.contains_key(&of) || self.ended.contains(&body.experiment) {
            return Ok(None);
        }
        Ok(Some(match self.following.stopped() {
            Some(reason) => {
                let why = format!("the campaign was stopped: {reason}");
                let (experiment, brief) = (body.experiment, Some(body.brief.clone()));
                TrainingFailed { experiment, stage: Stage::Explore, seeds: 0, brief, why, spend: Spend::default() }
                    .into()
            }
            None => scheduled(campaign, body).into(),
        }))
    }

    /// A candidate that was trained before is to be trained with fresh seeds.
    fn promote(&self, body: &CandidatePromoted) -> Decision {
        let early = || Rejection::NotTrained(body.experiment);
        let campaign = self.following.campaign().ok_or_else(early)?;
        let trained = self.trained.get(&body.experiment).ok_or_else(early)?;
        if trained.promoted >= body.seeds.end() {
            return Ok(None);
        }
        if trained.promoted < body.seeds.first {
            return Err(early());
        }
        Ok(Some(match self.following.stopped() {
            Some(reason) => TrainingFailed {
                experiment: body.experiment,
                stage: body.stage,
                seeds: body.seeds.end(),
                brief: Some(trained.scheduled.brief.clone()),
                why: format!("the campaign was stopped: {reason}"),
                spend: Spend::default(),
            }
            .into(),
            None => {
                let runs = plan::runs(campaign, body.experiment, body.stage, body.seeds);
                let runs = runs.into_iter().map(|run| run.id).collect();
                TrainingScheduled { stage: body.stage, seeds: body.seeds, runs, ..trained.scheduled.clone() }.into()
            }
        }))
    }

    /// A worker with a slot was found.
    fn placed(&self, run: &RunId, dispatch: u32, worker: &Key) -> Option<TrainerFact> {
        let Found::Open(training, known) = self.find(run) else { return None };
        let wanted = known.phase == Phase::Waiting && known.dispatch + 1 == dispatch;
        (wanted && self.following.is_running()).then_some(())?;
        let job = plan::job(self.following.campaign()?, &training.scheduled, known)?;
        let (run, attempt, worker, resume) = (run.clone(), known.attempt, worker.clone(), known.checkpoint.clone());
        Some(RunDispatched { run, attempt, dispatch, worker, job, resume }.into())
    }

    /// A worker finished a run. Results of an old attempt, or of a worker that does not have the run, change nothing.
    fn finished(&self, worker: &Key, body: &RunFinished) -> Decision {
        let (training, run) = match self.find(&body.run) {
            Found::NotYet => return Err(Rejection::NotDispatched(body.run.clone())),
            Found::Past => return Ok(None),
            Found::Open(training, run) => (training, run),
        };
        let begun = run.phase != Phase::Waiting;
        if body.attempt > run.attempt || (body.attempt == run.attempt && !begun) {
            return Err(Rejection::NotDispatched(body.run.clone()));
        }
        if !dispatched(run, body.attempt) || run.phase != Phase::Dispatched(worker.clone()) {
            return Ok(None);
        }
        Ok(Some(match &body.outcome {
            Ended::Completed(result) => summary::completed(&training.scheduled, run, result, body.spend),
            Ended::Failed(why) => failed(run, why, body.spend),
            Ended::Faulted(why) => faulted(run, why, body),
            Ended::Stopped => {
                let why = match run.told {
                    Told::Nothing => "its worker let go of it",
                    Told::Pause => "it was paused",
                    Told::Stop => "it was stopped",
                };
                lost(run, why, false, body.spend, body.checkpoint.as_ref().or(run.checkpoint.as_ref()))
            }
        }))
    }

    /// A worker declined a run.
    fn declined(&self, worker: &Key, body: &RunDeclined) -> Decision {
        match self.find(&body.run) {
            Found::NotYet => Err(Rejection::NotDispatched(body.run.clone())),
            Found::Past => Ok(None),
            Found::Open(_, run) if body.dispatch > run.dispatch => Err(Rejection::NotDispatched(body.run.clone())),
            Found::Open(_, run) => {
                let asked = run.dispatch == body.dispatch && run.phase == Phase::Dispatched(worker.clone());
                let (attempt, dispatch, why) = (run.attempt, run.dispatch, body.why.clone());
                Ok(asked.then(|| RunUnplaced { run: run.id.clone(), attempt, dispatch, why }.into()))
            }
        }
    }

    /// A worker tells how a run goes: whether it is to be stopped.
    fn watched(&self, worker: &Key, body: &MetricsRecorded) -> Option<TrainerFact> {
        let Found::Open(training, run) = self.find(&body.run) else { return None };
        let ours = dispatched(run, body.attempt) && run.phase == Phase::Dispatched(worker.clone());
        if !ours || run.told == Told::Stop || training.scheduled.baseline {
            return None;
        }
        let campaign = self.following.campaign()?;
        let task = campaign.tasks.iter().find(|task| task.name == run.task)?;
        let stage = training.scheduled.stage;
        let peers = self.peers.get(&stage)?.get(&run.task)?;
        let running = Running { task, stage, whole: run.checkpoint.is_none(), told: body };
        let why = peers.judge(&campaign.watch, &running)?;
        Some(RunStopped { run: run.id.clone(), attempt: run.attempt, why }.into())
    }

    /// What follows from the state alone: what the run that completed last was spared, then training by training.
    fn next(&self) -> Option<TrainerFact> {
        if let Some(spared) = &self.spared {
            return Some(spared.clone().into());
        }
        self.open.values().find_map(|training| self.next_of(training))
    }

    fn next_of(&self, training: &Training) -> Option<TrainerFact> {
        let stopped = self.following.stopped().map(|reason| format!("the campaign was stopped: {reason}"));
        if let Some(why) = training.failure.clone().or(stopped) {
            let mut dispatched = training.runs.iter().filter(|run| run.is_dispatched()).peekable();
            if dispatched.peek().is_none() {
                return Some(abandoned(training, why).into());
            }
            // What the stopped runs cost belongs to the training's end, so it waits for their workers' answers.
            let run = dispatched.find(|run| run.told != Told::Stop)?;
            return Some(RunStopped { run: run.id.clone(), attempt: run.attempt, why }.into());
        }
        let to_pause = |run: &&Run| run.is_dispatched() && run.told == Told::Nothing;
        if self.following.is_paused()
            && let Some(run) = training.runs.iter().find(to_pause)
        {
            let (run, attempt, why) = (run.id.clone(), run.attempt, "the campaign was paused".to_owned());
            return Some(RunPaused { run, attempt, why }.into());
        }
        let attempts = self.following.campaign().map_or(1, |campaign| campaign.training.attempts.max(1));
        let exhausted = |run: &&Run| run.phase == Phase::Waiting && run.lost >= attempts;
        if let Some(run) = training.runs.iter().find(exhausted) {
            let (attempt, spend) = (run.attempt - 1, Spend::default());
            let why = format!("{attempts} attempts were lost, the last because {}", run.why);
            return Some(RunFailed { run: run.id.clone(), attempt, why, spend }.into());
        }
        let earlier = self.trained.get(&training.scheduled.experiment).map_or(&[][..], |trained| &trained.results);
        summary::training_completed(self.following.campaign()?, training, earlier).map(Into::into)
    }
}

fn dispatched(run: &Run, attempt: u32) -> bool {
    run.attempt == attempt && run.is_dispatched()
}

fn lost(run: &Run, why: &str, counts: bool, spend: Spend, checkpoint: Option<&Checkpoint>) -> TrainerFact {
    let (attempt, why, checkpoint) = (run.attempt, why.to_owned(), checkpoint.cloned());
    RunLost { run: run.id.clone(), attempt, why, counts, spend, checkpoint }.into()
}

/// The worker's surroundings failed. Where the attempt had gone on from a checkpoint and saved no newer one, the
/// checkpoint may be to blame: the next attempt starts anew, and this one does not count.
fn faulted(run: &Run, why: &str, body: &RunFinished) -> TrainerFact {
    match (&body.checkpoint, &run.checkpoint) {
        (None, Some(from)) => {
            let why = format!("{why}; it had gone on from step {} and starts anew", from.step);
            lost(run, &why, false, body.spend, None)
        }
        (checkpoint, _) => lost(run, why, true, body.spend, checkpoint.as_ref()),
    }
}

pub(crate) fn failed(run: &Run, why: &str, spend: Spend) -> TrainerFact {
    RunFailed { run: run.id.clone(), attempt: run.attempt, why: why.to_owned(), spend }.into()
}

fn abandoned(training: &Training, why: String) -> TrainingFailed {
    let scheduled = &training.scheduled;
    TrainingFailed {
        experiment: scheduled.experiment,
        stage: scheduled.stage,
        seeds: scheduled.seeds.end(),
        brief: Some(scheduled.brief.clone()),
        why,
        spend: training.spend,
    }
}

fn scheduled(campaign: &Campaign, body: &CandidateAdmitted) -> TrainingScheduled {
    let training = &campaign.training;
    let seeds = Seeds::first(if body.baseline { training.baseline_seeds } else { training.seeds });
    let runs = plan::runs(campaign, body.experiment, Stage::Explore, seeds);
    TrainingScheduled {
        experiment: body.experiment,
        stage: Stage::Explore,
        brief: body.brief.clone(),
        genome: body.genome.clone(),
        source: body.source.clone(),
        program: body.program,
        baseline: body.baseline,
        parent: body.parent,
        parameters: body.gate.parameters.unwrap_or(0),
        flops: body.gate.flops.first().map_or(0.0, |cost| cost.flops),
        sizes: body.sizes,
        seeds,
        runs: runs.into_iter().map(|run| run.id).collect(),
    }
}
