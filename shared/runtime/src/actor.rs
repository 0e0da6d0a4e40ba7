//! The actor of one key, and the only file that knows actix.
//!
//! A mailbox makes its work sequential; everything that happens to the key arrives as a [`Message`]. What to do about
//! it is the cell's decision, which the actor carries out.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message as ActixMessage, System};
use move37_core::{Decider, EventId, Key, Recorded};
use move37_eventlog::Position;
use move37_events::{Fact, FactSet, Input, Topic};
use tokio::sync::oneshot;
use tracing::error;

use crate::cell::{Action, Cell, Instance, Origin, Stamped, Ticket};
use crate::host::{Boundary, Env};
use crate::monitor::AtHand;
use crate::perform::Performer;
use crate::progress::Hold;
use crate::service::{Outbox, Service};
use crate::{Error, Failure};

/// What happens to a key.
pub(crate) enum Message<S: Service> {
    /// The next fact of its own chain, read back.
    Own(Box<OwnFact<S>>),
    /// Its own chain is folded.
    Recovered,
    /// The inputs' history is read.
    Live,
    /// A foreign fact for it.
    Foreign { id: EventId, fact: Box<Fact>, hold: Hold },
    /// An effect reports.
    Outcome { instance: Instance, outcome: S::Outcome },
    /// An effect's task has ended.
    Ended { instance: Instance },
    /// The log has acknowledged an append, or failed to.
    Appended(Result<Position, move37_eventlog::Error>),
    /// It must stop loudly.
    Fail(Error),
    /// It must stop; who says so makes it known.
    Stop,
    /// Finish what was appended, end the effects, and answer.
    Leave(oneshot::Sender<()>),
}

/// A fact of its own chain: as bytes, as the rules' event, and as an input.
pub(crate) struct OwnFact<S: Service> {
    pub(crate) record: Recorded,
    pub(crate) event: <S::Decider as Decider>::Event,
    pub(crate) fact: Fact,
}

impl<S: Service> ActixMessage for Message<S> {
    type Result = ();
}

/// The way to an actor.
pub(crate) struct Handle<S: Service>(Addr<Shell<S>>);

impl<S: Service> Handle<S> {
    /// Start the actor of a key on this thread.
    pub(crate) fn start(env: Arc<Env<S>>, key: Key) -> Handle<S> {
        let performer = Performer::new(env.runtime.clone());
        let shell = Shell {
            cell: Box::new(Cell::new(key.clone())),
            key,
            performer,
            at_hand: AtHand::start(Arc::clone(&env.board)),
            env,
            acknowledged: true,
            stopped: false,
            leaving: None,
        };
        Handle(shell.start())
    }

    /// Hand over a message and wait until it was handled, which keeps the reader from running ahead.
    pub(crate) async fn tell(&self, message: Message<S>) {
        if self.0.send(message).await.is_err() {
            error!("an actor is gone");
        }
    }
}

/// Run a future that starts actors, on a thread of its own, until it ends. `ended` is called after the last actor is
/// gone.
pub(crate) fn on_thread<F>(name: &str, work: impl FnOnce() -> F + Send + 'static, ended: impl FnOnce() + Send + 'static)
where
    F: Future<Output = ()> + 'static,
{
    let run = move || {
        System::new().block_on(work());
        ended();
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run).expect("the system can start a thread");
}

/// The actor.
struct Shell<S: Service> {
    key: Key,
    /// Boxed, since actix asks its actors to be movable.
    cell: Box<Cell<S::Decider, S::Outcome>>,
    env: Arc<Env<S>>,
    performer: Performer,
    at_hand: AtHand,
    /// Whether the outstanding append was acknowledged, or read back.
    acknowledged: bool,
    stopped: bool,
    leaving: Option<oneshot::Sender<()>>,
}

impl<S: Service> Actor for Shell<S> {
    type Context = Context<Self>;
}

impl<S: Service> Handler<Message<S>> for Shell<S> {
    type Result = ();

    fn handle(&mut self, message: Message<S>, context: &mut Context<Self>) {
        if !self.stopped {
            let handled = catch_unwind(AssertUnwindSafe(|| self.receive(message, context)));
            handled.unwrap_or_else(|panic| self.fail(Error::Panicked(text_of(&*panic))));
            self.tell_board();
        } else if let Message::Foreign { hold, .. } = message {
            hold.keep();
        } else if let Message::Ended { instance } = &message {
            self.performer.forget(instance);
        } else if let Message::Leave(answer) = message {
            self.leaving = Some(answer);
        }
        self.leave_when_done();
    }
}

impl<S: Service> Shell<S> {
    fn receive(&mut self, message: Message<S>, context: &mut Context<Self>) {
        let actions = match message {
            Message::Own(own) => {
                let OwnFact { record, event, fact } = *own;
                let awaited = self.cell.waits_for() == Some(record.hash());
                if awaited {
                    self.acknowledge();
                    if let Some(arrived) = self.cell.waits_since() {
                        self.env.board.read_back(arrived.elapsed());
                    }
                }
                let actions = self.cell.own(&record, &event, fact);
                if awaited {
                    self.env.reach(Boundary::Applied);
                }
                actions
            }
            Message::Recovered => self.cell.recovered(),
            Message::Live => self.cell.live(),
            Message::Foreign { id, fact, hold } => {
                let now = self.env.clock.now();
                self.cell.input(Stamped {
                    input: Input::Fact { id: id.clone(), fact: *fact },
                    now,
                    origin: Origin::Fact(id),
                    ticket: Ticket { arrived: Some(Instant::now()), hold: Some(hold) },
                })
            }
            Message::Outcome { instance, outcome } => {
                let now = self.env.clock.now();
                let origin = Origin::Effect(instance);
                let ticket = Ticket { arrived: Some(Instant::now()), hold: None };
                self.cell.input(Stamped { input: Input::Outcome(outcome), now, origin, ticket })
            }
            Message::Ended { instance } => {
                self.performer.forget(&instance);
                self.cell.ended(&instance)
            }
            Message::Appended(Ok(_)) => {
                self.env.board.appended();
                return self.acknowledge();
            }
            Message::Appended(Err(error)) => return self.fail(error.into()),
            Message::Fail(error) => return self.fail(error),
            Message::Stop => return self.stop(),
            Message::Leave(answer) => {
                self.leaving = Some(answer);
                self.cell.leave()
            }
        };
        actions.into_iter().for_each(|action| self.act(action, context));
    }

    fn tell_board(&mut self) {
        let tally = self.cell.tally();
        self.env.board.decided(tally.decided, tally.races_lost);
        self.at_hand.now(self.cell.owed() as u64, self.cell.held() as u64);
    }

    fn act(&mut self, action: Action<<S::Decider as Decider>::Effect>, context: &mut Context<Self>) {
        match action {
            Action::Append(record) => self.append(record, context),
            Action::Start { instance, effect, failures } => self.start_effect(instance, effect, failures, context),
            Action::Cancel(instance) => self.performer.cancel(&instance),
        }
    }

    fn append(&mut self, record: Box<Recorded>, context: &mut Context<Self>) {
        self.env.reach(Boundary::BeforeAppend);
        self.acknowledged = false;
        let (log, address) = (Arc::clone(&self.env.log), context.address());
        let topic: Topic = <S::Decider as Decider>::Event::TOPIC;
        self.env.runtime.spawn(async move {
            let appended = log.append(topic, &record).await;
            address.do_send(Message::Appended(appended));
        });
    }

    /// Once per append, by the acknowledgement or by the record itself, whichever comes first.
    fn acknowledge(&mut self) {
        if !std::mem::replace(&mut self.acknowledged, true) {
            self.env.reach(Boundary::Appended);
        }
    }

    fn start_effect(
        &mut self,
        instance: Instance,
        effect: <S::Decider as Decider>::Effect,
        failures: u32,
        context: &mut Context<Self>,
    ) {
        let (address, of) = (context.address(), instance.clone());
        let outbox = Outbox::new(move |outcome| address.do_send(Message::Outcome { instance: of.clone(), outcome }));
        let (service, key) = (Arc::clone(&self.env.service), self.key.clone());
        let work = move |cancel| service.perform(key, effect, outbox, cancel);
        let (address, of) = (context.address(), instance.clone());
        let ended = move || address.do_send(Message::Ended { instance: of });
        self.performer.start(&instance, failures, work, ended);
    }

    /// Stop this key loudly.
    fn fail(&mut self, error: Error) {
        self.stop();
        let (role, key) = (<S::Decider as Decider>::Event::ROLE, Some(self.key.clone()));
        self.env.report(Failure { role, key, partition: None, error });
    }

    /// It decides nothing more, and its effects end.
    fn stop(&mut self) {
        self.stopped = true;
        for action in self.cell.leave() {
            if let Action::Cancel(instance) = action {
                self.performer.cancel(&instance);
            }
        }
    }

    fn leave_when_done(&mut self) {
        let done = self.stopped || !self.cell.is_waiting();
        if done
            && self.performer.is_idle()
            && let Some(answer) = self.leaving.take()
        {
            // Whoever asked may have gone.
            let _ = answer.send(());
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}
