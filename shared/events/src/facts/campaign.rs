//! What operators command, and how services capture it.

use move37_core::Hash;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::set::fact_set;
use crate::genome::Genome;

fact_set! {
    /// Facts of operator tools.
    CampaignFact on Campaigns by Operator {
        CampaignStarted = "campaign.started" v 1;
        CampaignPaused = "campaign.paused" v 1;
        CampaignResumed = "campaign.resumed" v 1;
        CampaignStopped = "campaign.stopped" v 1;
        BudgetSet = "budget.set" v 1;
    }
}

impl CampaignFact {
    /// The command that made this fact: a retried command is not carried out twice.
    pub fn command(&self) -> &CommandId {
        match self {
            CampaignFact::CampaignStarted(body) => &body.command,
            CampaignFact::CampaignPaused(body) => &body.command,
            CampaignFact::CampaignResumed(body) => &body.command,
            CampaignFact::CampaignStopped(body) => &body.command,
            CampaignFact::BudgetSet(body) => &body.command,
        }
    }
}

/// Name of an operator's command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CommandId(pub String);

/// A search began, with everything that decides its course.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CampaignStarted {
    /// Command.
    pub command: CommandId,
    /// The whole configuration.
    pub campaign: Campaign,
}

/// The campaign was paused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CampaignPaused {
    /// Command.
    pub command: CommandId,
}

/// The campaign was resumed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CampaignResumed {
    /// Command.
    pub command: CommandId,
}

/// The campaign was stopped for good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CampaignStopped {
    /// Command.
    pub command: CommandId,
    /// Why.
    pub reason: String,
}

/// The budget was set to these totals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetSet {
    /// Command.
    pub command: CommandId,
    /// New totals (never increments).
    pub budget: Budget,
}

/// A service's capture of an operator fact (L1). Every service writes it on its own topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CampaignFollowed {
    /// Place of the operator's fact in its chain.
    pub sequence: u64,
    /// What it said.
    pub what: Followed,
}

/// What an operator fact said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Followed {
    /// Started with this configuration.
    Started(Box<Campaign>),
    /// Paused.
    Paused,
    /// Resumed.
    Resumed,
    /// Stopped, with the reason.
    Stopped(String),
    /// Budget totals.
    Budget(Budget),
}

/// Everything that decides a campaign's course.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Campaign {
    /// Seed of every draw.
    pub seed: u64,
    /// Parallel loops.
    pub lanes: u32,
    /// Totals that end it.
    pub budget: Budget,
    /// Programs that are trained first; the first is the baseline.
    pub programs: Vec<SeedProgram>,
    /// The language model around the mixing layer.
    pub model: Model,
    /// What candidates are trained on.
    pub tasks: Vec<Task>,
    /// How they are trained.
    pub training: Training,
    /// What the gate admits.
    pub gate: GatePolicy,
    /// How parents are chosen.
    pub sampling: Sampling,
    /// What it takes to believe a result.
    pub belief: Belief,
    /// Which runs are stopped before their end.
    pub watch: Watch,
}

/// Totals of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Budget {
    /// Experiments (beyond the seed programs) that reach an insight.
    pub experiments: u32,
    /// Experiments that may end without one, in all.
    pub failures: u32,
    /// Training FLOPs in all; none for no limit.
    pub flops: Option<f64>,
}

/// A program given at the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeedProgram {
    /// Name.
    pub name: String,
    /// PyTorch text.
    pub source: String,
    /// Digest of the text.
    #[schemars(with = "String")]
    pub hash: Hash,
    /// Its grammar form, where the grammar can express it.
    pub genome: Option<Genome>,
}

/// Dimensions of the language model: embedding, `layers` x [mixer, SwiGLU], head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Model {
    /// Width.
    pub d_model: u32,
    /// Blocks.
    pub layers: u32,
    /// Heads, offered to the program.
    pub heads: u32,
    /// Inner size of the SwiGLU around the baseline; around others it follows from what is to be equal.
    pub swiglu: u32,
    /// What the inner size of the SwiGLU makes equal to the baseline's.
    pub equalise: Equalise,
}

/// What candidates have in common with the baseline besides width, depth and heads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Equalise {
    /// Parameters without embeddings, within 2 %.
    #[default]
    Parameters,
    /// Forward FLOPs, within 2 %.
    Flops,
    /// Nothing: the SwiGLU of all is the baseline's.
    None,
}

/// A training task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// Name, unique in the campaign.
    pub name: String,
    /// Sequence length in tokens.
    pub sequence: u32,
    /// What it is.
    pub kind: TaskKind,
}

/// Kinds of task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TaskKind {
    /// Next-byte prediction; the value is the loss in nats per byte (lower is better).
    Bytes {
        /// The text.
        corpus: Corpus,
    },
    /// Next-token prediction; the value is the loss in nats per token (lower is better).
    Tokens {
        /// The text.
        corpus: Corpus,
        /// Digest of the tokenizer.
        #[schemars(with = "String")]
        tokenizer: Hash,
        /// Number of different tokens.
        vocabulary: u32,
    },
    /// The user's own questions and answers; the value is the share of answers that are right as a whole (higher is better).
    Examples {
        /// The examples.
        corpus: Corpus,
    },
    /// Multi-query associative recall; the value is the accuracy on the queries (higher is better).
    Mqar {
        /// Vocabulary size.
        vocabulary: u32,
        /// Key-value pairs per sequence.
        pairs: u32,
    },
    /// A task of MAD (arXiv 2403.17844); the value is the accuracy over classes (higher is better).
    Mad {
        /// Which of the six.
        puzzle: Puzzle,
        /// Vocabulary size, special tokens and noise included.
        vocabulary: u32,
        /// Training instances.
        instances: u32,
    },
}

/// The six tasks of MAD with what only they need.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Puzzle {
    /// Recall the values of keys that were shown.
    InContextRecall,
    /// The same with noise in between.
    NoisyInContextRecall {
        /// Tokens of the vocabulary that are noise.
        noise_vocabulary: u32,
        /// Probability that a slot is noise.
        noise: f64,
    },
    /// Recall with keys and values of several tokens.
    FuzzyInContextRecall {
        /// Most tokens of a key.
        key: u32,
        /// Most tokens of a value.
        value: u32,
    },
    /// Learn a fixed map by heart.
    Memorization,
    /// Put a whole sequence into one position.
    Compression,
    /// Repeat scattered tokens in their order.
    SelectiveCopying {
        /// Tokens to repeat.
        copied: u32,
    },
}

impl TaskKind {
    /// Whether a higher value is better.
    pub fn higher_is_better(&self) -> bool {
        match self {
            TaskKind::Bytes { .. } | TaskKind::Tokens { .. } => false,
            TaskKind::Examples { .. } | TaskKind::Mqar { .. } | TaskKind::Mad { .. } => true,
        }
    }

    /// What the value is, in words.
    pub fn measure(&self) -> &'static str {
        match self {
            TaskKind::Bytes { .. } => "nats per byte, lower is better",
            TaskKind::Tokens { .. } => "nats per token, lower is better",
            TaskKind::Examples { .. } => "share of right answers, higher is better",
            TaskKind::Mqar { .. } => "accuracy, higher is better",
            TaskKind::Mad { .. } => "accuracy over classes, higher is better",
        }
    }

    /// The value of a uniform guess.
    pub fn chance(&self) -> f64 {
        match self {
            TaskKind::Bytes { .. } => 256f64.ln(),
            TaskKind::Tokens { vocabulary, .. } => f64::from((*vocabulary).max(2)).ln(),
            // An answer has two tokens at least.
            TaskKind::Examples { .. } => 0.0,
            // Answers come from the upper half of the vocabulary.
            TaskKind::Mqar { vocabulary, .. } => 2.0 / f64::from((*vocabulary).max(2)),
            TaskKind::Mad { puzzle, vocabulary, .. } => 1.0 / puzzle.answers(*vocabulary),
        }
    }

    /// The stored data that it takes: text or examples.
    pub fn corpus(&self) -> Option<&Corpus> {
        match self {
            TaskKind::Bytes { corpus } | TaskKind::Tokens { corpus, .. } | TaskKind::Examples { corpus } => {
                Some(corpus)
            }
            TaskKind::Mqar { .. } | TaskKind::Mad { .. } => None,
        }
    }
}

impl Puzzle {
    /// Number of tokens that can be an answer.
    fn answers(self, vocabulary: u32) -> f64 {
        let answers = match self {
            Puzzle::InContextRecall => vocabulary.div_ceil(2),
            Puzzle::NoisyInContextRecall { noise_vocabulary, .. } => {
                vocabulary.saturating_sub(noise_vocabulary).div_ceil(2)
            }
            Puzzle::FuzzyInContextRecall { .. } | Puzzle::Memorization => vocabulary.saturating_sub(1).div_ceil(2),
            Puzzle::Compression => vocabulary,
            Puzzle::SelectiveCopying { .. } => vocabulary.saturating_sub(2),
        };
        f64::from(answers.max(1))
    }
}

/// A text, by content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Corpus {
    /// Name for people.
    pub name: String,
    /// Digest of its bytes.
    #[schemars(with = "String")]
    pub hash: Hash,
    /// Size in bytes.
    pub bytes: u64,
}

/// How a candidate is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Training {
    /// Optimiser steps per run.
    pub steps: u32,
    /// Sequences per step.
    pub batch: u32,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps of linear warm-up.
    pub warmup: u32,
    /// What the learning rate does after the warm-up.
    pub schedule: Schedule,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Added to the root of AdamW's second moment.
    pub epsilon: f64,
    /// Global gradient-norm clip.
    pub clip: f64,
    /// Runs per task, each with its own seed; the same seeds for every candidate.
    pub seeds: u32,
    /// Runs per task of the baseline: its spread is the noise that others are judged by.
    pub baseline_seeds: u32,
    /// Attempts of one run before it counts as failed.
    pub attempts: u32,
    /// Validation sequences at the end of a run.
    pub validation: u32,
}

/// What the learning rate does after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// It falls along half a cosine, until the last step.
    Cosine {
        /// Share of the peak that is left at the last step.
        floor: f64,
    },
    /// Warm-up, stable, decay (MiniCPM, arXiv 2404.06395): it stays at the peak, then falls along a line.
    Wsd {
        /// Steps of the fall, the last of the run.
        decay: u32,
        /// Share of the peak that is left at the last step.
        floor: f64,
    },
}

/// Growth of cost with sequence length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Complexity {
    /// O(n)
    #[serde(rename = "n")]
    Linear,
    /// O(n log n)
    #[serde(rename = "n log n")]
    LogLinear,
    /// O(n^2)
    #[serde(rename = "n^2")]
    Quadratic,
}

/// What the gate admits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GatePolicy {
    /// Steepest growth of a parent or child; steeper programs serve as baselines only.
    pub max_complexity: Complexity,
    /// Admit what could be neither proved nor refuted.
    pub admit_unproved: bool,
    /// Most trained parameters of one mixing layer, as a multiple of the baseline's.
    pub max_parameters: f64,
    /// Most forward FLOPs of one mixing layer, as a multiple of the baseline's.
    pub max_flops: f64,
}

/// How parents and references are chosen: ASI-Arch's ranks, arXiv 2507.18074.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sampling {
    /// Pool capacity.
    pub pool: u32,
    /// The parent is drawn from ranks 1 to this.
    pub parents: u32,
    /// References are drawn from the next ranks, to this.
    pub references_to: u32,
    /// Number of references.
    pub references: u32,
    /// Who chooses the parent.
    #[serde(default, skip_serializing_if = "Policy::is_ranks")]
    pub policy: Policy,
}

/// How a parent is chosen from the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Policy {
    /// Uniformly from the first ranks: ASI-Arch's (arXiv 2507.18074).
    #[default]
    Ranks,
    /// The highest upper confidence bound `scaled fitness + exploration sqrt(ln N / n)`, who was no parent first: ASI-Evolve's
    /// (arXiv 2603.29640).
    #[serde(rename = "ucb1")]
    Ucb1 {
        /// Weight of what is little known.
        #[serde(default = "Policy::exploration")]
        exploration: f64,
    },
    /// Uniformly from the first ranks of an island; experiments take turns.
    Islands {
        /// Number of islands.
        #[serde(default = "Policy::islands")]
        islands: u32,
        /// In every so-many-th round an island takes its parents from the next one; 0 for never.
        #[serde(default = "Policy::migrate")]
        migrate: u32,
    },
    /// Uniformly from the fittest of each cell of cost and mechanism (MAP-Elites, arXiv 1504.04909).
    MapElites {
        /// Width of a cell: by how many times the FLOPs grow from one to the next.
        #[serde(default = "Policy::factor")]
        factor: f64,
    },
    /// Always the first program: the best of n independent tries.
    BestOf,
    /// Always the best.
    Greedy,
    /// Uniformly from the pool.
    Random,
}

impl Policy {
    /// Whether it is the paper's.
    pub fn is_ranks(&self) -> bool {
        *self == Policy::Ranks
    }

    fn exploration() -> f64 {
        std::f64::consts::SQRT_2
    }

    fn islands() -> u32 {
        5
    }

    fn migrate() -> u32 {
        10
    }

    fn factor() -> f64 {
        1.5
    }
}

/// What it takes to believe a result: how scores are scaled, and how records are confirmed with fresh seeds on test data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Belief {
    /// How much better than the baseline is much.
    pub fitness: Formula,
    /// Confidence of the intervals that are reported, two-sided.
    pub confidence: f64,
    /// Whether records are confirmed; without, there are none.
    pub confirm: bool,
    /// Confidence, one-sided, with which a candidate must beat the standing record before seeds are spent on it.
    pub promote: f64,
    /// Most candidates that are promoted in all, the baseline not counted.
    pub promotions: u32,
    /// Probability of any false record in the whole campaign, at most.
    pub alpha: f64,
    /// Numbers of seeds, growing, at which a promoted candidate is compared with the standing record.
    pub looks: Vec<u32>,
}

/// The scale of a fitness term: `sigmoid(6 * clamp(better by / scale, -1, 1))`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Formula {
    /// A tenth of the baseline's value: ASI-Arch's, arXiv 2507.18074 (code).
    Paper,
    /// Six standard deviations of the baseline over its seeds: a difference counts by how far it stands out.
    #[default]
    Noise,
}

/// Which runs are stopped before their end, besides those that diverge. The baseline never is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Watch {
    /// How many times the median time of its completed peers (same task, same stage) a run may take; none: as long as it
    /// likes.
    pub slow: Option<f64>,
    /// What a run may take at least, in seconds.
    pub least_seconds: f64,
    /// Losses that nobody believes; none: every loss is believed.
    pub implausible: Option<Implausible>,
    /// Completed peers without which nothing is judged.
    pub peers: u32,
    /// Stopping runs by the curves of earlier ones.
    pub early: Early,
}

/// Losses that nobody believes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Implausible {
    /// On a language: a loss below this share of the lowest that any completed peer ever had.
    pub language: f64,
    /// On any other task: a first point of the curve, the mean loss of a run's first twentieth, below this share of the
    /// lowest first point of the completed peers.
    pub others: f64,
}

/// Stopping a run by the curves of earlier completed runs of the same task and stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Early {
    /// Whether.
    pub mode: EarlyMode,
    /// Shares of a run's steps at which it is judged, each within (0, 1).
    pub at: Vec<f64>,
    /// It is stopped where its loss is above this quantile of the earlier ones' at the same step.
    pub quantile: f64,
    /// Nothing is stopped before so many runs were completed.
    pub least: u32,
}

/// Whether runs are stopped by the curves of earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EarlyMode {
    /// No.
    Off,
    /// No, but what stopping would have saved and lost is recorded.
    #[default]
    Shadow,
    /// Yes.
    On,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_task_of_mad_reads_as_it_was_written() {
        let noisy = Puzzle::NoisyInContextRecall { noise_vocabulary: 16, noise: 0.2 };
        let kind = TaskKind::Mad { puzzle: noisy, vocabulary: 32, instances: 12_800 };
        let json = serde_json::to_string(&kind).unwrap();
        assert!(json.contains(r#""name":"noisy-in-context-recall""#), "{json}");
        assert_eq!(serde_json::from_str::<TaskKind>(&json).unwrap(), kind);
    }

    #[test]
    fn a_guess_is_worth_one_in_the_number_of_answers() {
        let mad = |puzzle, vocabulary| TaskKind::Mad { puzzle, vocabulary, instances: 1 }.chance();
        assert_eq!(mad(Puzzle::NoisyInContextRecall { noise_vocabulary: 16, noise: 0.2 }, 32), 1.0 / 8.0);
        assert_eq!(mad(Puzzle::FuzzyInContextRecall { key: 3, value: 3 }, 16), 1.0 / 8.0);
        assert_eq!(mad(Puzzle::SelectiveCopying { copied: 16 }, 16), 1.0 / 14.0);
        assert_eq!(TaskKind::Mqar { vocabulary: 64, pairs: 4 }.chance(), 1.0 / 32.0);
    }
}
