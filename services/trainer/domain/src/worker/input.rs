//! What a worker is asked about.

use move37_core::{CampaignId, Key};
use move37_events::facts::{Checkpoint, CurvePoint, Outcome as Ended, RunId, Spend};

/// What comes back from an owed effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The worker knows itself and is ready.
    Joined {
        /// Key of its chain.
        worker: Key,
        /// Host.
        host: String,
        /// Device, in words.
        device: String,
        /// Threads per run.
        threads: u32,
        /// Version and build of the binary.
        binary: String,
        /// Runs that it takes at a time.
        slots: u32,
    },
    /// A run goes on.
    Progress {
        /// Campaign.
        campaign: CampaignId,
        /// Run.
        run: RunId,
        /// Attempt.
        attempt: u32,
        /// Steps done.
        step: u32,
        /// Steps in all.
        steps: u32,
        /// New points of the curve; none to say only that the worker is alive.
        points: Vec<CurvePoint>,
        /// Cost so far.
        spend: Spend,
    },
    /// A run's state was put into the store.
    Saved {
        /// Campaign.
        campaign: CampaignId,
        /// Run.
        run: RunId,
        /// Attempt.
        attempt: u32,
        /// Steps in all.
        steps: u32,
        /// The state.
        checkpoint: Checkpoint,
        /// Cost so far.
        spend: Spend,
    },
    /// A run ended.
    Finished {
        /// Campaign.
        campaign: CampaignId,
        /// Run.
        run: RunId,
        /// Attempt.
        attempt: u32,
        /// How.
        outcome: Ended,
        /// Its cost.
        spend: Spend,
    },
    /// The worker was asked to leave; the second time, without waiting for its runs.
    Leaving {
        /// Why.
        why: String,
    },
}

/// An input of a worker.
pub type Input = move37_events::Input<Outcome>;
