//! Which inputs a shard has dealt with: what may be committed.
//!
//! A [`Hold`] travels with each foreign input, into the actor's queue, through the rules, and along the story of own
//! facts that it led to. Where it is dropped, the input is dealt with. An input that is never decided, since its actor
//! has stopped or leaves, keeps its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use move37_eventlog::Position;
use move37_events::Topic;

/// The input partitions of a shard and the records that were delivered from them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<Mutex<BTreeMap<(Topic, u32), Delivered>>>);

#[derive(Debug, Default)]
struct Delivered {
    /// The offset after the last delivered record.
    next: u64,
    /// Delivered, and not dealt with yet.
    open: BTreeSet<u64>,
}

/// One delivered record that is not dealt with yet.
#[derive(Debug)]
pub(crate) struct Hold {
    progress: Progress,
    position: Position,
    kept: bool,
}

impl Progress {
    /// A record is delivered; it counts as dealt with when its hold is dropped.
    pub(crate) fn take_in(&self, position: Position) -> Hold {
        let mut partitions = self.lock();
        let delivered = partitions.entry((position.topic, position.partition)).or_default();
        delivered.next = position.offset + 1;
        delivered.open.insert(position.offset);
        Hold { progress: self.clone(), position, kept: false }
    }

    /// For each of these partitions the position below which everything is dealt with; partitions of which nothing is
    /// dealt with are left out.
    pub(crate) fn dealt_with(&self, which: impl Fn(Topic, u32) -> bool) -> Vec<Position> {
        let partitions = self.lock();
        let asked = partitions.iter().filter(|&(&(topic, partition), _)| which(topic, partition));
        let positions = asked.map(|(&(topic, partition), delivered)| {
            let offset = delivered.open.first().copied().unwrap_or(delivered.next);
            Position { topic, partition, offset }
        });
        positions.filter(|position| position.offset > 0).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Topic, u32), Delivered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    /// It will not be dealt with: nothing from it on is ever committed.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Rules that panic have not dealt with their input.
        if self.kept || std::thread::panicking() {
            return;
        }
        let Position { topic, partition, offset } = self.position;
        if let Some(delivered) = self.progress.lock().get_mut(&(topic, partition)) {
            delivered.open.remove(&offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u64) -> Position {
        Position { topic: Topic::Memory, partition: 3, offset }
    }

    fn dealt_with(progress: &Progress) -> Vec<u64> {
        progress.dealt_with(|_, _| true).iter().map(|position| position.offset).collect()
    }

    #[test]
    fn the_oldest_open_input_bounds_what_is_dealt_with() {
        let progress = Progress::default();
        let [first, second, third] = [0, 1, 2].map(|offset| progress.take_in(at(offset)));
        assert!(dealt_with(&progress).is_empty());
        drop(second);
        assert!(dealt_with(&progress).is_empty());
        drop(first);
        assert_eq!(dealt_with(&progress), [2]);
        drop(third);
        assert_eq!(dealt_with(&progress), [3]);
    }

    #[test]
    fn a_kept_input_is_never_passed() {
        let progress = Progress::default();
        drop(progress.take_in(at(0)));
        progress.take_in(at(1)).keep();
        drop(progress.take_in(at(2)));
        assert_eq!(dealt_with(&progress), [1]);
    }

    #[test]
    fn an_input_whose_rules_panic_is_never_passed() {
        let progress = Progress::default();
        drop(progress.take_in(at(0)));
        let hold = progress.take_in(at(1));
        let panicked = std::thread::spawn(move || {
            let _hold = hold;
            panic!("the rules have a fault");
        });
        assert!(panicked.join().is_err());
        drop(progress.take_in(at(2)));
        assert_eq!(dealt_with(&progress), [1]);
    }
}
