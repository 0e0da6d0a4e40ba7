//! Kinds of change, and what the literature says about them.

/// A kind of change: what lessons count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is described in `Kind::about`")]
pub enum Kind {
    LearnedDecay,
    FixedDecay,
    NoDecay,
    NegativeEigenvalues,
    PositiveEigenvalues,
    DeltaRule,
    LinearAttention,
    FeatureMap,
    UnitKeys,
    FreeKeys,
    LongerConvolution,
    ShorterConvolution,
    MoreHeads,
    FewerHeads,
    AddFilter,
    AddValues,
    AddDelta,
    AddLinear,
    AddAttention,
    DropPath,
    LongerFilter,
    ShorterFilter,
    SumFusion,
    RouterFusion,
    GateFusion,
    RouterTemperature,
    RouterFloor,
    OutputNorm,
    NoOutputNorm,
    OutputGate,
    NoOutputGate,
    Crossover,
}

/// What is known about a kind of change before it was ever tried here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct About {
    /// Stable name, as lessons count it.
    pub name: &'static str,
    /// Why it may help.
    pub why: &'static str,
    /// How promising it is where recall is weak; 1 is neutral.
    pub recall: f64,
    /// How promising it is where text modelling is weak; 1 is neutral.
    pub text: f64,
    /// Whether it makes the layer larger.
    pub grows: bool,
}

impl Kind {
    /// What is known about it.
    pub fn about(self) -> About {
        let about = |name, recall, text, grows, why| About { name, why, recall, text, grows };
        match self {
            Kind::LearnedDecay => about(
                "learned_decay",
                1.3,
                2.0,
                false,
                "a decay from the input lets the state forget what no longer matters (Gated DeltaNet, arXiv:2412.06464)",
            ),
            Kind::FixedDecay => about(
                "fixed_decay",
                0.7,
                1.4,
                false,
                "a fixed decay gives every head its own time scale at no cost (RetNet, arXiv:2307.08621)",
            ),
            Kind::NoDecay => about(
                "no_decay",
                1.4,
                0.6,
                false,
                "without decay, early associations are kept to the end of the sequence",
            ),
            Kind::NegativeEigenvalues => about(
                "negative_eigenvalues",
                1.4,
                1.1,
                false,
                "beta up to 2 lets a write turn a stored value around, which tracks state (arXiv:2411.12537)",
            ),
            Kind::PositiveEigenvalues => {
                about("positive_eigenvalues", 0.8, 0.9, false, "beta up to 1 makes every write a plain replacement")
            }
            Kind::DeltaRule => about(
                "delta_rule",
                2.5,
                1.3,
                false,
                "the delta rule overwrites under a key instead of piling up, so more pairs fit (arXiv:2406.06484)",
            ),
            Kind::LinearAttention => about(
                "linear_attention",
                0.5,
                0.8,
                false,
                "an additive state is cheaper, and enough where little has to be overwritten (arXiv:2006.16236)",
            ),
            Kind::FeatureMap => about(
                "feature_map",
                1.2,
                1.0,
                false,
                "the function on queries and keys decides how well they are told apart (arXiv:2006.16236)",
            ),
            Kind::UnitKeys => about(
                "unit_keys",
                1.6,
                1.0,
                false,
                "keys of unit length make a write a projection and keep the state bounded (arXiv:2406.06484)",
            ),
            Kind::FreeKeys => about("free_keys", 0.6, 0.9, false, "keys of free length can weigh what they write"),
            Kind::LongerConvolution => about(
                "longer_convolution",
                2.0,
                1.5,
                true,
                "a short convolution joins neighbouring tokens into one key, which recall needs (H3, arXiv:2212.14052)",
            ),
            Kind::ShorterConvolution => {
                about("shorter_convolution", 0.6, 0.8, false, "fewer taps blur queries and keys less, and cost less")
            }
            Kind::MoreHeads => {
                about("more_heads", 1.1, 1.2, false, "more heads keep more independent memories, each of them smaller")
            }
            Kind::FewerHeads => about(
                "fewer_heads",
                1.6,
                0.9,
                false,
                "fewer heads give each memory a larger state, which bounds how many pairs it holds (arXiv:2402.18668)",
            ),
            Kind::AddFilter => about(
                "add_filter",
                1.1,
                2.5,
                true,
                "a causal filter takes local patterns off the memory (ASI-Arch's gallery, arXiv:2507.18074)",
            ),
            Kind::AddValues => about(
                "add_values",
                0.8,
                1.2,
                true,
                "a path for the values themselves leaves the memory what is not local (arXiv:2507.18074)",
            ),
            Kind::AddDelta => about(
                "add_delta",
                2.2,
                1.2,
                true,
                "a delta-rule path adds a memory that can be overwritten (arXiv:2406.06484)",
            ),
            Kind::AddLinear => about(
                "add_linear",
                0.9,
                1.3,
                true,
                "an additive path adds a summary of the past with its own time scales (arXiv:2307.08621)",
            ),
            Kind::AddAttention => about(
                "add_attention",
                3.0,
                1.5,
                true,
                "attention recalls exactly, at a quadratic cost that this campaign admits (arXiv:1706.03762)",
            ),
            Kind::DropPath => {
                about("drop_path", 0.9, 0.8, false, "a path that does not earn its keep dilutes the others")
            }
            Kind::LongerFilter => {
                about("longer_filter", 0.9, 1.5, true, "a longer filter sees more of the local context")
            }
            Kind::ShorterFilter => {
                about("shorter_filter", 1.0, 1.2, false, "a shorter filter is cheaper and harder to overfit")
            }
            Kind::SumFusion => about("sum_fusion", 1.0, 0.8, false, "a plain sum trains every path from the start"),
            Kind::RouterFusion => about(
                "router_fusion",
                1.2,
                1.6,
                true,
                "a softmax router decides per token and head which path is read (arXiv:2507.18074)",
            ),
            Kind::GateFusion => about(
                "gate_fusion",
                1.1,
                1.4,
                true,
                "independent gates let several paths be read at once, or none (arXiv:2507.18074)",
            ),
            Kind::RouterTemperature => about(
                "router_temperature",
                1.0,
                1.2,
                false,
                "a learned temperature per head lets it choose between mixing and deciding (arXiv:2507.18074)",
            ),
            Kind::RouterFloor => about(
                "router_floor",
                1.0,
                1.1,
                false,
                "the floor under the router's weights decides how far a path can be starved (arXiv:2507.18074)",
            ),
            Kind::OutputNorm => {
                about("output_norm", 1.1, 1.3, false, "a norm per head evens out what the state has piled up")
            }
            Kind::NoOutputNorm => {
                about("no_output_norm", 0.7, 0.7, false, "without the norm, the size of what was found is a signal")
            }
            Kind::OutputGate => about(
                "output_gate",
                1.0,
                2.0,
                true,
                "a gate from the input silences a read that does not concern the token (RetNet, arXiv:2307.08621)",
            ),
            Kind::NoOutputGate => {
                about("no_output_gate", 1.1, 0.7, false, "without the gate the layer is a fifth smaller")
            }
            Kind::Crossover => {
                about("crossover", 1.2, 1.2, false, "what serves another good candidate may serve this one")
            }
        }
    }

    /// Its stable name.
    pub fn name(self) -> &'static str {
        self.about().name
    }
}
