//! Taking the trainer's own facts in.

use move37_core::ExperimentId;
use move37_events::facts::{EarlyMode, RunCompleted, Spend, Stage, TrainerFact, TrainingScheduled};

use crate::plan;
use crate::state::{Found, Phase, Run, StageOf, Told, Trained, Trainer, Training};

impl Trainer {
    pub(crate) fn fold(&mut self, event: &TrainerFact) {
        match event {
            TrainerFact::CampaignFollowed(body) => self.following.evolve(body),
            TrainerFact::TrainingScheduled(body) => self.schedule(body),
            TrainerFact::RunDispatched(body) => {
                if let Some((_, run)) = self.run_mut(&body.run) {
                    run.dispatch = body.dispatch;
                    run.phase = Phase::Dispatched(body.worker.clone());
                }
            }
            TrainerFact::RunUnplaced(body) => {
                if let Some((_, run)) = self.run_mut(&body.run) {
                    run.let_go();
                }
            }
            TrainerFact::RunPaused(body) => {
                if let Some((_, run)) = self.run_mut(&body.run) {
                    run.told = Told::Pause;
                }
            }
            TrainerFact::RunCompleted(body) => {
                self.compare(body);
                if let Some((spend, run)) = self.run_mut(&body.run) {
                    *spend += body.spend;
                    run.phase = Phase::Completed(Box::new(body.result.clone()));
                }
            }
            TrainerFact::RunLost(body) => {
                if let Some((spend, run)) = self.run_mut(&body.run) {
                    *spend += body.spend;
                    run.attempt = body.attempt + 1;
                    run.lost += u32::from(body.counts);
                    run.why = body.why.clone();
                    run.checkpoint = body.checkpoint.clone();
                    run.let_go();
                }
            }
            TrainerFact::RunFailed(body) => {
                if let Some((spend, run)) = self.run_mut(&body.run) {
                    *spend += body.spend;
                    run.phase = Phase::Over;
                }
                if let Some(training) = plan::named(&body.run).and_then(|named| self.open.get_mut(&named.of)) {
                    training.failure = Some(format!("run {} failed: {}", body.run, body.why));
                }
            }
            TrainerFact::RunSpared(_) => self.spared = None,
            TrainerFact::RunStopped(body) => {
                if let Some((_, run)) = self.run_mut(&body.run) {
                    run.told = Told::Stop;
                }
                if let Some(training) = plan::named(&body.run).and_then(|named| self.open.get_mut(&named.of)) {
                    training.failure.get_or_insert_with(|| format!("run {} was stopped: {}", body.run, body.why));
                }
            }
            TrainerFact::TrainingCompleted(body) => {
                let of = StageOf { experiment: body.experiment, stage: body.stage };
                let ended = self.open.remove(&of).map(|training| training.scheduled);
                match body.stage {
                    Stage::Explore => {
                        self.ended.insert(body.experiment);
                        self.trained.extend(ended.map(|scheduled| {
                            (body.experiment, Trained { scheduled, promoted: 0, results: Vec::new() })
                        }));
                    }
                    Stage::Verify => {
                        if let Some(trained) = self.trained.get_mut(&body.experiment) {
                            trained.results = body.runs.clone();
                        }
                    }
                }
            }
            TrainerFact::TrainingFailed(body) => {
                self.open.remove(&StageOf { experiment: body.experiment, stage: body.stage });
                match body.stage {
                    Stage::Explore => drop(self.ended.insert(body.experiment)),
                    Stage::Verify => self.promoted(body.experiment, body.seeds),
                }
            }
        }
    }

    /// A run completed: judge it in the shadow by those before it, and remember it as one of them.
    fn compare(&mut self, body: &RunCompleted) {
        let Found::Open(training, run) = self.find(&body.run) else { return };
        let Some(campaign) = self.following.campaign() else { return };
        let (early, steps, stage) = (&campaign.watch.early, campaign.training.steps, training.scheduled.stage);
        let whole = run.attempt == 1 && run.checkpoint.is_none();
        let shadow = early.mode == EarlyMode::Shadow && stage == Stage::Explore && !training.scheduled.baseline;
        let known = self.peers.get(&stage).and_then(|tasks| tasks.get(&run.task));
        let spared = known.filter(|_| shadow).and_then(|peers| peers.spared(early, body, steps));
        let task = run.task.clone();
        self.spared = spared;
        self.peers.entry(stage).or_default().entry(task).or_default().add(body, whole);
    }

    fn schedule(&mut self, body: &TrainingScheduled) {
        let Some(campaign) = self.following.campaign() else { return };
        let planned = plan::runs(campaign, body.experiment, body.stage, body.seeds);
        let waiting = |planned: plan::Planned<'_>| Run {
            id: planned.id,
            task: planned.task.name.clone(),
            seed: planned.seed,
            attempt: 1,
            lost: 0,
            why: String::new(),
            dispatch: 0,
            phase: Phase::Waiting,
            told: Told::Nothing,
            checkpoint: None,
        };
        let runs = planned.into_iter().map(waiting).collect();
        let training = Training { scheduled: body.clone(), runs, failure: None, spend: Spend::default() };
        if body.stage == Stage::Verify {
            self.promoted(body.experiment, body.seeds.end());
        }
        self.open.insert(StageOf { experiment: body.experiment, stage: body.stage }, training);
    }

    fn promoted(&mut self, experiment: ExperimentId, seeds: u32) {
        if let Some(trained) = self.trained.get_mut(&experiment) {
            trained.promoted = trained.promoted.max(seeds);
        }
    }
}
