//! Multi-query associative recall (Arora et al., "Zoology", 2023, arXiv 2312.04927).
//!
//! A sequence begins with key-value pairs; behind them each key is asked for once, and the model must answer with its
//! value. Distances follow a power law, so most questions come soon. Random tokens fill the rest.

use move37_core::Hash;
use move37_tensor::rng::Stream;

use super::Batch;
use crate::Error;
use crate::data::Part;

/// Exponent of the power law of the distances, as published.
const POWER: f64 = 0.01;
/// Seed of the sequences that are measured on, the same for every run.
const HELD_OUT: u64 = 12_345;

/// The generator: all sequences follow from the settings and a seed.
#[derive(Clone, Debug)]
pub struct Mqar {
    pub(super) vocabulary: usize,
    pub(super) length: usize,
    pairs: usize,
}

impl Mqar {
    pub(super) fn new(vocabulary: usize, length: usize, pairs: usize) -> Result<Self, Error> {
        let refuse = |why: String| Err(Error::Settings(format!("recall of {pairs} pairs needs {why}")));
        match () {
            () if pairs == 0 => refuse("at least one pair".to_owned()),
            () if vocabulary / 2 <= pairs => refuse(format!("a vocabulary of more than {}", 2 * pairs + 1)),
            () if length < 4 * pairs => refuse(format!("sequences of at least {} tokens", 4 * pairs)),
            () => Ok(Self { vocabulary, length, pairs }),
        }
    }

    pub(super) fn training(&self, seed: u64, step: u32, rows: usize) -> Batch {
        self.batch(&mut Stream::new(seed, &format!("recall of step {step}")), rows)
    }

    pub(super) fn held_out(&self, part: Part, sequences: usize, rows: usize) -> Vec<Batch> {
        let mut stream = Stream::new(HELD_OUT, &format!("recall for {}", part.name()));
        let sizes = (0..sequences).step_by(rows).map(|start| rows.min(sequences - start));
        sizes.map(|rows| self.batch(&mut stream, rows)).collect()
    }

    /// Digest of the settings and of the first validation sequences, which stand for the generator.
    pub(super) fn data_hash(&self) -> Hash {
        let sample = self.held_out(Part::Validation, 16, 16).swap_remove(0);
        let settings = [self.vocabulary, self.length, self.pairs].map(|n| n as u64).map(u64::to_le_bytes);
        let numbers = sample.tokens.iter().chain(&sample.targets).flat_map(|n| n.to_le_bytes());
        let numbers: Vec<u8> = numbers.collect();
        Hash::of_fields([settings.as_flattened(), &numbers])
    }

    fn batch(&self, stream: &mut Stream, rows: usize) -> Batch {
        let mut batch = Batch::with_capacity(rows, self.length);
        for _ in 0..rows {
            self.add_sequence(&mut batch, stream);
        }
        batch
    }

    fn add_sequence(&self, batch: &mut Batch, stream: &mut Stream) {
        let start = batch.tokens.len();
        let context = 2 * self.pairs;
        batch.rows += 1;
        batch.pad(batch.rows);
        // Keys 1 .. V/2 and values V/2 .. V, each drawn without replacement.
        let half = self.vocabulary / 2;
        let keys = distinct(stream, self.pairs, half - 1);
        let values = distinct(stream, self.pairs, self.vocabulary - half);
        let mut taken = vec![false; self.length];
        let gaps = self.gaps(stream);
        for (pair, ((key, value), gap)) in keys.into_iter().zip(values).zip(gaps).enumerate() {
            let (key, value) = (number(key + 1), number(value + half));
            let query = context + 2 * gap;
            batch.tokens[start + 2 * pair] = key;
            batch.tokens[start + 2 * pair + 1] = value;
            batch.tokens[start + query] = key;
            batch.targets[start + query] = value;
            batch.weights[start + query] = 1.0;
            taken[query] = true;
        }
        for (position, taken) in taken.into_iter().enumerate().skip(context) {
            if !taken {
                batch.tokens[start + position] = number(stream.below(self.vocabulary));
            }
        }
    }

    /// For each pair the slot (of two positions) behind the context where it is asked for: drawn one after the other
    /// without replacement with probability proportional to `a x^(a-1)`, x = 1, 2, ..
    fn gaps(&self, stream: &mut Stream) -> Vec<usize> {
        let slots = (self.length - 2 * self.pairs) / 2;
        // Successive draws without replacement are the smallest of exponential times whose rates are the weights
        // (Efraimidis and Spirakis, 2006).
        let mut times: Vec<(f64, usize)> = (0..slots)
            .map(|slot| {
                let rate = POWER * ((slot + 1) as f64).powf(POWER - 1.0);
                (-(1.0 - stream.uniform64()).ln() / rate, slot)
            })
            .collect();
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        times.into_iter().take(self.pairs).map(|(_, slot)| slot).collect()
    }
}

/// `k` distinct numbers below `n`, in random order.
fn distinct(stream: &mut Stream, k: usize, n: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..n).collect();
    for i in 0..k {
        let j = i + stream.below(n - i);
        all.swap(i, j);
    }
    all.truncate(k);
    all
}

fn number(token: usize) -> i64 {
    i64::try_from(token).expect("a vocabulary is far smaller")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn task() -> Mqar {
        Mqar::new(64, 40, 6).unwrap()
    }

    #[test]
    fn every_key_is_shown_once_with_its_value_and_asked_for_once() {
        let batch = task().training(3, 1, 50);
        for row in 0..50 {
            let of = |xs: &[i64]| xs[40 * row..40 * row + 40].to_vec();
            let (tokens, targets) = (of(&batch.tokens), of(&batch.targets));
            let weights = batch.weights[40 * row..40 * row + 40].to_vec();
            let shown: BTreeMap<i64, i64> = (0..6).map(|i| (tokens[2 * i], tokens[2 * i + 1])).collect();
            assert_eq!(shown.len(), 6);
            assert_eq!(shown.values().collect::<BTreeSet<_>>().len(), 6);
            assert!(shown.iter().all(|(&k, &v)| (1..32).contains(&k) && (32..64).contains(&v)));
            let queries: Vec<usize> = (0..40).filter(|&i| weights[i] > 0.0).collect();
            let asked: BTreeMap<i64, i64> = queries.iter().map(|&i| (tokens[i], targets[i])).collect();
            assert_eq!(asked, shown);
            assert!(queries.iter().all(|&i| i >= 12 && i % 2 == 0), "{queries:?}");
            assert!(tokens.iter().all(|t| (0..64).contains(t)));
        }
        assert_eq!(batch.scored(), 300);
    }

    #[test]
    fn near_slots_are_asked_more_often_than_far_ones() {
        let task = Mqar::new(64, 64, 1).unwrap();
        let mut stream = Stream::new(1, "gaps");
        let mut counts = [0.0; 31];
        for _ in 0..20_000 {
            counts[task.gaps(&mut stream)[0]] += 1.0 / 20_000.0;
        }
        let weight = |slot: usize| POWER * ((slot + 1) as f64).powf(POWER - 1.0);
        let total: f64 = (0..31).map(weight).sum();
        for slot in [0, 1, 2, 10, 30] {
            let expected = weight(slot) / total;
            assert!((counts[slot] - expected).abs() < 0.01, "slot {slot}: {} for {expected}", counts[slot]);
        }
    }

    #[test]
    fn validation_is_the_same_for_all_and_unlike_training_and_test() {
        let task = task();
        let validation = task.held_out(Part::Validation, 10, 4);
        assert_ne!(validation, task.held_out(Part::Test, 10, 4));
        assert_eq!(validation.iter().map(|b| b.rows).collect::<Vec<_>>(), [4, 4, 2]);
        assert_eq!(validation, task.held_out(Part::Validation, 10, 4));
        assert_ne!(validation[0], task.training(HELD_OUT, 1, 4));
        assert_ne!(task.training(1, 1, 4), task.training(2, 1, 4));
        assert_ne!(task.training(1, 1, 4), task.training(1, 2, 4));
    }

    #[test]
    fn validation_does_not_depend_on_the_size_of_batches() {
        let task = task();
        let tokens =
            |rows| task.held_out(Part::Validation, 12, rows).into_iter().flat_map(|b| b.tokens).collect::<Vec<_>>();
        assert_eq!(tokens(4), tokens(12));
    }

    #[test]
    fn other_settings_are_other_data() {
        assert_ne!(task().data_hash(), Mqar::new(64, 40, 5).unwrap().data_hash());
        assert_eq!(task().data_hash(), task().data_hash());
    }

    #[test]
    fn settings_without_room_are_refused() {
        for (vocabulary, length, pairs) in [(64, 40, 0), (12, 40, 6), (64, 23, 6)] {
            assert!(matches!(Mqar::new(vocabulary, length, pairs), Err(Error::Settings(_))));
        }
        assert!(Mqar::new(14, 24, 6).is_ok());
    }
}
