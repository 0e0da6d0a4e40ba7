//! What trains.

use move37_events::facts::{Job, Outcome};
use move37_training::run::{Cancel, Observer};

/// Trains jobs.
pub trait Backend: Send + Sync + 'static {
    /// Train on the calling thread, from the start or from a state that was kept; tell every step, stop when cancelled.
    fn train(&self, job: &Job, state: Option<&[u8]>, observer: &mut dyn Observer, cancel: &Cancel) -> Outcome;
}

impl<B: Backend + ?Sized> Backend for Box<B> {
    fn train(&self, job: &Job, state: Option<&[u8]>, observer: &mut dyn Observer, cancel: &Cancel) -> Outcome {
        (**self).train(job, state, observer, cancel)
    }
}
