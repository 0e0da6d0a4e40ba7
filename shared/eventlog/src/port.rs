//! The port.

use async_trait::async_trait;
use move37_core::Recorded;
use move37_events::{Role, Topic};
use tokio::sync::oneshot;

use crate::{Error, Position, Stored};

/// A log of topics with partitions: append only, durable, the same order for every reader of a partition.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Append a record to the partition of its key; durable when this returns. After an error the record may or may
    /// not be there: appending it again is harmless, since readers drop duplicates.
    ///
    /// # Errors
    /// The body is too large, or the log cannot take it now.
    async fn append(&self, topic: Topic, record: &Recorded) -> Result<Position, Error>;

    /// The next offset of every partition of a topic, by partition.
    ///
    /// # Errors
    /// The log cannot be read.
    async fn ends(&self, topic: Topic) -> Result<Vec<u64>, Error>;

    /// Read these partitions, each from its offset on, into the live stream.
    ///
    /// # Errors
    /// The log cannot be read.
    async fn read(&self, from: Vec<Position>) -> Result<Box<dyn Reader>, Error>;

    /// Become one of the owners of a service's own topic.
    ///
    /// # Errors
    /// The log cannot be reached.
    async fn own(&self, topic: Topic) -> Result<Box<dyn Ownership>, Error>;

    /// Note for people how far a role has dealt with its inputs: every record below these positions, and whatever its
    /// rules made of it, is done with. Tools show from it how far a service lags behind. No reader starts from it, since
    /// chains are judged from their start; a log that has no place for such notes takes them and does nothing.
    ///
    /// # Errors
    /// The log cannot take the note now, which is harmless.
    async fn commit(&self, _reader: Role, _next: Vec<Position>) -> Result<(), Error> {
        Ok(())
    }
}

/// A running read.
#[async_trait]
pub trait Reader: Send {
    /// The next records, at least one: waits until there is one. Each partition's records come in its order, without
    /// gap or overlap. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The log cannot be read.
    async fn next(&mut self) -> Result<Vec<Stored>, Error>;
}

/// Membership among the owners of a topic.
#[async_trait]
pub trait Ownership: Send {
    /// The next change; waits for it, for ever where nothing changes. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The membership is lost for good.
    async fn next(&mut self) -> Result<Change, Error>;
}

/// A change of ownership.
#[derive(Debug)]
pub enum Change {
    /// These partitions are ours from now on.
    Gained(Vec<u32>),
    /// These go to another owner once released.
    Lost(Vec<u32>, Release),
}

/// The answer to a loss: nothing is written to those partitions any more. Dropping it answers as well.
#[derive(Debug)]
pub struct Release(oneshot::Sender<()>);

impl Release {
    /// A release, and the adapter's end of it, which resolves (to an error when dropped) on the answer.
    pub fn new() -> (Release, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        (Release(sender), receiver)
    }

    /// Let go.
    pub fn done(self) {
        // An adapter that stopped waiting has given the partitions away already.
        let _ = self.0.send(());
    }
}
