//! Pure measures of a campaign's facts: how long a hop takes, and how many decisions a second has.

use std::collections::BTreeMap;

use move37_core::CampaignId;
use move37_events::Role;
use serde::Serialize;

use crate::view::Book;

/// Times of hops in milliseconds, by the types of cause and fact.
pub type Hops = BTreeMap<(String, String), Vec<u64>>;

/// From the time of a fact to that of a fact of another service that follows from it, by a decision alone: what an effect
/// brings has an own fact as its cause, so it is not among them. A fact's time is when its input was received, so a hop
/// is a decision, its append, and the way to the next service. What operators command is left out.
pub fn hops(book: &Book, campaign: &CampaignId) -> Hops {
    let mut hops = Hops::new();
    for entry in book.of(campaign) {
        let Some(cause) = entry.cause().and_then(|cause| book.get(cause)) else { continue };
        if cause.id().source == entry.id().source || cause.id().source == Role::Operator.source() {
            continue;
        }
        let types = [cause, entry].map(|entry| entry.record.envelope.fact.name.clone());
        let [from, to] = types;
        hops.entry((from, to)).or_default().push(entry.time().millis().saturating_sub(cause.time().millis()));
    }
    hops
}

/// Figures of some times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// Half are at most this, in milliseconds.
    pub p50: u64,
    /// 99 of 100 are at most this.
    pub p99: u64,
}

impl Spread {
    /// Of these times.
    pub fn of(times: impl IntoIterator<Item = u64>) -> Spread {
        let mut times: Vec<u64> = times.into_iter().collect();
        times.sort_unstable();
        let at = |share: usize| times.get((times.len() * share).div_ceil(100).max(1) - 1).copied().unwrap_or_default();
        Spread { count: times.len(), p50: at(50), p99: at(99) }
    }
}

/// Decisions in each second after the first: what the five services wrote of a campaign.
pub fn per_second(book: &Book, campaign: &CampaignId) -> Vec<u64> {
    let is_decided = |source: &str| source != Role::Worker.name() && source != Role::Operator.name();
    let decided = book.of(campaign).filter(|entry| is_decided(entry.id().source.as_str()));
    counts(&decided.map(|entry| entry.time().millis()).collect::<Vec<_>>())
}

/// How many of some times, in milliseconds, lie in each second from the first on.
fn counts(times: &[u64]) -> Vec<u64> {
    let Some(first) = times.iter().min() else { return Vec::new() };
    let mut counts = Vec::new();
    for time in times {
        let second = usize::try_from((time - first) / 1000).unwrap_or(usize::MAX);
        if counts.len() <= second {
            counts.resize(second + 1, 0);
        }
        counts[second] += 1;
    }
    counts
}

/// The best mean of so many seconds in a row.
pub fn peak(counts: &[u64], seconds: usize) -> f64 {
    let window = seconds.clamp(1, counts.len().max(1));
    let best = counts.windows(window).map(|window| window.iter().sum::<u64>()).max();
    best.unwrap_or_default() as f64 / window as f64
}

/// The first of some rates, in order of load, after which more load brings less than a tenth more.
pub fn saturation(rates: &[(u32, f64)]) -> Option<u32> {
    rates.windows(2).find(|pair| pair[1].1 < 1.1 * pair[0].1).map(|pair| pair[0].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_time_that_half_and_nearly_all_stay_below() {
        assert_eq!(Spread::of((1..=200).rev()), Spread { count: 200, p50: 100, p99: 198 });
        assert_eq!(Spread::of([7]), Spread { count: 1, p50: 7, p99: 7 });
        assert_eq!(Spread::of([]), Spread::default());
    }

    #[test]
    fn decisions_are_counted_by_second_and_the_peak_is_the_best_run_of_seconds() {
        let counts = counts(&[1000, 1999, 2000, 4500, 4600, 4700]);
        assert_eq!(counts, [2, 1, 0, 3]);
        assert!((peak(&counts, 2) - 1.5).abs() < 1e-9);
        assert!((peak(&counts, 60) - 1.5).abs() < 1e-9);
        assert!(peak(&[], 5).abs() < 1e-9);
    }

    #[test]
    fn more_load_that_brings_little_is_saturation() {
        assert_eq!(saturation(&[(1, 10.0), (10, 80.0), (100, 82.0), (1000, 60.0)]), Some(10));
        assert_eq!(saturation(&[(1, 10.0), (10, 80.0)]), None);
    }
}
