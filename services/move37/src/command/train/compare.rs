//! A recorded result and the same run's result now.

use move37_core::Hash;
use move37_events::facts::RunResult;
use move37_training::run::RunOutcome;
use serde::Serialize;

/// How the two relate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Whether loss of every step, value and validation loss are equal, bit by bit.
    pub bitwise: bool,
    /// What equality to the bit depends on and is not equal.
    pub platform: Vec<Difference>,
    /// Digests of the curves, recorded and now.
    pub curve: [Hash; 2],
    /// Greatest difference between points of the curves, nats; none where their points are at other steps.
    pub curve_difference: Option<f64>,
    /// Values, recorded and now.
    pub value: [f64; 2],
    /// Whether the data is the same.
    pub data: bool,
    /// What counts as the same where the platforms differ.
    pub tolerance: f64,
}

/// One thing that is not equal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    pub what: &'static str,
    pub recorded: String,
    pub now: String,
}

impl Comparison {
    /// Hold a result against the recorded one.
    pub fn new(recorded: &RunResult, now: &RunOutcome, tolerance: f64) -> Comparison {
        let (there, here) = (&recorded.platform, &now.platform);
        let platform = [
            ("binary", there.binary.clone(), here.binary.clone()),
            ("device", there.device.clone(), here.device.clone()),
            ("CPU features", there.features.clone(), here.features.clone()),
            ("threads", there.threads.to_string(), here.threads.to_string()),
        ];
        let differ = platform.into_iter().filter(|(_, recorded, now)| recorded != now);
        let pairs = [(recorded.value, now.value), (recorded.validation_loss, now.validation_loss)];
        let steps = recorded.curve.iter().map(|point| point.step).eq(now.curve.iter().map(|point| point.step));
        let differences = recorded.curve.iter().zip(&now.curve).map(|(a, b)| (a.loss - b.loss).abs());
        Comparison {
            bitwise: recorded.curve_hash == now.curve_hash && pairs.iter().all(|(a, b)| a.to_bits() == b.to_bits()),
            platform: differ.map(|(what, recorded, now)| Difference { what, recorded, now }).collect(),
            curve: [recorded.curve_hash, now.curve_hash],
            curve_difference: steps.then(|| differences.fold(0.0, f64::max)),
            value: [recorded.value, now.value],
            data: recorded.data_hash == now.data_hash,
            tolerance,
        }
    }

    /// Whether the run came out the same: to the bit on the same platform, within the tolerance on another.
    pub fn same(&self) -> bool {
        let near = (self.value[0] - self.value[1]).abs() <= self.tolerance
            && self.curve_difference.is_some_and(|difference| difference <= self.tolerance);
        self.data && (self.bitwise || !self.platform.is_empty() && near)
    }

    /// The comparison, for people.
    pub fn lines(&self) -> Vec<String> {
        let [recorded, now] = &self.curve;
        let verdict = match (self.bitwise, self.same(), self.platform.is_empty()) {
            (true, ..) => "the same, bit for bit".to_owned(),
            (_, true, _) => format!("the same within {}, on another platform", self.tolerance),
            (_, false, false) => format!("not the same within {}, on another platform", self.tolerance),
            (_, false, true) => "not the same, although the platform is: report this".to_owned(),
        };
        let far = self.curve_difference.map_or("at other steps".to_owned(), |far| format!("at most {far:.3e} apart"));
        let mut lines = vec![
            format!("curve     recorded {recorded}"),
            format!("          now      {now}  points {far}"),
            format!("value     recorded {}  now {}", self.value[0], self.value[1]),
        ];
        if !self.data {
            lines.push("data      not the recorded one".to_owned());
        }
        for Difference { what, recorded, now } in &self.platform {
            lines.push(format!("platform  {what} was {recorded}, is {now}"));
        }
        lines.push(verdict);
        lines
    }
}

#[cfg(test)]
mod tests {
    use move37_testkit::sample;
    use move37_training::run::{CurvePoint, Measured, Platform};
    use move37_training::task::Metric;

    use super::*;

    fn outcome(of: &RunResult) -> RunOutcome {
        let platform = of.platform.clone();
        RunOutcome {
            value: of.value,
            metric: Metric::Loss,
            validation_loss: of.validation_loss,
            validation_accuracy: 0.5,
            validation: Measured {
                value: of.value,
                loss: of.validation_loss,
                accuracy: 0.5,
                macro_accuracy: 0.5,
                exact: 0.0,
                bits_per_byte: None,
            },
            test: None,
            curve: of.curve.iter().map(|point| CurvePoint { step: point.step, loss: point.loss }).collect(),
            curve_hash: of.curve_hash,
            parameters: of.parameters,
            tokens: of.tokens,
            flops: of.flops,
            data_hash: of.data_hash,
            program: of.program,
            seconds: 1.0,
            platform: Platform {
                binary: platform.binary,
                device: platform.device,
                features: platform.features,
                threads: platform.threads as usize,
            },
        }
    }

    #[test]
    fn on_the_same_platform_only_the_same_bits_are_the_same() {
        let recorded = sample::run_result("mqar", 0, 0.5);
        let mut now = outcome(&recorded);
        let comparison = Comparison::new(&recorded, &now, 0.1);
        assert!(comparison.same() && comparison.bitwise && comparison.platform.is_empty());
        now.curve_hash = Hash::of(b"other");
        let comparison = Comparison::new(&recorded, &now, 0.1);
        assert!(!comparison.same());
        assert!(comparison.lines().join("\n").contains("although the platform is"));
        now = outcome(&recorded);
        now.value += f64::EPSILON;
        assert!(!Comparison::new(&recorded, &now, 0.1).same());
    }

    #[test]
    fn on_another_platform_the_difference_is_named_and_the_tolerance_decides() {
        let recorded = sample::run_result("mqar", 0, 0.5);
        let mut now = outcome(&recorded);
        now.platform.threads = 7;
        now.curve_hash = Hash::of(b"other");
        now.curve[1].loss += 0.05;
        let same = |tolerance| Comparison::new(&recorded, &now, tolerance);
        assert!(same(0.1).same() && !same(0.01).same());
        let lines = same(0.1).lines().join("\n");
        assert!(lines.contains("threads was 1, is 7") && lines.contains("the same within 0.1"), "{lines}");
        now.data_hash = Hash::of(b"other data");
        assert!(!Comparison::new(&recorded, &now, 0.1).same());
    }
}
