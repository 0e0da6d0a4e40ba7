//! Recycled float buffers, so that a step of training does not fault its memory in anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::value::{Buffer, Data, Value};

/// Free buffers by capacity.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    free: BTreeMap<usize, Vec<Vec<f32>>>,
    live: usize,
    peak: usize,
}

/// Buffers below this size are left to the allocator.
const SMALLEST: usize = 1024;

impl Pool {
    /// A buffer of `n` floats with arbitrary content.
    pub(crate) fn take(&mut self, n: usize) -> Vec<f32> {
        self.live += n;
        self.peak = self.peak.max(self.live);
        if n < SMALLEST {
            return vec![0.0; n];
        }
        let fit = self.free.range(n..=n + n / 4).next().map(|(&capacity, _)| capacity);
        let Some(capacity) = fit else { return vec![0.0; n] };
        let list = self.free.get_mut(&capacity).expect("just found");
        let mut buffer = list.pop().expect("empty lists are removed");
        if list.is_empty() {
            self.free.remove(&capacity);
        }
        buffer.resize(n, 0.0);
        buffer
    }

    /// Take back the buffer of a value that nobody else uses.
    pub(crate) fn release(&mut self, value: Value<'_>) {
        if let Data::F32(Buffer::Shared(data)) = value.data
            && let Some(buffer) = Arc::into_inner(data)
        {
            self.give(buffer);
        }
    }

    /// Take back a buffer.
    pub(crate) fn give(&mut self, buffer: Vec<f32>) {
        self.live = self.live.saturating_sub(buffer.len());
        if buffer.capacity() >= SMALLEST {
            self.free.entry(buffer.capacity()).or_default().push(buffer);
        }
    }

    /// Start counting a run's live elements.
    pub(crate) fn begin(&mut self) {
        (self.live, self.peak) = (0, 0);
    }

    /// Most elements in use at once since [`Pool::begin`].
    pub(crate) fn peak(&self) -> usize {
        self.peak
    }
}
