//! Which effects run: those that are owed, each once.

use std::collections::BTreeMap;

use move37_core::{EffectId, EventId, Owed};
use tracing::warn;

use super::{Action, Instance};

/// The running effects of a cell.
#[derive(Default)]
pub(super) struct Effects {
    running: BTreeMap<EffectId, Run>,
    generation: u64,
}

struct Run {
    generation: u64,
    /// The own fact that owes it.
    cause: Option<EventId>,
    ended: bool,
    /// How often it ended without settling what was owed.
    failures: u32,
}

impl Effects {
    /// Start what is newly owed, cancel what no longer is.
    pub(super) fn follow<E: Owed>(&mut self, owed: Vec<(E, Option<EventId>)>, actions: &mut Vec<Action<E>>) {
        let mut still: BTreeMap<EffectId, Run> = BTreeMap::new();
        for (effect, cause) in owed {
            let id = effect.id();
            match self.running.remove(&id) {
                Some(run) if run.cause == cause => {
                    still.insert(id, run);
                }
                opened_anew => {
                    actions.extend(opened_anew.map(|run| Action::Cancel(instance(&id, &run))));
                    let run = self.run(cause, 0);
                    actions.push(Action::Start { instance: instance(&id, &run), effect, failures: 0 });
                    still.insert(id, run);
                }
            }
        }
        let settled = std::mem::replace(&mut self.running, still);
        actions.extend(settled.iter().map(|(id, run)| Action::Cancel(instance(id, run))));
    }

    /// Cancel everything.
    pub(super) fn cancel_all<E>(&mut self) -> Vec<Action<E>> {
        let running = std::mem::take(&mut self.running);
        running.iter().map(|(id, run)| Action::Cancel(instance(id, run))).collect()
    }

    /// A task has ended.
    pub(super) fn ended(&mut self, ended: &Instance) {
        if let Some(run) = self.running.get_mut(&ended.id)
            && run.generation == ended.generation
        {
            run.ended = true;
        }
    }

    /// How many are under way.
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether a task has ended whose effect was owed when it was last looked at.
    pub(super) fn has_ended(&self) -> bool {
        self.running.values().any(|run| run.ended)
    }

    /// The cause of an instance's outcomes, while it is owed.
    pub(super) fn cause(&self, of: &Instance) -> Option<Option<EventId>> {
        self.running.get(&of.id).filter(|run| run.generation == of.generation).map(|run| run.cause.clone())
    }

    /// Start again what has ended and is still owed, but for those whose outcomes still wait.
    pub(super) fn restart_ended<E: Owed>(
        &mut self,
        owed: Vec<(E, Option<EventId>)>,
        waits: impl Fn(&Instance) -> bool,
        actions: &mut Vec<Action<E>>,
    ) {
        for (effect, _) in owed {
            let id = effect.id();
            let Some(run) = self.running.get(&id) else { continue };
            if !run.ended || waits(&instance(&id, run)) {
                continue;
            }
            let failures = run.failures + 1;
            warn!(effect = id, failures, "an effect ended without settling what is owed");
            let run = self.run(run.cause.clone(), failures);
            actions.push(Action::Start { instance: instance(&id, &run), effect, failures });
            self.running.insert(id, run);
        }
    }

    fn run(&mut self, cause: Option<EventId>, failures: u32) -> Run {
        self.generation += 1;
        Run { generation: self.generation, cause, ended: false, failures }
    }
}

fn instance(id: &EffectId, run: &Run) -> Instance {
    Instance { id: id.clone(), generation: run.generation }
}
