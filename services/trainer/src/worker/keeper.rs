//! Keeping a run's state: in the store first, then as a fact.

use std::time::{Duration, Instant};

use move37_blobs::Store;
use move37_training::run::{Observer, State};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tracing::warn;

use super::orders::Halt;
use super::report::Report;

/// Watches a training: tells how it goes, and keeps its state now and then and when it is asked to stop.
pub(super) struct Keeper {
    report: Report,
    store: Store,
    halt: Halt,
    runtime: Handle,
    every: Duration,
    /// When a state was last kept, or the run began.
    last: Instant,
    /// The step of the last state that was handed to the store, and the writing of it.
    writing: Option<(u32, JoinHandle<()>)>,
}

impl Keeper {
    /// Keeps the state every so often. Inside a tokio runtime only, which does the writing.
    pub(super) fn new(report: Report, store: Store, halt: Halt, every: Duration) -> Keeper {
        Keeper { report, store, halt, runtime: Handle::current(), every, last: Instant::now(), writing: None }
    }

    fn is_writing(&self) -> bool {
        self.writing.as_ref().is_some_and(|(_, writing)| !writing.is_finished())
    }

    fn keep(&mut self, run: &dyn State) {
        self.last = Instant::now();
        let (step, (done, spend)) = (run.step(), self.report.done());
        if done == 0 || self.writing.as_ref().is_some_and(|(written, _)| *written == step) {
            return;
        }
        let bytes = match run.bytes() {
            Ok(bytes) => bytes,
            Err(error) => return warn!(run = %self.report.run, step, %error, "failed to take the state of a run"),
        };
        let (before, store, report) = (self.writing.take(), self.store.clone(), self.report.clone());
        let writing = self.runtime.spawn(async move {
            if let Some((_, before)) = before {
                // Told in order; a panic of the one before is its own matter.
                let _ = before.await;
            }
            match store.put(bytes).await {
                Ok(blob) => report.saved(step, blob, spend),
                Err(error) => warn!(run = %report.run, step, %error, "failed to keep the state of a run"),
            }
        });
        self.writing = Some((step, writing));
    }
}

impl Observer for Keeper {
    fn started(&mut self, parameters: u64, flops_per_step: f64) {
        self.report.started(parameters, flops_per_step);
    }

    fn step(&mut self, step: u32, loss: f32, elapsed: Duration) {
        self.report.step(step, loss, elapsed);
    }

    /// Training goes on while the store writes; a store that is slower than the interval is not hurried.
    fn between(&mut self, run: &dyn State) {
        if self.last.elapsed() >= self.every && !self.is_writing() {
            self.keep(run);
        }
    }

    fn stopping(&mut self, run: &dyn State) {
        if self.halt.is_stopped() {
            return;
        }
        self.keep(run);
        if let Some((_, writing)) = self.writing.take() {
            // What could not be kept was said.
            let _ = self.runtime.block_on(writing);
        }
    }
}
