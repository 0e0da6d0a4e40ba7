//! What a model's answers are worth.

use std::collections::BTreeMap;
use std::f64::consts::LN_2;

use serde::{Deserialize, Serialize};

use crate::task::{Batch, Metric};

/// Sequences over which classes are averaged, as MAD's test batches.
const GROUP: usize = 128;

/// What a part of a task's data found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The task's value: the one of the numbers below that its metric names.
    pub value: f64,
    /// Mean loss, nats per scored token.
    pub loss: f64,
    /// Share of scored tokens predicted right.
    pub accuracy: f64,
    /// Share of each class's answers that are right, averaged over the classes that were asked for or answered, then over
    /// groups of 128 sequences: the accuracy that MAD publishes.
    pub macro_accuracy: f64,
    /// Share of sequences all of whose scored tokens are predicted right.
    pub exact: f64,
    /// Loss in bits per byte of text; none where the task is no text.
    pub bits_per_byte: Option<f64>,
}

/// Counts answers, batch by batch in order.
#[derive(Debug, Default)]
pub(super) struct Tally {
    loss: f64,
    scored: u64,
    right: u64,
    sequences: u64,
    exact: u64,
    bytes: u64,
    /// Of each class: how often it was asked for, and how often answered right.
    group: BTreeMap<i64, (u64, u64)>,
    in_group: usize,
    groups: u64,
    shares: f64,
}

impl Tally {
    /// Add the losses and predictions of all positions of a batch; sequences of which nothing counts are passed over.
    pub(super) fn add(&mut self, batch: &Batch, losses: &[f32], predictions: &[i64]) {
        self.bytes += batch.bytes;
        for row in 0..batch.rows {
            let positions = row * batch.length..(row + 1) * batch.length;
            let mut scored = positions.filter(|&i| batch.weights[i] > 0.0).peekable();
            if scored.peek().is_none() {
                continue;
            }
            let mut exact = true;
            for i in scored {
                let (target, prediction) = (batch.targets[i], predictions[i]);
                let right = target == prediction;
                self.loss += f64::from(losses[i]);
                self.scored += 1;
                self.right += u64::from(right);
                exact &= right;
                let class = self.group.entry(target).or_default();
                *class = (class.0 + 1, class.1 + u64::from(right));
                self.group.entry(prediction).or_default();
            }
            self.sequences += 1;
            self.exact += u64::from(exact);
            self.in_group += 1;
            if self.in_group == GROUP {
                self.close_group();
            }
        }
    }

    /// What it comes to.
    pub(super) fn measured(mut self, metric: Metric) -> Measured {
        if self.in_group > 0 {
            self.close_group();
        }
        let share = |part: u64, all: u64| part as f64 / all as f64;
        let loss = self.loss / self.scored as f64;
        let accuracy = share(self.right, self.scored);
        let macro_accuracy = self.shares / self.groups as f64;
        let bits_per_byte = (self.bytes > 0).then(|| self.loss / LN_2 / self.bytes as f64);
        let exact = share(self.exact, self.sequences);
        let value = match metric {
            Metric::Loss => loss,
            Metric::Accuracy => accuracy,
            Metric::Exact => exact,
            Metric::Macro => macro_accuracy,
        };
        Measured { value, loss, accuracy, macro_accuracy, exact, bits_per_byte }
    }

    /// A class that was answered but never asked for has a share of 0.
    fn close_group(&mut self) {
        let classes = self.group.len() as f64;
        let shares = self.group.values().map(|&(asked, right)| right as f64 / asked.max(1) as f64);
        self.shares += shares.sum::<f64>() / classes;
        self.groups += 1;
        self.group.clear();
        self.in_group = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two answers per sequence, the first position not scored.
    fn batch(targets: &[[i64; 2]]) -> Batch {
        let rows = targets.len();
        Batch {
            rows,
            length: 3,
            tokens: vec![0; 3 * rows],
            targets: targets.iter().flat_map(|t| [9, t[0], t[1]]).collect(),
            weights: targets.iter().flat_map(|_| [0.0, 1.0, 1.0]).collect(),
            bytes: 0,
        }
    }

    #[test]
    fn classes_count_alike_however_often_they_are_asked_for() {
        let mut tally = Tally::default();
        // Class 1 right three times of three, class 2 never, and class 5 is answered for it.
        tally.add(&batch(&[[1, 1], [1, 2]]), &[7.0, 1.0, 1.0, 7.0, 2.0, 4.0], &[0, 1, 1, 0, 1, 5]);
        let measured = tally.measured(Metric::Macro);
        assert_eq!((measured.accuracy, measured.exact, measured.loss), (0.75, 0.5, 2.0));
        assert!((measured.macro_accuracy - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!((measured.value, measured.bits_per_byte), (measured.macro_accuracy, None));
    }

    #[test]
    fn classes_are_averaged_over_groups_of_128_sequences_whatever_the_batches() {
        let all: Vec<[i64; 2]> = (0..200).map(|i| [i % 3, 1]).collect();
        let predictions: Vec<i64> = (0..200).flat_map(|i| [0, i % 2, 1]).collect();
        let of = |rows: usize| {
            let mut tally = Tally::default();
            for (targets, predictions) in all.chunks(rows).zip(predictions.chunks(3 * rows)) {
                let mut batch = batch(targets);
                // Rows that count nothing change nothing.
                batch.tokens.extend([0; 3]);
                batch.targets.extend([0; 3]);
                batch.weights.extend([0.0; 3]);
                batch.rows += 1;
                tally.add(&batch, &vec![0.5; 3 * batch.rows], &[predictions, &[0; 3]].concat());
            }
            tally.measured(Metric::Accuracy)
        };
        assert_eq!(of(16), of(128));
        let group = |range: std::ops::Range<i64>| {
            let share = |class: i64| {
                let asked: Vec<bool> = range
                    .clone()
                    .flat_map(|i| [(i % 3, i % 2), (1, 1)])
                    .filter(|p| p.0 == class)
                    .map(|p| p.0 == p.1)
                    .collect();
                asked.iter().filter(|right| **right).count() as f64 / asked.len() as f64
            };
            (share(0) + share(1) + share(2)) / 3.0
        };
        let expected = 0.5 * (group(0..128) + group(128..200));
        assert!((of(64).macro_accuracy - expected).abs() < 1e-12);
    }

    #[test]
    fn bits_are_counted_per_byte_of_text() {
        let mut tally = Tally::default();
        tally.add(&Batch { bytes: 8, ..batch(&[[1, 2]]) }, &[0.0, 1.5, 2.5], &[0, 1, 2]);
        let bits = tally.measured(Metric::Loss).bits_per_byte.unwrap_or_default();
        assert!((bits - 4.0 / 8.0 / LN_2).abs() < 1e-12, "{bits}");
    }
}
