//! What a training thread tells: points of its curve, and how far it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use move37_blobs::Blob;
use move37_core::CampaignId;
use move37_events::facts::{Checkpoint, CurvePoint, Outcome as Ended, RunId, Spend};
use move37_runtime::Outbox;
use move37_trainer_domain::worker::Outcome;
use move37_training::run::Observer;
use tokio::time::Instant;

/// Points that a run tells of its curve while it lasts.
const POINTS: u32 = 20;

/// One run's way to the outbox, shared by its thread and the task that keeps it alive.
#[derive(Clone)]
pub(super) struct Report {
    campaign: CampaignId,
    pub(super) run: RunId,
    attempt: u32,
    steps: u32,
    outbox: Outbox<Outcome>,
    state: Arc<Mutex<Told>>,
}

/// How far a run is, and when that was last told.
struct Told {
    /// Steps that an earlier attempt had done.
    from: u32,
    step: u32,
    flops_per_step: f64,
    elapsed: Duration,
    losses: Vec<f64>,
    at: Instant,
}

impl Told {
    /// Nothing yet of an attempt that begins after these steps.
    fn nothing(from: u32) -> Told {
        let (flops_per_step, elapsed) = (0.0, Duration::ZERO);
        Told { from, step: from, flops_per_step, elapsed, losses: Vec::new(), at: Instant::now() }
    }

    fn spend(&self) -> Spend {
        let steps = f64::from(self.step - self.from);
        Spend { flops: steps * self.flops_per_step, seconds: self.elapsed.as_secs_f64() }
    }
}

impl Report {
    /// Of an attempt that begins, or goes on from a checkpoint.
    pub(super) fn new(
        campaign: &CampaignId,
        run: &RunId,
        attempt: u32,
        steps: u32,
        from: Option<&Checkpoint>,
        outbox: Outbox<Outcome>,
    ) -> Report {
        let told = Told::nothing(from.map_or(0, |from| from.step));
        let (campaign, run, state) = (campaign.clone(), run.clone(), Arc::new(Mutex::new(told)));
        Report { campaign, run, attempt, steps, outbox, state }
    }

    /// Say that the run is alive, if nothing was told since `before`.
    pub(super) fn alive(&self, before: Instant) {
        let mut told = self.told();
        if told.at <= before {
            self.tell(&mut told, Vec::new());
        }
    }

    /// Steps that this attempt has done, and what they cost.
    pub(super) fn done(&self) -> (u32, Spend) {
        let told = self.told();
        (told.step - told.from, told.spend())
    }

    /// Say that a state is in the store.
    pub(super) fn saved(&self, step: u32, blob: Blob, spend: Spend) {
        self.told().at = Instant::now();
        self.outbox.send(Outcome::Saved {
            campaign: self.campaign.clone(),
            run: self.run.clone(),
            attempt: self.attempt,
            steps: self.steps,
            checkpoint: Checkpoint { hash: blob.hash, size: blob.size, step },
            spend,
        });
    }

    /// Say how the run ended.
    pub(super) fn finished(&self, outcome: Ended) {
        let (_, spend) = self.done();
        let (campaign, run, attempt) = (self.campaign.clone(), self.run.clone(), self.attempt);
        self.outbox.send(Outcome::Finished { campaign, run, attempt, outcome, spend });
    }

    fn tell(&self, told: &mut Told, points: Vec<CurvePoint>) {
        told.at = Instant::now();
        self.outbox.send(Outcome::Progress {
            campaign: self.campaign.clone(),
            run: self.run.clone(),
            attempt: self.attempt,
            step: told.step,
            steps: self.steps,
            points,
            spend: told.spend(),
        });
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // Every change of it is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Report {
    fn started(&mut self, _parameters: u64, flops_per_step: f64) {
        self.told().flops_per_step = flops_per_step;
    }

    fn step(&mut self, step: u32, loss: f32, elapsed: Duration) {
        let mut told = self.told();
        (told.step, told.elapsed) = (step, elapsed);
        told.losses.push(f64::from(loss));
        if step.is_multiple_of((self.steps / POINTS).max(1)) || step == self.steps {
            let losses = std::mem::take(&mut told.losses);
            let loss = losses.iter().sum::<f64>() / losses.len() as f64;
            self.tell(&mut told, vec![CurvePoint { step, loss }]);
        }
    }
}
