//! What the trainer wants of runs: a disposable view of its facts, and how a training hears of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use move37_core::Key;
use move37_events::facts::{RunId, TrainerFact};
use move37_training::run::Cancel;
use tokio::sync::watch;

/// What a training is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// To keep its state and end.
    Pause,
    /// To end; nobody will go on from its state.
    Stop,
}

/// Orders that were heard and not carried out yet, whoever trains the run.
pub(super) struct Orders(watch::Sender<Open>);

/// By campaign and run: the attempt that is meant.
pub(super) type Open = BTreeMap<(Key, RunId), (u32, Order)>;

impl Orders {
    pub(super) fn new() -> Orders {
        Orders(watch::Sender::new(Open::new()))
    }

    /// Take a trainer's fact in.
    pub(super) fn heard(&self, campaign: &Key, fact: &TrainerFact) {
        let (run, order) = match fact {
            TrainerFact::RunPaused(body) => (&body.run, Some((body.attempt, Order::Pause))),
            TrainerFact::RunStopped(body) => (&body.run, Some((body.attempt, Order::Stop))),
            // Its worker does not have it any more.
            TrainerFact::RunUnplaced(body) => (&body.run, None),
            TrainerFact::RunCompleted(body) => (&body.run, None),
            TrainerFact::RunFailed(body) => (&body.run, None),
            TrainerFact::RunLost(body) => (&body.run, None),
            TrainerFact::CampaignFollowed(_)
            | TrainerFact::TrainingScheduled(_)
            | TrainerFact::RunDispatched(_)
            | TrainerFact::RunSpared(_)
            | TrainerFact::TrainingCompleted(_)
            | TrainerFact::TrainingFailed(_) => return,
        };
        let name = (campaign.clone(), run.clone());
        self.0.send_if_modified(|open| match order {
            Some(order) => open.insert(name, order) != Some(order),
            None => open.remove(&name).is_some(),
        });
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Open> {
        self.0.subscribe()
    }
}

/// Ends a training; clones end the same one.
#[derive(Clone, Default)]
pub(super) struct Halt {
    cancel: Cancel,
    stopped: Arc<AtomicBool>,
}

impl Halt {
    pub(super) fn order(&self, order: Order) {
        if order == Order::Stop {
            self.stopped.store(true, Ordering::Relaxed);
        }
        self.cancel.cancel();
    }

    /// What the training listens to.
    pub(super) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Whether nobody will go on from its state.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}
