//! The grammar's form of an architecture: which components of the literature a mixing layer is composed of.
//!
//! The researcher mutates it, the engineer renders it as PyTorch text. It is data only; what it means is the text.

use std::fmt;

use move37_core::Hash;
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
    /// A program given by the operator, as it is: the grammar can only build around it.
    Program {
        /// Digest of its text.
        #[schemars(with = "String")]
        hash: Hash,
    },
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

/// Most paths of one layer.
pub const MAX_PATHS: usize = 3;

/// Why a genome describes no layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The width is no multiple of the heads.
    #[error("{heads} heads do not divide the width {width}")]
    Heads {
        /// Heads.
        heads: u32,
        /// Width of the model.
        width: u32,
    },
    /// None, or more than [`MAX_PATHS`].
    #[error("it has {0} paths, 1 to {MAX_PATHS} are possible")]
    Paths(usize),
    /// Two paths would bear the same name in the text.
    #[error("it has two paths of the kind '{0}'")]
    Twice(Path),
    /// No path mixes the whole past.
    #[error("no path reaches further back than a filter does")]
    Short,
    /// Keys longer than 1 make the delta rule's state grow without bound.
    #[error("the delta rule needs keys of unit length")]
    LongKeys,
    /// A filter without taps.
    #[error("a filter needs 1 tap at least")]
    Taps,
    /// The floors leave nothing to share out.
    #[error("floors of {floor} % leave nothing to {paths} paths")]
    Floor {
        /// Floor in percent.
        floor: u32,
        /// Number of paths.
        paths: usize,
    },
}

impl Path {
    /// Whether it reads queries and keys.
    pub fn uses_keys(&self) -> bool {
        matches!(self, Path::Attention | Path::Delta { .. } | Path::Linear { .. })
    }

    /// Whether it reads values.
    pub fn uses_values(&self) -> bool {
        !matches!(self, Path::Program { .. })
    }

    /// Whether a layer has room for one of the two only.
    pub fn collides(&self, other: &Path) -> bool {
        match (self, other) {
            (Path::Fir { taps }, Path::Fir { taps: others }) => taps == others,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Attention => f.write_str("causal softmax attention"),
            Path::Delta { decay, negative } => {
                let joint = if *decay == Decay::None { "with" } else { "and" };
                write!(f, "delta rule{}", decay.suffix())?;
                if *negative { write!(f, " {joint} negative eigenvalues") } else { Ok(()) }
            }
            Path::Linear { decay } => write!(f, "linear attention{}", decay.suffix()),
            Path::Fir { taps } => write!(f, "causal filter of {taps} taps"),
            Path::Value => f.write_str("values"),
            Path::Program { .. } => f.write_str("program given by the operator"),
        }
    }
}

impl Decay {
    fn suffix(self) -> &'static str {
        match self {
            Decay::None => "",
            Decay::Fixed => " with fixed decay",
            Decay::Head => " with learned decay",
        }
    }
}

impl Genome {
    /// Whether some path overwrites what it stored under a key.
    fn overwrites(&self) -> bool {
        self.paths.iter().any(|path| matches!(path, Path::Delta { .. }))
    }

    /// Whether some path reads queries and keys.
    pub fn uses_keys(&self) -> bool {
        self.paths.iter().any(Path::uses_keys)
    }

    /// The form in which equal layers are equal genomes: paths in order, nothing set that nothing reads, and what a
    /// path cannot do without.
    #[must_use]
    pub fn canonical(mut self) -> Genome {
        self.paths.sort_unstable();
        if self.paths.len() == 1 && matches!(self.fusion, Fusion::Sum | Fusion::Router { .. }) {
            self.fusion = Fusion::Sum;
        }
        self.unit_qk |= self.overwrites();
        if !self.uses_keys() {
            self.feature = Feature::Identity;
            self.unit_qk = false;
        }
        if !self.paths.iter().any(Path::uses_values) {
            self.short_convolution = 0;
        }
        self
    }

    /// Whether it describes a layer of a model of this width.
    ///
    /// # Errors
    /// What does not fit.
    pub fn check(&self, width: u32) -> Result<(), Misfit> {
        let paths = self.paths.len();
        if self.heads == 0 || !width.is_multiple_of(self.heads) {
            return Err(Misfit::Heads { heads: self.heads, width });
        }
        if !(1..=MAX_PATHS).contains(&paths) {
            return Err(Misfit::Paths(paths));
        }
        for (i, path) in self.paths.iter().enumerate() {
            if self.paths[..i].iter().any(|other| other.collides(path)) {
                return Err(Misfit::Twice(*path));
            }
        }
        if !self.paths.iter().any(|path| path.uses_keys() || matches!(path, Path::Program { .. })) {
            return Err(Misfit::Short);
        }
        if self.overwrites() && !self.unit_qk {
            return Err(Misfit::LongKeys);
        }
        if self.paths.contains(&Path::Fir { taps: 0 }) {
            return Err(Misfit::Taps);
        }
        match self.fusion {
            Fusion::Router { floor, .. } if floor as usize * paths >= 100 => Err(Misfit::Floor { floor, paths }),
            Fusion::Sum | Fusion::Router { .. } | Fusion::Gates => Ok(()),
        }
    }

    /// Published designs by name, baseline first: what a campaign starts from unless told otherwise.
    pub fn published() -> [(&'static str, Genome); 5] {
        let delta = Genome {
            heads: 4,
            short_convolution: 4,
            feature: Feature::Silu,
            unit_qk: true,
            paths: vec![Path::Delta { decay: Decay::None, negative: false }],
            fusion: Fusion::Sum,
            output_norm: true,
            output_gate: OutputGate::None,
        };
        let gated = Genome {
            paths: vec![Path::Delta { decay: Decay::Head, negative: false }],
            output_gate: OutputGate::Silu,
            ..delta.clone()
        };
        let two = Genome {
            paths: vec![Path::Delta { decay: Decay::None, negative: false }, Path::Fir { taps: 15 }],
            fusion: Fusion::Router { temperature: true, floor: 5 },
            ..delta.clone()
        };
        let linear = Genome {
            short_convolution: 0,
            feature: Feature::Identity,
            unit_qk: false,
            paths: vec![Path::Linear { decay: Decay::Fixed }],
            output_gate: OutputGate::Silu,
            ..delta.clone()
        };
        let attention = Genome {
            paths: vec![Path::Attention],
            output_norm: false,
            output_gate: OutputGate::None,
            ..linear.clone()
        };
        [
            ("delta_net", delta),
            ("gated_delta_net", gated),
            ("decay_linear_attention", linear),
            ("softmax_attention", attention),
            ("two_path_mixer", two),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_designs_are_canonical_and_fit() {
        for (name, genome) in Genome::published() {
            assert_eq!(genome.check(64), Ok(()), "{name}");
            assert_eq!(genome.clone().canonical(), genome, "{name}");
        }
    }

    #[test]
    fn what_nothing_reads_is_not_part_of_the_canonical_form() {
        let [(_, delta), ..] = Genome::published();
        let router = Genome { fusion: Fusion::Router { temperature: true, floor: 5 }, ..delta.clone() };
        assert_eq!(router.canonical(), delta);
        let wrapped = Genome { paths: vec![Path::Program { hash: Hash::of(b"") }], ..delta };
        let canonical = wrapped.canonical();
        assert_eq!((canonical.feature, canonical.unit_qk, canonical.short_convolution), (Feature::Identity, false, 0));
    }

    #[test]
    fn misfits_are_told_apart() {
        let [(_, delta), ..] = Genome::published();
        let with = |paths: &[Path]| Genome { paths: paths.to_vec(), ..delta.clone() }.check(64);
        let fir = |taps| Path::Fir { taps };
        assert_eq!(delta.check(6), Err(Misfit::Heads { heads: 4, width: 6 }));
        assert_eq!(with(&[]), Err(Misfit::Paths(0)));
        assert_eq!(with(&[fir(3), fir(5), Path::Value, delta.paths[0]]), Err(Misfit::Paths(4)));
        assert_eq!(with(&[delta.paths[0], fir(3), fir(3)]), Err(Misfit::Twice(fir(3))));
        assert_eq!(with(&[delta.paths[0], fir(3), fir(5)]), Ok(()));
        assert_eq!(with(&[fir(3), Path::Value]), Err(Misfit::Short));
        assert_eq!(with(&[delta.paths[0], fir(0)]), Err(Misfit::Taps));
        let free = Genome { unit_qk: false, ..delta.clone() };
        assert_eq!(free.check(64), Err(Misfit::LongKeys));
        assert_eq!(free.canonical(), delta);
        let floors = Genome {
            fusion: Fusion::Router { temperature: false, floor: 50 },
            paths: vec![delta.paths[0], fir(3)],
            ..delta
        };
        assert_eq!(floors.check(64), Err(Misfit::Floor { floor: 50, paths: 2 }));
    }
}
