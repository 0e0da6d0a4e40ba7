//! What trains.

use move37_events::facts::{Job, Outcome};
use move37_training::run::{Cancel, Observer};

/// Trains jobs.
pub trait Backend: Send + Sync + 'static {
    /// Train on the calling thread; tell every step, stop when cancelled.
    fn train(&self, job: &Job, observer: &mut dyn Observer, cancel: &Cancel) -> Outcome;
}

impl<B: Backend + ?Sized> Backend for Box<B> {
    fn train(&self, job: &Job, observer: &mut dyn Observer, cancel: &Cancel) -> Outcome {
        (**self).train(job, observer, cancel)
    }
}
