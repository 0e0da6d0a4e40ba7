//! Running effects: tasks that are started, cancelled, awaited, and started again more slowly.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::cell::Instance;
use crate::service::{Cancel, Canceller};

/// How long a cancelled task may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// Wait before the second start of an effect; doubled for every further one.
const FIRST_DELAY: Duration = Duration::from_millis(200);

/// Longest wait before a start.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// The tasks of one actor.
pub(crate) struct Performer {
    runtime: Handle,
    /// By generation.
    tasks: HashMap<u64, Task>,
}

struct Task {
    canceller: Canceller,
    abort: AbortHandle,
}

impl Performer {
    pub(crate) fn new(runtime: Handle) -> Performer {
        Performer { runtime, tasks: HashMap::new() }
    }

    /// Start a task, after a delay that grows with the failures before it. `ended` is called when it has ended,
    /// however it did.
    pub(crate) fn start<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        instance: &Instance,
        failures: u32,
        work: impl FnOnce(Cancel) -> F + Send + 'static,
        ended: impl FnOnce() + Send + 'static,
    ) {
        let (canceller, cancel) = Cancel::new();
        let id = instance.id.clone();
        let task = async move {
            let ended = OnDrop(Some(ended));
            if failures > 0 {
                tokio::select! {
                    () = tokio::time::sleep(delay(failures)) => {}
                    () = cancel.cancelled() => return,
                }
            }
            let out_of_patience = {
                let cancel = cancel.clone();
                async move {
                    cancel.cancelled().await;
                    tokio::time::sleep(GRACE).await;
                }
            };
            tokio::select! {
                () = work(cancel) => {}
                () = out_of_patience => tracing::warn!(effect = id, "a cancelled effect was dropped"),
            }
            drop(ended);
        };
        let abort = self.runtime.spawn(task).abort_handle();
        self.tasks.insert(instance.generation, Task { canceller, abort });
    }

    /// Tell a task to end.
    pub(crate) fn cancel(&self, instance: &Instance) {
        if let Some(task) = self.tasks.get(&instance.generation) {
            task.canceller.cancel();
        }
    }

    /// Forget a task that has ended.
    pub(crate) fn forget(&mut self, instance: &Instance) {
        self.tasks.remove(&instance.generation);
    }

    /// Whether nothing runs.
    pub(crate) fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }
}

impl Drop for Performer {
    fn drop(&mut self) {
        self.tasks.values().for_each(|task| task.abort.abort());
    }
}

fn delay(failures: u32) -> Duration {
    FIRST_DELAY.saturating_mul(1 << (failures - 1).min(16)).min(LONGEST_DELAY)
}

/// Says that a task has ended even when it panicked.
struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call();
        }
    }
}
