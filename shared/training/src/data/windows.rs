//! Sequences cut out of a part of a corpus.

use std::ops::Range;

use move37_tensor::rng::Stream;

use super::Part;
use crate::Error;

/// All windows of one length that lie within one range each, so that none spans two documents.
#[derive(Clone, Debug)]
pub struct Windows {
    length: usize,
    /// (Number of windows before this range, its first byte).
    ranges: Vec<(usize, usize)>,
    count: usize,
}

impl Windows {
    /// The windows of `length` bytes of these ranges.
    ///
    /// # Errors
    /// If no range is that long.
    pub fn new(ranges: &[Range<usize>], length: usize, part: Part) -> Result<Self, Error> {
        let mut windows = Self { length, ranges: Vec::new(), count: 0 };
        for range in ranges.iter().filter(|r| r.len() >= length) {
            windows.ranges.push((windows.count, range.start));
            windows.count += range.len() - length + 1;
        }
        match windows.count {
            0 => Err(Error::ShortDocuments { length, part: part.name() }),
            _ => Ok(windows),
        }
    }

    /// One window; all are equally likely.
    pub fn sample(&self, stream: &mut Stream) -> Range<usize> {
        self.at(stream.below(self.count))
    }

    /// `n` windows at equal distances over the whole part, the same every time. They overlap where there is not enough text
    /// for `n` windows side by side.
    pub fn spread(&self, n: usize) -> Vec<Range<usize>> {
        (0..n).map(|i| self.at(i * self.count / n.max(1))).collect()
    }

    fn at(&self, index: usize) -> Range<usize> {
        let range = self.ranges.partition_point(|&(before, _)| before <= index) - 1;
        let (before, first) = self.ranges[range];
        let start = first + index - before;
        start..start + self.length
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const RANGES: [Range<usize>; 3] = [10..20, 30..32, 40..44];

    #[test]
    fn every_window_lies_within_one_range_and_every_place_is_reached() {
        let windows = Windows::new(&RANGES, 3, Part::Train).unwrap();
        let mut stream = Stream::new(1, "windows");
        let mut starts = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let window = windows.sample(&mut stream);
            assert_eq!(window.len(), 3);
            assert!(RANGES.iter().any(|r| r.start <= window.start && window.end <= r.end), "{window:?}");
            starts.insert(window.start);
        }
        assert_eq!(starts.into_iter().collect::<Vec<_>>(), [10, 11, 12, 13, 14, 15, 16, 17, 40, 41]);
    }

    #[test]
    fn spread_windows_cover_the_part_evenly() {
        let windows = Windows::new(std::slice::from_ref(&(100..1100)), 100, Part::Validation).unwrap();
        let starts: Vec<_> = windows.spread(9).iter().map(|w| w.start).collect();
        assert_eq!(starts, [100, 200, 300, 400, 500, 600, 700, 800, 900].map(|s| s + (s - 100) / 900));
        assert!(windows.spread(0).is_empty());
    }

    #[test]
    fn a_part_without_a_long_enough_document_is_refused() {
        let error = Windows::new(&RANGES, 11, Part::Validation).unwrap_err();
        assert!(matches!(error, Error::ShortDocuments { length: 11, part: "validation" }), "{error}");
    }
}
