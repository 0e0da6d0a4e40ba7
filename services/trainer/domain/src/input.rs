//! What the trainer is asked about.

use move37_core::Key;
use move37_events::facts::{Checkpoint, RunId, Spend};

/// What comes back from an owed effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A worker has a slot for the run.
    SlotFound {
        /// Run.
        run: RunId,
        /// Dispatch that the slot is for.
        dispatch: u32,
        /// Worker: key of its chain.
        worker: Key,
    },
    /// The run's worker has said nothing for a lease, or has left.
    RunSilent {
        /// Run.
        run: RunId,
        /// Attempt that was watched.
        attempt: u32,
        /// What was seen.
        why: String,
        /// False where the worker left in good order, so that the run is not to blame.
        counts: bool,
        /// Cost as far as the worker told.
        spend: Spend,
        /// The newest checkpoint of this attempt that the worker told of.
        checkpoint: Option<Checkpoint>,
    },
}

/// An input of the trainer.
pub type Input = move37_events::Input<Outcome>;
