//! What a training thread tells: points of its curve, and how far it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use move37_core::CampaignId;
use move37_events::facts::{CurvePoint, RunId, Spend};
use move37_runtime::Outbox;
use move37_trainer_domain::worker::Outcome;
use move37_training::run::Observer;
use tokio::time::Instant;

/// Points that a run tells of its curve while it lasts.
const POINTS: u32 = 20;

/// One run's way to the outbox, shared by its thread and the task that keeps it alive.
#[derive(Clone)]
pub(super) struct Report {
    pub(super) campaign: CampaignId,
    pub(super) run: RunId,
    pub(super) attempt: u32,
    pub(super) steps: u32,
    pub(super) outbox: Outbox<Outcome>,
    pub(super) state: Arc<Mutex<Told>>,
}

/// How far a run is, and when that was last told.
pub(super) struct Told {
    step: u32,
    flops_per_step: f64,
    elapsed: Duration,
    losses: Vec<f64>,
    at: Instant,
}

impl Told {
    pub(super) fn nothing() -> Told {
        Told { step: 0, flops_per_step: 0.0, elapsed: Duration::ZERO, losses: Vec::new(), at: Instant::now() }
    }

    fn spend(&self) -> Spend {
        Spend { flops: f64::from(self.step) * self.flops_per_step, seconds: self.elapsed.as_secs_f64() }
    }
}

impl Report {
    /// Say that the run is alive, if nothing was told since `before`.
    pub(super) fn alive(&self, before: Instant) {
        let mut told = self.told();
        if told.at <= before {
            self.tell(&mut told, Vec::new());
        }
    }

    /// Cost so far.
    pub(super) fn spend(&self) -> Spend {
        self.told().spend()
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
