//! A histogram of seconds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets in seconds; one more bucket takes what is above.
const BOUNDS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// How long inputs took.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency {
    /// Measured facts.
    pub count: u64,
    /// Sum of all times, in seconds.
    pub sum: f64,
    /// Upper bound in seconds, inclusive, and how many lie in the bucket (not below it as well); the last bound is
    /// infinite.
    pub buckets: Vec<(f64, u64)>,
}

#[derive(Debug, Default)]
pub(super) struct Histogram {
    nanoseconds: AtomicU64,
    buckets: [AtomicU64; BOUNDS.len() + 1],
}

impl Histogram {
    pub(super) fn record(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        let bucket = BOUNDS.partition_point(|&bound| bound < took.as_secs_f64());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Latency {
        let counts = self.buckets.each_ref().map(|bucket| bucket.load(Ordering::Relaxed));
        Latency {
            count: counts.iter().sum(),
            sum: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64(),
            buckets: BOUNDS.into_iter().chain([f64::INFINITY]).zip(counts).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_lies_in_the_first_bucket_that_it_fits() {
        let histogram = Histogram::default();
        for milliseconds in [1, 2, 10, 400_000] {
            histogram.record(Duration::from_millis(milliseconds));
        }
        let latency = histogram.read();
        let filled: Vec<_> = latency.buckets.iter().filter(|(_, count)| *count > 0).copied().collect();
        assert_eq!(filled, [(0.001, 1), (0.0025, 1), (0.01, 1), (f64::INFINITY, 1)]);
        assert_eq!((latency.count, latency.sum), (4, 400.013));
    }
}
