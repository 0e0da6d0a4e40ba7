//! Who watches a run, and how it is stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::Error;

/// Hears about a run while it lasts. All calls come from the thread that runs it.
pub trait Observer {
    /// The model is built: trained parameters, and FLOPs of one step.
    fn started(&mut self, _parameters: u64, _flops_per_step: f64) {}
    /// A step (from 1) was taken; its training loss in nats per scored token, and the time since the run began.
    fn step(&mut self, step: u32, loss: f32, elapsed: Duration);
    /// A step was taken and the next has not begun: the state can be kept. Called after every step, so be quick when there is
    /// nothing to do.
    fn between(&mut self, _run: &dyn State) {}
    /// The run was asked to stop, and ends as soon as this returns: the last chance to keep its state.
    fn stopping(&mut self, _run: &dyn State) {}
    /// Steps are over; validation begins.
    fn validating(&mut self) {}
    /// The run is measured: the last state can be kept.
    fn finished(&mut self, _run: &dyn State) {}
}

/// A run between two steps, to be kept if somebody wants to.
pub trait State {
    /// Steps done.
    fn step(&self) -> u32;

    /// All that it takes to go on elsewhere. The same state gives the same bytes.
    ///
    /// # Errors
    /// If a tensor cannot be read.
    fn bytes(&self) -> Result<Vec<u8>, Error>;
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn step(&mut self, _: u32, _: f32, _: Duration) {}
}

/// Asks a run to stop; clones ask the same run. Obeyed between the operations of a step, whose work is
/// then not done.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Ask.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
