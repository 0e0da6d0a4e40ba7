//! Who has free slots, and who has been heard of: a disposable view of the workers' facts.
//!
//! [`board`] is the view as plain data; [`Directory`] shares it between effects and wakes those that wait.

mod board;

use std::sync::{Mutex, MutexGuard, PoisonError};

use move37_core::{EventId, Key};
use move37_events::facts::RunFact;
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) use board::{Assignment, Sign, Told};

use board::Board;

/// The shared view.
pub(crate) struct Directory {
    board: Mutex<Board>,
    changes: watch::Sender<u64>,
}

impl Directory {
    pub(crate) fn new() -> Directory {
        Directory { board: Mutex::new(Board::default()), changes: watch::Sender::new(0) }
    }

    /// Take a worker's fact in.
    pub(crate) fn heard(&self, id: &EventId, fact: &RunFact) {
        self.change(|board| board.heard(id, fact, Instant::now()));
    }

    /// Queue for a slot. The place in the queue is given up when the queuer is dropped.
    pub(crate) fn queue(&self, assignment: Assignment) -> Queuer<'_> {
        let ticket = self.change(Board::queue);
        Queuer { directory: self, ticket, assignment, promised: false }
    }

    /// Hold a slot for an assignment that was dispatched, until the worker has answered or the holder is dropped.
    pub(crate) fn hold(&self, assignment: Assignment, attempt: u32, worker: &Key) -> Holder<'_> {
        self.change(|board| board.hold(&assignment, attempt, worker));
        Holder { directory: self, assignment }
    }

    /// The last sign of life of an assignment.
    pub(crate) fn sign(&self, assignment: &Assignment, attempt: u32, worker: &Key) -> Sign {
        self.board().sign(assignment, attempt, worker)
    }

    /// A worker fell silent: no slot of it counts until it is heard of again.
    pub(crate) fn silent(&self, worker: &Key) {
        self.change(|board| board.silent(worker));
    }

    /// Wakes at every change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Board) -> T) -> T {
        let outcome = change(&mut self.board());
        self.changes.send_modify(|count| *count += 1);
        outcome
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // Every change of the board is whole, so a panic elsewhere leaves it usable.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue for slots, and then the promise of one.
pub(crate) struct Queuer<'a> {
    directory: &'a Directory,
    ticket: u64,
    assignment: Assignment,
    promised: bool,
}

impl Queuer<'_> {
    /// A slot, when it is this queuer's turn and one is free. It is promised to nobody else while the queuer lives.
    pub(crate) fn slot(&mut self) -> Option<Key> {
        let worker = self.directory.board().promise(self.ticket, &self.assignment)?;
        self.promised = true;
        self.directory.change(|board| board.leave_queue(self.ticket));
        Some(worker)
    }
}

impl Drop for Queuer<'_> {
    fn drop(&mut self) {
        let (ticket, promised, assignment) = (self.ticket, self.promised, &self.assignment);
        self.directory.change(|board| {
            board.leave_queue(ticket);
            if promised {
                board.release(assignment);
            }
        });
    }
}

/// A hold on a slot.
pub(crate) struct Holder<'a> {
    directory: &'a Directory,
    assignment: Assignment,
}

impl Drop for Holder<'_> {
    fn drop(&mut self) {
        self.directory.change(|board| board.release(&self.assignment));
    }
}
