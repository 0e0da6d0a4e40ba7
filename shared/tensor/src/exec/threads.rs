//! An explicit number of worker threads.

use std::ops::Range;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::Error;

/// Workers of one program; with one thread everything runs on the caller's.
#[derive(Debug)]
pub(crate) struct Threads {
    pool: Option<ThreadPool>,
    count: usize,
}

impl Threads {
    pub(crate) fn new(count: usize) -> Result<Self, Error> {
        let count = count.max(1);
        let pool = match count {
            1 => None,
            _ => Some(ThreadPoolBuilder::new().num_threads(count).build()?),
        };
        Ok(Self { pool, count })
    }

    /// Cut `0 .. n` into at most one range per thread, each a multiple of `grain` (but the last), none for too little
    /// work. `cost` is the rough number of elementary operations of the whole.
    pub(crate) fn split(&self, n: usize, grain: usize, cost: usize) -> Vec<Range<usize>> {
        let parts = match cost {
            0..=WORTHWHILE => 1,
            _ => self.count,
        };
        let blocks = n.div_ceil(grain);
        let each = blocks.div_ceil(parts).max(1) * grain;
        (0..n.div_ceil(each).max(1)).map(|i| i * each..((i + 1) * each).min(n)).collect()
    }

    /// Do all jobs, on the workers if there are several.
    pub(crate) fn each<J: Send>(&self, jobs: Vec<J>, work: impl Fn(J) + Sync) {
        match &self.pool {
            Some(pool) if jobs.len() > 1 => pool.scope(|scope| {
                for job in jobs {
                    let work = &work;
                    scope.spawn(move |_| work(job));
                }
            }),
            _ => jobs.into_iter().for_each(work),
        }
    }
}

/// Fewer operations than this (some tens of microseconds) are not worth waking a thread for.
const WORTHWHILE: usize = 1_000_000;

/// Cut a buffer into the pieces that belong to consecutive ranges of rows of `width` elements.
pub(crate) fn pieces<'b, T>(mut buffer: &'b mut [T], ranges: &[Range<usize>], width: usize) -> Vec<&'b mut [T]> {
    let mut out = Vec::with_capacity(ranges.len());
    for range in ranges {
        let (piece, rest) = std::mem::take(&mut buffer).split_at_mut(range.len() * width);
        out.push(piece);
        buffer = rest;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::Threads;

    #[test]
    fn ranges_cover_everything_once_in_whole_grains() {
        let threads = Threads::new(3).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(threads.split(10, 4, usize::MAX), vec![0..4, 4..8, 8..10]);
        assert_eq!(threads.split(10, 4, 10), vec![0..10]);
        assert_eq!(threads.split(0, 4, 10), vec![0..0]);
    }
}
