//! What the trainer owes: a place for every waiting run, and a watch over every dispatched one.

use move37_core::{EffectId, Key, Owed};
use move37_events::facts::RunId;

use crate::state::{Phase, Trainer};

/// Work that the trainer's shell does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Find a worker with a free slot.
    Place {
        /// Run.
        run: RunId,
        /// Attempt that is to begin.
        attempt: u32,
        /// Dispatch that is to be made.
        dispatch: u32,
    },
    /// Tell when the worker falls silent or leaves.
    Watch {
        /// Run.
        run: RunId,
        /// Attempt.
        attempt: u32,
        /// Dispatch.
        dispatch: u32,
        /// Its worker.
        worker: Key,
    },
}

impl Owed for Effect {
    fn id(&self) -> EffectId {
        match self {
            Effect::Place { run, dispatch, .. } => format!("place/{run}/{dispatch}"),
            Effect::Watch { run, dispatch, .. } => format!("watch/{run}/{dispatch}"),
        }
    }
}

impl Trainer {
    pub(crate) fn owed(&self) -> Vec<Effect> {
        let runs = self.open.values().flat_map(|training| &training.runs);
        let owed = runs.filter_map(|run| match &run.phase {
            Phase::Waiting => self.following.is_running().then(|| Effect::Place {
                run: run.id.clone(),
                attempt: run.attempt,
                dispatch: run.dispatch + 1,
            }),
            Phase::Dispatched(worker) => Some(Effect::Watch {
                run: run.id.clone(),
                attempt: run.attempt,
                dispatch: run.dispatch,
                worker: worker.clone(),
            }),
            Phase::Completed(_) | Phase::Over => None,
        });
        owed.collect()
    }
}
