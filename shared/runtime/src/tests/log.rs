//! A log that a test can toy with.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use move37_core::Recorded;
use move37_eventlog::{Change, Error, EventLog, Ownership, Position, Reader, Stored};
use move37_events::{Role, Topic};
use tokio::sync::{mpsc, watch};

type OnLeave = Box<dyn FnOnce() + Send>;

/// A log over another, with what a test puts in the place of its ways.
pub(super) struct Toyed {
    pub(super) inner: Arc<dyn EventLog>,
    /// Its disk is full.
    pub(super) is_full: bool,
    /// It lets nobody own anything.
    pub(super) is_lost: bool,
    /// Changes of ownership that a test makes.
    pub(super) changes: Mutex<Option<mpsc::UnboundedReceiver<Change>>>,
    /// Called when the ownership is given up.
    pub(super) on_leave: Mutex<Option<OnLeave>>,
    /// Records that this topic's first partition is said to hold, though they never come.
    pub(super) phantoms: Option<(Topic, u64)>,
    /// What becomes of a record while it is read.
    pub(super) mangle: Option<fn(&mut Stored)>,
    /// What was committed last, by whom, after how many commits.
    pub(super) committed: watch::Sender<Committed>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Committed {
    pub(super) commits: usize,
    pub(super) by: Option<Role>,
    pub(super) next: Vec<Position>,
}

impl Toyed {
    pub(super) fn over(inner: &Arc<dyn EventLog>) -> Toyed {
        Toyed {
            inner: Arc::clone(inner),
            is_full: false,
            is_lost: false,
            changes: Mutex::default(),
            on_leave: Mutex::default(),
            phantoms: None,
            mangle: None,
            committed: watch::Sender::default(),
        }
    }
}

#[async_trait]
impl EventLog for Toyed {
    async fn append(&self, topic: Topic, record: &Recorded) -> Result<Position, Error> {
        match self.is_full {
            true => Err(Error::Full { log: "this log".to_owned() }),
            false => self.inner.append(topic, record).await,
        }
    }

    async fn ends(&self, topic: Topic) -> Result<Vec<u64>, Error> {
        let mut ends = self.inner.ends(topic).await?;
        if let Some((of, more)) = self.phantoms
            && of == topic
        {
            ends[0] += more;
        }
        Ok(ends)
    }

    async fn read(&self, from: Vec<Position>) -> Result<Box<dyn Reader>, Error> {
        let inner = self.inner.read(from).await?;
        Ok(match self.mangle {
            Some(mangle) => Box::new(Mangling { inner, mangle }),
            None => inner,
        })
    }

    async fn own(&self, topic: Topic) -> Result<Box<dyn Ownership>, Error> {
        if self.is_lost {
            return Err(Error::Closed { log: "this log".to_owned() });
        }
        let changes = self.changes.lock().unwrap().take();
        let inner = self.inner.own(topic).await?;
        Ok(Box::new(Member { changes, inner, on_leave: self.on_leave.lock().unwrap().take() }))
    }

    async fn commit(&self, reader: Role, next: Vec<Position>) -> Result<(), Error> {
        self.committed.send_modify(|known| {
            *known = Committed { commits: known.commits + 1, by: Some(reader), next };
        });
        Ok(())
    }
}

struct Mangling {
    inner: Box<dyn Reader>,
    mangle: fn(&mut Stored),
}

#[async_trait]
impl Reader for Mangling {
    async fn next(&mut self) -> Result<Vec<Stored>, Error> {
        let mut batch = self.inner.next().await?;
        batch.iter_mut().for_each(self.mangle);
        Ok(batch)
    }
}

struct Member {
    changes: Option<mpsc::UnboundedReceiver<Change>>,
    inner: Box<dyn Ownership>,
    on_leave: Option<OnLeave>,
}

#[async_trait]
impl Ownership for Member {
    async fn next(&mut self) -> Result<Change, Error> {
        match &mut self.changes {
            Some(changes) => Ok(changes.recv().await.unwrap()),
            None => self.inner.next().await,
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(on_leave) = self.on_leave.take() {
            on_leave();
        }
    }
}
