//! What a shard notes for people: how far its inputs are dealt with, and where they end.

use std::sync::Arc;

use move37_eventlog::Position;
use move37_events::Topic;
use tokio::task::JoinHandle;
use tracing::debug;

use super::{Command, Event, FactSet, Shard};
use crate::host::Env;
use crate::progress::Progress;
use crate::service::{Service, role_of};

/// What was committed last, and the commit under way.
#[derive(Debug, Default)]
pub(super) struct Commits {
    last: Vec<Position>,
    under_way: Option<JoinHandle<()>>,
}

impl<S: Service> Shard<S> {
    /// Commit how far the inputs are dealt with, unless the last commit is still under way or nothing has moved.
    pub(super) fn commit(&mut self) {
        let Commits { last, under_way } = &mut self.commits;
        if under_way.as_ref().is_some_and(|commit| !commit.is_finished()) {
            return;
        }
        let partitions: Vec<u32> = self.partitions.iter().copied().collect();
        let next = dealt_with(&self.env, &self.progress, &partitions);
        if next != *last {
            last.clone_from(&next);
            *under_way = Some(self.env.runtime.spawn(commit(Arc::clone(&self.env), next)));
        }
    }

    /// The last commit for these partitions, once their actors have left.
    pub(super) fn commit_last(&mut self, partitions: Vec<u32>) -> impl Future<Output = ()> + use<S> {
        let (env, progress, earlier) = (Arc::clone(&self.env), self.progress.clone(), self.commits.under_way.take());
        async move {
            if let Some(earlier) = earlier {
                // It must not overtake this one; whether it came through does not matter.
                let _ = earlier.await;
            }
            let next = dealt_with(&env, &progress, &partitions);
            commit(env, next).await;
        }
    }

    /// Ask where everything that is read ends, for the lag.
    pub(super) fn ask_for_ends(&self) {
        let (log, commands) = (Arc::clone(&self.env.log), self.commands.clone());
        let topics: Vec<Topic> = S::INPUTS.iter().copied().chain([Event::<S>::TOPIC]).collect();
        self.env.runtime.spawn(async move {
            let mut ends = Vec::new();
            for topic in topics {
                match log.ends(topic).await {
                    Ok(of_topic) => ends.push((topic, of_topic)),
                    Err(error) => debug!(%topic, %error, "an end is not known"),
                }
            }
            if let Some(commands) = commands.upgrade() {
                // The shard may have ended meanwhile.
                let _ = commands.send(Command::Ends(ends));
            }
        });
    }
}

/// How far the inputs of these partitions are dealt with. A topic that every instance reads whole is committed by the
/// owner of the same-numbered partition, so that no two commit for one; a writer of one chain only, which owns nothing,
/// commits nothing.
fn dealt_with<S: Service>(env: &Env<S>, progress: &Progress, partitions: &[u32]) -> Vec<Position> {
    match env.service.sole_key() {
        Some(_) => Vec::new(),
        None => progress.dealt_with(|_, partition| partitions.contains(&partition)),
    }
}

/// Commit; what goes wrong is only told, since nobody starts from it.
async fn commit<S: Service>(env: Arc<Env<S>>, next: Vec<Position>) {
    if next.is_empty() {
        return;
    }
    if let Err(error) = env.log.commit(role_of::<S>(), next).await {
        debug!(%error, "failed to commit how far the inputs are dealt with");
    }
}
