//! How a service stands: its phase, and what the runtime counts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use move37_events::{Role, Topic};
#[cfg(test)]
use move37_runtime::Dropped;
use move37_runtime::{Counts, Latency, Monitor};
use serde::Serialize;

/// What a process is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It waits for the log.
    Connecting,
    /// It waits for partitions, or reads what is in them.
    Recovering,
    /// It has read what was there, and works.
    Live,
    /// It was asked to end, and finishes.
    Draining,
    /// It has failed, and ends.
    Failed,
}

/// How a service stands at a moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Service.
    pub role: Role,
    /// Phase.
    pub phase: Phase,
    /// Why it is in no better phase.
    pub why: Option<String>,
    /// How often it started over because the log was away.
    pub starts_over: u64,
    /// Partitions of its own topic that it owns.
    pub partitions: Vec<u32>,
    /// Keys (campaigns) that have an actor here.
    pub keys: u64,
    /// What has stopped, each as one sentence.
    pub failures: Vec<String>,
    /// What people should look at although nothing has stopped.
    pub warnings: Vec<String>,
    /// What was done and what is at hand.
    pub counts: Counts,
    /// From an input to the fact that came of it.
    pub latency: Latency,
    /// Records that are there but not yet read, by topic and partition.
    pub lag: Vec<(Topic, u32, u64)>,
}

/// A process's standing, shared by the life of the service and by those who ask. Clones are the same standing.
#[derive(Clone)]
pub(crate) struct Standing {
    role: Role,
    state: Arc<Mutex<State>>,
}

struct State {
    phase: Phase,
    why: Option<String>,
    starts_over: u64,
    monitor: Option<Monitor>,
}

impl Standing {
    pub(crate) fn new(role: Role) -> Standing {
        let state = State { phase: Phase::Connecting, why: None, starts_over: 0, monitor: None };
        Standing { role, state: Arc::new(Mutex::new(state)) }
    }

    /// It waits for the log, since the log is not as it should be.
    pub(crate) fn waits(&self, why: String) {
        self.enter(Phase::Connecting, Some(why));
    }

    /// It runs.
    pub(crate) fn runs(&self, monitor: Monitor) {
        self.enter(Phase::Recovering, None);
        self.state().monitor = Some(monitor);
    }

    /// It was stopped for a reason that a new start may cure.
    pub(crate) fn starts_over(&self, why: String) {
        self.enter(Phase::Connecting, Some(why));
        let mut state = self.state();
        state.starts_over += 1;
        state.monitor = None;
    }

    /// It finishes.
    pub(crate) fn drains(&self) {
        self.enter(Phase::Draining, Some("it was asked to end".to_owned()));
    }

    /// It ends.
    pub(crate) fn failed(&self, why: String) {
        self.enter(Phase::Failed, Some(why));
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state();
        let is_live = state.phase == Phase::Recovering && state.monitor.as_ref().is_some_and(Monitor::is_live);
        let phase = if is_live { Phase::Live } else { state.phase };
        let of = |read: fn(&Monitor) -> Vec<String>| state.monitor.as_ref().map(read).unwrap_or_default();
        let monitor = state.monitor.as_ref();
        let why = match phase {
            Phase::Recovering => Some("it waits for partitions or reads the history of those that it has".to_owned()),
            _ => state.why.clone(),
        };
        Snapshot {
            role: self.role,
            phase,
            why,
            starts_over: state.starts_over,
            partitions: monitor.map(Monitor::partitions).unwrap_or_default(),
            keys: monitor.map_or(0, Monitor::keys),
            failures: of(Monitor::failures),
            warnings: of(Monitor::warnings),
            counts: monitor.map(Monitor::counts).unwrap_or_default(),
            latency: monitor.map_or(Latency { count: 0, sum: 0.0, buckets: Vec::new() }, Monitor::latency),
            lag: monitor.map(Monitor::lag).unwrap_or_default(),
        }
    }

    fn enter(&self, phase: Phase, why: Option<String>) {
        let mut state = self.state();
        (state.phase, state.why) = (phase, why);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of it is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A service as tests look at it.
#[cfg(test)]
pub(crate) fn sample() -> Snapshot {
    Snapshot {
        role: Role::Memory,
        phase: Phase::Live,
        why: None,
        starts_over: 1,
        partitions: vec![1, 4],
        keys: 3,
        failures: vec!["memory stopped c-1: its rules panicked".to_owned()],
        warnings: Vec::new(),
        counts: Counts {
            decided: 9,
            appended: 5,
            races_lost: 2,
            dropped: [(Dropped::Duplicate, 4)].into(),
            parked: 6,
            owed: 7,
            held: 8,
        },
        latency: Latency { count: 3, sum: 0.5, buckets: vec![(0.1, 2), (f64::INFINITY, 1)] },
        lag: vec![(Topic::Trainer, 4, 11)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_says_what_it_waits_for() {
        let standing = Standing::new(Role::Memory);
        assert_eq!(standing.snapshot().phase, Phase::Connecting);
        standing.waits("no broker answers".to_owned());
        let now = standing.snapshot();
        assert_eq!((now.phase, now.why.as_deref()), (Phase::Connecting, Some("no broker answers")));
        standing.starts_over("the log was away".to_owned());
        assert_eq!(standing.snapshot().starts_over, 1);
        standing.drains();
        assert_eq!(standing.snapshot().phase, Phase::Draining);
        standing.failed("its chain is corrupt".to_owned());
        let now = standing.snapshot();
        assert_eq!((now.phase, now.why.as_deref()), (Phase::Failed, Some("its chain is corrupt")));
    }
}
