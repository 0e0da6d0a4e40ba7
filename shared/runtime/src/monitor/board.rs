//! What the parts of a service write down about themselves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use move37_events::{Role, Topic};
use tokio::sync::watch;

use super::latency::Histogram;
use super::{Counts, Dropped, Latency};

/// How many failures and warnings are remembered.
const REMEMBERED: usize = 100;

/// The state of a service as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It reads history.
    Starting,
    /// It has read it.
    Live,
    /// It has ended, or failed as a whole.
    Ended,
}

/// What a service knows about itself.
#[derive(Debug)]
pub(crate) struct Board {
    role: Role,
    decided: AtomicU64,
    appended: AtomicU64,
    races_lost: AtomicU64,
    parked: AtomicU64,
    dropped: [AtomicU64; Dropped::ALL.len()],
    keys: AtomicU64,
    owed: AtomicU64,
    held: AtomicU64,
    latency: Histogram,
    state: Mutex<State>,
    phase: watch::Sender<Phase>,
}

#[derive(Debug, Default)]
struct State {
    shards: BTreeMap<u64, Shard>,
    /// Number of the next shard.
    next: u64,
    was_live: bool,
    ended: bool,
    failures: VecDeque<String>,
    warnings: VecDeque<String>,
}

#[derive(Debug, Default)]
struct Shard {
    partitions: BTreeSet<u32>,
    is_live: bool,
    read: BTreeMap<(Topic, u32), Read>,
}

#[derive(Debug, Default)]
struct Read {
    /// The offset after the last delivered record.
    next: u64,
    /// The newest end known.
    end: u64,
}

/// A shard's place on the board, cleared when it is dropped.
#[derive(Debug)]
pub(crate) struct Reading {
    board: Arc<Board>,
    shard: u64,
}

/// An actor's part of what is at hand, taken back when it is dropped.
#[derive(Debug)]
pub(crate) struct AtHand {
    board: Arc<Board>,
    owed: u64,
    held: u64,
}

impl Board {
    pub(crate) fn new(role: Role) -> Board {
        Board {
            role,
            decided: AtomicU64::default(),
            appended: AtomicU64::default(),
            races_lost: AtomicU64::default(),
            parked: AtomicU64::default(),
            dropped: Default::default(),
            keys: AtomicU64::default(),
            owed: AtomicU64::default(),
            held: AtomicU64::default(),
            latency: Histogram::default(),
            state: Mutex::default(),
            phase: watch::Sender::new(Phase::Starting),
        }
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// Hear when the phase changes.
    pub(crate) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// So many inputs were decided, and so many races lost.
    pub(crate) fn decided(&self, inputs: u64, races_lost: u64) {
        self.decided.fetch_add(inputs, Ordering::Relaxed);
        self.races_lost.fetch_add(races_lost, Ordering::Relaxed);
    }

    /// The log has acknowledged a fact.
    pub(crate) fn appended(&self) {
        self.appended.fetch_add(1, Ordering::Relaxed);
    }

    /// A fact was read back so long after the input that it came from.
    pub(crate) fn read_back(&self, after: Duration) {
        self.latency.record(after);
    }

    /// A record is not delivered.
    pub(crate) fn dropped(&self, why: Dropped) {
        let index = Dropped::ALL.iter().position(|&reason| reason == why).expect("every reason is listed");
        self.dropped[index].fetch_add(1, Ordering::Relaxed);
    }

    /// A dead letter is written.
    pub(crate) fn parked(&self) {
        self.parked.fetch_add(1, Ordering::Relaxed);
    }

    /// People should know this.
    pub(crate) fn warn(&self, sentence: String) {
        remember(&mut self.state().warnings, sentence);
    }

    /// Something has stopped; `all` says that it was the whole service.
    pub(crate) fn failed(&self, sentence: String, all: bool) {
        self.change(|state| {
            remember(&mut state.failures, sentence);
            state.ended |= all;
        });
    }

    /// The service has ended.
    pub(crate) fn end(&self) {
        self.change(|state| state.ended = true);
    }

    pub(super) fn is_live(&self) -> bool {
        *self.phase.borrow() == Phase::Live
    }

    pub(super) fn partitions(&self) -> Vec<u32> {
        let state = self.state();
        let all: BTreeSet<u32> = state.shards.values().flat_map(|shard| shard.partitions.iter().copied()).collect();
        all.into_iter().collect()
    }

    pub(super) fn keys(&self) -> u64 {
        self.keys.load(Ordering::Relaxed)
    }

    pub(super) fn failures(&self) -> Vec<String> {
        self.state().failures.iter().cloned().collect()
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        self.state().warnings.iter().cloned().collect()
    }

    pub(super) fn counts(&self) -> Counts {
        let dropped = Dropped::ALL.into_iter().zip(&self.dropped);
        Counts {
            decided: self.decided.load(Ordering::Relaxed),
            appended: self.appended.load(Ordering::Relaxed),
            races_lost: self.races_lost.load(Ordering::Relaxed),
            dropped: dropped.map(|(why, count)| (why, count.load(Ordering::Relaxed))).collect(),
            parked: self.parked.load(Ordering::Relaxed),
            owed: self.owed.load(Ordering::Relaxed),
            held: self.held.load(Ordering::Relaxed),
        }
    }

    pub(super) fn latency(&self) -> Latency {
        self.latency.read()
    }

    pub(super) fn lag(&self) -> Vec<(Topic, u32, u64)> {
        let mut lag: BTreeMap<(Topic, u32), u64> = BTreeMap::new();
        for (&partition, read) in self.state().shards.values().flat_map(|shard| &shard.read) {
            let behind = read.end.saturating_sub(read.next);
            // What several shards read is as late as the last of them.
            lag.entry(partition).and_modify(|most| *most = behind.max(*most)).or_insert(behind);
        }
        lag.into_iter().map(|((topic, partition), behind)| (topic, partition, behind)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let shards = &state.shards;
        let all_live = if shards.is_empty() { state.was_live } else { shards.values().all(|shard| shard.is_live) };
        state.was_live |= all_live;
        let phase = match (state.ended, all_live) {
            (true, _) => Phase::Ended,
            (false, true) => Phase::Live,
            (false, false) => Phase::Starting,
        };
        self.phase.send_if_modified(|known| std::mem::replace(known, phase) != phase);
    }
}

fn remember(sentences: &mut VecDeque<String>, sentence: String) {
    if sentences.len() == REMEMBERED {
        sentences.pop_front();
    }
    sentences.push_back(sentence);
}

impl Reading {
    /// A shard works on these partitions.
    pub(crate) fn start(board: Arc<Board>, partitions: BTreeSet<u32>) -> Reading {
        let mut shard = 0;
        board.change(|state| {
            shard = state.next;
            state.next += 1;
            state.shards.insert(shard, Shard { partitions, ..Shard::default() });
        });
        Reading { board, shard }
    }

    /// It no longer works on these.
    pub(crate) fn left(&self, partitions: &[u32]) {
        self.update(|shard| shard.partitions.retain(|partition| !partitions.contains(partition)));
    }

    /// It has read what was there.
    pub(crate) fn live(&self) {
        self.update(|shard| shard.is_live = true);
    }

    /// It reads a partition that ends there.
    pub(crate) fn reads(&self, topic: Topic, partition: u32, end: u64) {
        self.update(|shard| {
            shard.read.insert((topic, partition), Read { next: 0, end });
        });
    }

    /// It no longer reads a partition.
    pub(crate) fn reads_no_more(&self, topic: Topic, partition: u32) {
        self.update(|shard| {
            shard.read.remove(&(topic, partition));
        });
    }

    /// The records before this offset are delivered.
    pub(crate) fn delivered(&self, topic: Topic, partition: u32, next: u64) {
        if let Some(shard) = self.board.state().shards.get_mut(&self.shard)
            && let Some(read) = shard.read.get_mut(&(topic, partition))
        {
            read.next = next;
        }
    }

    /// Where a topic's partitions end now, by partition.
    pub(crate) fn ends(&self, topic: Topic, ends: &[u64]) {
        self.update(|shard| {
            for (&(_, partition), read) in shard.read.iter_mut().filter(|((of, _), _)| *of == topic) {
                read.end = ends.get(partition as usize).copied().unwrap_or(0).max(read.end);
            }
        });
    }

    fn update(&self, change: impl FnOnce(&mut Shard)) {
        let shard = self.shard;
        self.board.change(|state| {
            if let Some(shard) = state.shards.get_mut(&shard) {
                change(shard);
            }
        });
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.board.change(|state| drop(state.shards.remove(&self.shard)));
    }
}

impl AtHand {
    /// A key has an actor.
    pub(crate) fn start(board: Arc<Board>) -> AtHand {
        board.keys.fetch_add(1, Ordering::Relaxed);
        AtHand { board, owed: 0, held: 0 }
    }

    /// So many effects are under way, and so many inputs wait.
    pub(crate) fn now(&mut self, owed: u64, held: u64) {
        self.board.owed.fetch_add(owed.wrapping_sub(self.owed), Ordering::Relaxed);
        self.board.held.fetch_add(held.wrapping_sub(self.held), Ordering::Relaxed);
        (self.owed, self.held) = (owed, held);
    }
}

impl Drop for AtHand {
    fn drop(&mut self) {
        self.now(0, 0);
        self.board.keys.fetch_sub(1, Ordering::Relaxed);
    }
}
