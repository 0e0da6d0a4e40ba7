//! What a service tells the runtime about itself.

use std::fmt::{self, Debug};
use std::future::Future;
use std::sync::Arc;

use move37_core::{Decider, EventId, Key, Owed, Recorded};
use move37_events::{Fact, FactSet, Input, Role, Topic};
use tokio::sync::{mpsc, watch};

/// A service: its rules, its inputs, and how its effects touch the world.
///
/// The topic that it writes and the source of its facts are those of its rules' events.
pub trait Service: Send + Sync + 'static {
    /// What its effects report.
    type Outcome: Debug + Send + 'static;

    /// Its rules.
    type Decider: Decider<
            Input = Input<Self::Outcome>,
            Event: FactSet + Debug + Send + 'static,
            Effect: Owed + Debug + Send + 'static,
        > + 'static;

    /// The foreign topics that it reads. Of topics keyed by campaign it reads the partitions that it owns of its own,
    /// of others all.
    const INPUTS: &'static [Topic];

    /// From where foreign facts are delivered.
    const START: Start = Start::Beginning;

    /// The key whose rules a foreign fact is an input of; none for a fact that concerns no rule. By default its
    /// campaign.
    fn route(&self, record: &Recorded, _fact: &Fact) -> Option<Key> {
        record.envelope.campaign.clone().map(Key::from)
    }

    /// The key of a service that writes one chain only, a worker for one: it asks for no ownership, and its rules run
    /// from the start. None where keys come with their facts.
    fn sole_key(&self) -> Option<Key> {
        None
    }

    /// Hear every delivered foreign fact, before it is routed: for disposable views that effects use. A fact may be
    /// heard again when partitions move between instances.
    fn observe(&self, _id: &EventId, _fact: &Fact) {}

    /// Perform an owed effect: send outcomes, failure included, and end. It is cancelled once it is no longer owed; an
    /// effect that ends while it is owed is started again, ever more slowly. It runs on a tokio thread, so work of the
    /// CPU belongs on a thread of its own.
    fn perform(
        self: Arc<Self>,
        key: Key,
        effect: <Self::Decider as Decider>::Effect,
        outbox: Outbox<Self::Outcome>,
        cancel: Cancel,
    ) -> impl Future<Output = ()> + Send + 'static;
}

/// The role of a service: that of its rules' events.
pub fn role_of<S: Service>() -> Role {
    <S::Decider as Decider>::Event::ROLE
}

/// From where foreign facts are delivered. All of them are read, so that their chains can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From the first.
    Beginning,
    /// Those after the ends that were noted before any effect was started.
    Now,
}

/// Where an effect puts its outcomes. What arrives after the effect is no longer owed is dropped.
pub struct Outbox<O>(Arc<dyn Fn(O) + Send + Sync>);

impl<O> Outbox<O> {
    /// An outbox that calls this.
    pub fn new(send: impl Fn(O) + Send + Sync + 'static) -> Outbox<O> {
        Outbox(Arc::new(send))
    }

    /// An outbox and the end where its outcomes come out, for tests of effects.
    pub fn channel() -> (Outbox<O>, mpsc::UnboundedReceiver<O>)
    where
        O: Send + 'static,
    {
        let (sender, receiver) = mpsc::unbounded_channel();
        // A test that dropped its end does not care.
        let send = move |outcome| drop(sender.send(outcome));
        (Outbox::new(send), receiver)
    }

    /// Send an outcome; never blocks, callable from any thread.
    pub fn send(&self, outcome: O) {
        (self.0)(outcome);
    }
}

impl<O> Clone for Outbox<O> {
    fn clone(&self) -> Self {
        Outbox(Arc::clone(&self.0))
    }
}

impl<O> fmt::Debug for Outbox<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbox")
    }
}

/// Tells an effect that it is no longer owed, or that the service is leaving. Async effects that do not listen are
/// dropped after a grace period; threads must listen.
#[derive(Clone, Debug)]
pub struct Cancel(watch::Receiver<bool>);

/// The other end of a [`Cancel`]. Dropping it cancels as well.
#[derive(Debug)]
pub struct Canceller(watch::Sender<bool>);

impl Cancel {
    /// A pair that is not cancelled yet.
    pub fn new() -> (Canceller, Cancel) {
        let (sender, receiver) = watch::channel(false);
        (Canceller(sender), Cancel(receiver))
    }

    /// Whether to stop; for threads to ask now and then.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Wait until it is time to stop.
    pub async fn cancelled(&self) {
        // An error says that the canceller is gone.
        let _ = self.0.clone().wait_for(|&cancelled| cancelled).await;
    }
}

impl Canceller {
    /// Cancel.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}
