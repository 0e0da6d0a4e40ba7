//! Leaving in good order.

use std::time::Duration;

use tokio::sync::watch;

/// What a worker was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) why: String,
    /// Not to wait for its runs any more.
    pub(super) at_once: bool,
}

/// Lets a worker leave, so that its runs go on elsewhere at once, from where they were. Clones are about the same worker.
#[derive(Clone)]
pub struct Departure {
    pub(super) ask: watch::Sender<Option<Asked>>,
    pub(super) left: watch::Receiver<bool>,
}

impl Departure {
    /// Ask the worker to leave: its runs are saved and let go of. When three quarters of the patience are over, it leaves
    /// without waiting for them. True once its leaving is recorded, false when the patience ends first.
    pub async fn leave(mut self, why: &str, patience: Duration) -> bool {
        for (at_once, share) in [(false, 3), (true, 1)] {
            self.ask.send_replace(Some(Asked { why: why.to_owned(), at_once }));
            if tokio::time::timeout(patience * share / 4, self.left()).await.is_ok() {
                return true;
            }
        }
        false
    }

    /// Wait until the worker has left, for whatever reason: also by itself, when a later boot of its name has taken its
    /// place. Then its process has nothing more to do.
    pub async fn left(&mut self) {
        if self.left.wait_for(|&left| left).await.is_err() {
            // The worker is gone without a word, and nothing can be said of it any more.
            std::future::pending::<()>().await;
        }
    }
}
