//! What came of a run.

use move37_core::Hash;
use serde::{Deserialize, Serialize};

use super::{Measured, Platform};
use crate::task::Metric;

/// The result of a run with what it takes to repeat it (besides the job).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunOutcome {
    /// The task's value on validation data.
    pub value: f64,
    /// What the value is.
    pub metric: Metric,
    /// Mean validation loss, nats per scored token.
    pub validation_loss: f64,
    /// Share of scored validation tokens predicted right.
    pub validation_accuracy: f64,
    /// All that validation found.
    pub validation: Measured,
    /// What the test part found, where the job asked for it.
    pub test: Option<Measured>,
    /// Training curve, at most [`CurvePoint::MOST`] points.
    pub curve: Vec<CurvePoint>,
    /// Digest of the loss of every step, bit by bit.
    pub curve_hash: Hash,
    /// Trained parameters of the whole model.
    pub parameters: u64,
    /// Tokens seen in training.
    pub tokens: u64,
    /// Training FLOPs (a multiply-add is 2).
    pub flops: f64,
    /// Digest of the data.
    pub data_hash: Hash,
    /// Digest of the candidate's text.
    pub program: Hash,
    /// Wall time of training and validation, since the run was last begun or went on.
    pub seconds: f64,
    /// Where it ran.
    pub platform: Platform,
}

/// A point of a training curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Optimiser step, from 1.
    pub step: u32,
    /// Mean training loss since the point before, nats per scored token.
    pub loss: f64,
}

impl CurvePoint {
    /// The most points of a curve.
    pub const MOST: usize = 64;

    /// The losses of all steps in at most [`CurvePoint::MOST`] means over equal stretches.
    pub(super) fn curve(losses: &[f32]) -> Vec<Self> {
        let stretch = losses.len().div_ceil(Self::MOST).max(1);
        let mean = |losses: &[f32]| losses.iter().map(|&l| f64::from(l)).sum::<f64>() / losses.len() as f64;
        let mut step = 0;
        let mut point = |losses: &[f32]| {
            step += losses.len();
            Self { step: u32::try_from(step).expect("steps are u32"), loss: mean(losses) }
        };
        losses.chunks(stretch).map(&mut point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_the_means_of_equal_stretches() {
        let losses: Vec<f32> = (0..130).map(|i| i as f32).collect();
        let curve = CurvePoint::curve(&losses);
        assert_eq!(curve.len(), 44);
        assert_eq!(curve[0], CurvePoint { step: 3, loss: 1.0 });
        assert_eq!(curve[43], CurvePoint { step: 130, loss: 129.0 });
        assert_eq!(CurvePoint::curve(&losses[..5]).len(), 5);
        assert!(CurvePoint::curve(&[]).is_empty());
    }
}
