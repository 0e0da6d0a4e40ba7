//! The grammar's form of an architecture: which components of the literature a mixing layer is composed of.
//!
//! The researcher mutates it, the engineer renders it as PyTorch text. It is data only; what it means is the text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A mixing layer: projections, one to three paths over the sequence, their fusion, and the way out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Genome {
    /// Heads; divides the model's width.
    pub heads: u32,
    /// Taps of the depthwise causal convolution on q, k and v; 0 for none.
    pub short_convolution: u32,
    /// Function applied to q and k.
    pub feature: Feature,
    /// Whether q and k have unit length per head.
    pub unit_qk: bool,
    /// Paths that mix the sequence.
    pub paths: Vec<Path>,
    /// How several paths become one.
    pub fusion: Fusion,
    /// Whether each head's output is RMS-normalised.
    pub output_norm: bool,
    /// Gate on the output.
    pub output_gate: OutputGate,
}

/// Function applied to queries and keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the function of that name")]
pub enum Feature {
    Identity,
    Silu,
    Relu,
    /// `elu(x) + 1` (Katharopoulos et al. 2020).
    EluPlusOne,
}

/// One way of mixing the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Path {
    /// Causal softmax attention; quadratic, so it serves as a baseline only.
    Attention,
    /// The delta rule `S = a S (I - b k k^T) + b v k^T` (Yang et al. 2024), chunkwise.
    Delta {
        /// Decay `a`.
        decay: Decay,
        /// Whether `b` reaches 2, which allows negative eigenvalues (Grazzi et al. 2024).
        negative: bool,
    },
    /// Linear attention with decay `S = a S + v k^T` (RetNet, GLA), chunkwise.
    Linear {
        /// Decay `a`.
        decay: Decay,
    },
    /// Depthwise causal FIR filter on the values, initialised to the identity.
    Fir {
        /// Taps.
        taps: u32,
    },
    /// The values themselves.
    Value,
}

/// Decay of a recurrent state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// None: `a = 1`.
    None,
    /// One constant per head, `1 - 2^(-5-h)` (RetNet).
    Fixed,
    /// One value per head and token from the input (Mamba-2, Gated DeltaNet).
    Head,
}

/// How several paths become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fusion {
    /// Their sum.
    Sum,
    /// Softmax weights per token and head from the input.
    Router {
        /// Learned temperature per head.
        temperature: bool,
        /// Least weight of every path, in percent.
        floor: u32,
    },
    /// An independent sigmoid gate per path, token and head.
    Gates,
}

/// Gate on the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the activation of that name")]
pub enum OutputGate {
    None,
    Sigmoid,
    Silu,
}
