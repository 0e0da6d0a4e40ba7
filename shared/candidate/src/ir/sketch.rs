//! How far two computations are apart, from a few bytes of each.
//!
//! Every node of the canonical graph that the outputs depend on is described by its operation, and again by its
//! operation and those of its operands one, two and three steps down (Weisfeiler and Lehman's refinement). Sizes,
//! names, parameter values and how constants are made do not count. The distance is one minus the share of
//! descriptions that two graphs have in common (Jaccard, with multiplicity); a [`Sketch`] estimates it by minwise
//! hashing (Broder 1997; one byte per hash, Li and Koenig 2010) to about 0.03.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::canonical::canonical;
use super::graph::{Graph, ParamKind};
use super::op::{Binary, Compare, Op};

/// Hashes per sketch.
const SLOTS: usize = 256;
/// Steps down that a description reaches.
const DEPTH: usize = 3;

/// What is kept of a graph to tell how near it is to another. Its text is 512 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sketch([u8; SLOTS]);

/// The text is no sketch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sketch is {} hexadecimal digits", 2 * SLOTS)]
pub struct SketchError;

impl Sketch {
    /// The sketch of what the outputs depend on.
    pub fn of(graph: &Graph) -> Self {
        match canonical(graph) {
            Ok(canonical) => Self::minima(&descriptions(&canonical)),
            Err(_) => Self::minima(&descriptions(graph)),
        }
    }

    fn minima(features: &[u64]) -> Self {
        Self(std::array::from_fn(|slot| {
            let salt = mixed(slot as u64 + 1);
            features.iter().map(|f| mixed(f ^ salt)).min().map_or(0, |least| least as u8)
        }))
    }

    /// From 0 (the same operations in the same arrangement) to 1 (nothing in common).
    pub fn distance(&self, other: &Self) -> f64 {
        let same = self.0.iter().zip(&other.0).filter(|(a, b)| a == b).count() as f64 / SLOTS as f64;
        // Bytes of different minima agree by chance once in 256.
        let chance = 1.0 / 256.0;
        (1.0 - (same - chance) / (1.0 - chance)).clamp(0.0, 1.0)
    }
}

impl fmt::Display for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sketch({self})")
    }
}

impl FromStr for Sketch {
    type Err = SketchError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 2 * SLOTS || !text.is_ascii() {
            return Err(SketchError);
        }
        let mut bytes = [0; SLOTS];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| SketchError)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Sketch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sketch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The descriptions of all nodes, the n-th occurrence of one counted as another.
fn descriptions(graph: &Graph) -> Vec<u64> {
    let live = graph.reachable(&graph.outputs);
    let mut varies = vec![false; live.len()];
    let mut labels = vec![0u64; live.len()];
    for (i, node) in graph.nodes().iter().enumerate() {
        varies[i] = match node.op {
            Op::Input(_) => true,
            Op::Param(p) => graph.params[p as usize].kind == ParamKind::Trained,
            _ => node.inputs.iter().any(|n| varies[n.index()]),
        };
        labels[i] = if varies[i] { hashed(&label(&node.op, node.shape.len())) } else { hashed("constant") };
    }
    let mut seen: HashMap<u64, u64> = HashMap::new();
    let mut features = Vec::new();
    for depth in 0..=DEPTH {
        for i in (0..live.len()).filter(|&i| live[i] && varies[i]) {
            let feature = mixed(labels[i] ^ mixed(depth as u64));
            let count = seen.entry(feature).or_default();
            features.push(mixed(feature.wrapping_add(*count)));
            *count += 1;
        }
        let refined = |(i, node): (usize, &super::graph::Node)| {
            let mut below: Vec<u64> = node.inputs.iter().map(|n| labels[n.index()]).collect();
            if commutes(&node.op) {
                below.sort_unstable();
            }
            below.iter().fold(mixed(labels[i]), |sum, l| mixed(sum.rotate_left(9) ^ l))
        };
        let constants = |(i, node)| if varies[i] { refined((i, node)) } else { labels[i] };
        labels = graph.nodes().iter().enumerate().map(constants).collect();
    }
    features
}

/// An operation without its sizes; axes are counted from the right.
fn label(op: &Op, rank: usize) -> String {
    let right = |axis: &usize| rank.saturating_sub(*axis);
    match op {
        Op::Reduce { kind, axes } => format!("{kind:?} over {:?}", axes.iter().map(right).collect::<Vec<_>>()),
        Op::Slice { axis, .. } => format!("slice of {}", right(axis)),
        Op::SliceScatter { axis, .. } => format!("write of {}", right(axis)),
        Op::Pad { axis, .. } => format!("pad of {}", right(axis)),
        Op::Cat(axis) => format!("cat of {}", right(axis)),
        Op::Softmax(axis) => format!("softmax of {}", right(axis)),
        Op::LogSoftmax(axis) => format!("log_softmax of {}", right(axis)),
        Op::CumSum(axis) => format!("cumsum of {}", right(axis)),
        Op::CumProd(axis) => format!("cumprod of {}", right(axis)),
        Op::Param(_) => "parameter".to_owned(),
        Op::DepthwiseConv { .. } => "depthwise convolution".to_owned(),
        Op::Literal(_) | Op::Full(_) | Op::Arange { .. } => "constant".to_owned(),
        op => format!("{op:?}"),
    }
}

fn commutes(op: &Op) -> bool {
    matches!(
        op,
        Op::Binary(Binary::Add | Binary::Mul | Binary::Maximum | Binary::Minimum | Binary::And | Binary::Or)
            | Op::Compare(Compare::Eq | Compare::Ne)
    )
}

fn hashed(text: &str) -> u64 {
    let digest = blake3::hash(text.as_bytes());
    u64::from_le_bytes(digest.as_bytes()[..8].try_into().expect("8 of 32 bytes"))
}

/// Scatter the bits of a number (the finaliser of SplitMix64).
fn mixed(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_estimate_is_near_the_share_in_common() {
        let features = |from: u64, n: u64| (from..from + n).map(mixed).collect::<Vec<_>>();
        for (apart, wanted) in [(0, 0.0), (50, 0.0952), (250, 0.4), (1000, 1.0)] {
            let (a, b) = (Sketch::minima(&features(0, 1000)), Sketch::minima(&features(apart, 1000)));
            assert!((a.distance(&b) - wanted).abs() < 0.08, "{apart}: {}", a.distance(&b));
            assert_eq!(a.distance(&b), b.distance(&a));
        }
    }

    #[test]
    fn a_sketch_survives_as_text() {
        let sketch = Sketch::minima(&[1, 2, 3]);
        assert_eq!(sketch.to_string().parse::<Sketch>().unwrap(), sketch);
        let json = serde_json::to_string(&sketch).unwrap();
        assert_eq!(serde_json::from_str::<Sketch>(&json).unwrap(), sketch);
        for bad in ["", "00", &"g".repeat(512), &"é".repeat(256)] {
            assert_eq!(bad.parse::<Sketch>(), Err(SketchError));
        }
    }
}
