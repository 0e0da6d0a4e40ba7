//! The campaign file: TOML with a default for everything.

use std::path::{Path, PathBuf};

use move37_events::facts::{
    Belief, Budget, Complexity, Early, EarlyMode, Equalise, Formula, GatePolicy, Implausible, Model, Policy, Sampling,
    Schedule, Training, Watch,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tasks::TaskSection;
use crate::failure::Failure;

/// A campaign's configuration. Everything has a default; paths are relative to the current directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// First part of the campaign's name; a number is added.
    pub name: String,
    /// Seed of every draw.
    pub seed: u64,
    /// Parallel loops. With one, a campaign is deterministic from its seed.
    pub lanes: u32,
    /// File or folder to learn language from; the Shakespeare texts if left out.
    pub text: Option<PathBuf>,
    /// Programs to start from.
    pub programs: Programs,
    /// What ends the campaign.
    pub budget: BudgetSection,
    /// The language model around the mixing layer.
    pub model: ModelSection,
    /// How candidates are trained.
    pub training: TrainingSection,
    /// What the gate admits.
    pub gate: GateSection,
    /// How parents and references are chosen.
    pub sampling: SamplingSection,
    /// What it takes to believe a result.
    pub belief: BeliefSection,
    /// Which runs are stopped before their end.
    pub watch: WatchSection,
    /// What candidates are trained on.
    pub tasks: Vec<TaskSection>,
}

/// Programs to start from; the first of all is the baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Programs {
    /// Published designs by name.
    pub published: Vec<String>,
    /// PyTorch files of one's own, after those.
    pub files: Vec<PathBuf>,
}

/// Totals that end a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetSection {
    /// Experiments (beyond the seed programs) that reach an insight; 0 measures the seed programs alone.
    pub experiments: u32,
    /// Experiments that may end without one; twice the experiments, and at least 8, if left out.
    pub failures: Option<u32>,
    /// Training FLOPs in all; no limit if left out.
    pub flops: Option<f64>,
}

/// Dimensions: embedding, `layers` times a mixer and a SwiGLU, head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSection {
    /// Width.
    pub d_model: u32,
    /// Blocks.
    pub layers: u32,
    /// Heads, offered to the program.
    pub heads: u32,
    /// Inner size of the SwiGLU around the baseline; around others it follows from `equalise`.
    pub swiglu: u32,
    /// What the inner size of the SwiGLU makes equal to the baseline's: "parameters" or "flops", within 2 %, or "none".
    pub equalise: Equalise,
}

/// How candidates are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingSection {
    /// Optimiser steps per run.
    pub steps: u32,
    /// Sequences per step.
    pub batch: u32,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps of linear warm-up.
    pub warmup: u32,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Added to the root of AdamW's second moment.
    pub epsilon: f64,
    /// Greatest global norm of the gradient.
    pub clip: f64,
    /// Runs per task, each with its own seed; the same seeds for every candidate.
    pub seeds: u32,
    /// Runs per task of the baseline, whose spread is the noise that others are judged by; as many as `seeds` if left
    /// out.
    pub baseline_seeds: Option<u32>,
    /// Attempts of one run before it counts as failed.
    pub attempts: u32,
    /// Validation sequences at the end of a run.
    pub validation: u32,
    /// What the learning rate does after the warm-up: `{ kind = "cosine", floor = 0.1 }` falls along half a cosine to this
    /// share of the peak; `{ kind = "wsd", decay = 200, floor = 0.0 }` stays, and falls along a line in the last steps.
    pub schedule: Schedule,
}

/// What the gate admits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GateSection {
    /// Steepest growth of cost with length that a parent or child may have.
    pub max_complexity: Complexity,
    /// Admit what could be neither proved nor refuted.
    pub admit_unproved: bool,
    /// Most parameters of one mixing layer, as a multiple of the baseline's.
    pub max_parameters: f64,
    /// Most forward FLOPs of one mixing layer, as a multiple of the baseline's.
    pub max_flops: f64,
}

/// How parents and references are chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingSection {
    /// Pool capacity.
    pub pool: u32,
    /// The parent is drawn from ranks 1 to this.
    pub parents: u32,
    /// References are drawn from the next ranks, to this.
    pub references_to: u32,
    /// Number of references.
    pub references: u32,
    /// Who chooses the parent: `{ kind = "ranks" }`, uniformly from the first ranks (ASI-Arch, arXiv 2507.18074); "ucb1", "islands",
    /// "map_elites", "best_of", "greedy" or "random".
    pub policy: Policy,
}

/// What it takes to believe a result: how scores are scaled, and how records are confirmed with fresh seeds on test data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BeliefSection {
    /// How much better than the baseline is much: "noise", six standard deviations of the baseline over its seeds, or
    /// "paper", a tenth of the baseline's value (ASI-Arch, arXiv 2507.18074). A term of the fitness is
    /// `sigmoid(6 * clamp(better by / this, -1, 1))`.
    pub fitness: Formula,
    /// Confidence of the intervals that are reported, two-sided.
    pub confidence: f64,
    /// Confirm records with fresh seeds on test data; without, a campaign has no records.
    pub confirm: bool,
    /// Confidence, one-sided, with which a candidate must beat the standing record before fresh seeds are spent on it.
    pub promote: f64,
    /// Most candidates that are promoted in all.
    pub promotions: u32,
    /// Probability of any false record in the whole campaign, at most.
    pub alpha: f64,
    /// Numbers of fresh seeds, growing, at which a promoted candidate is compared with the standing record; the
    /// baseline gets as many as the last says.
    pub looks: Vec<u32>,
}

/// Which runs are stopped before their end, besides those that diverge; the baseline never is. Peers of a run are the
/// completed runs of the same task and stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WatchSection {
    /// How many times the median time of its peers a run may take; 0: as long as it likes.
    pub slow: f64,
    /// What a run may take at least, in seconds.
    pub least_seconds: f64,
    /// On a language, a loss below this share of the lowest that any peer ever had is not believed; 0: every loss is.
    pub implausible_language: f64,
    /// On any other task, a mean loss of a run's first twentieth below this share of the lowest of its peers' is not
    /// believed; 0: every loss is.
    pub implausible_others: f64,
    /// Peers without which nothing is judged.
    pub peers: u32,
    /// Stopping runs by the curves of earlier ones: "off", "shadow" (what it would have saved and lost is recorded) or "on".
    pub early: EarlyMode,
    /// Shares of a run's steps at which it is judged, each within (0, 1).
    pub early_at: Vec<f64>,
    /// It is stopped where its loss is above this quantile of its peers' at the same step.
    pub early_quantile: f64,
    /// Nothing is stopped early before so many peers were completed.
    pub early_peers: u32,
}

impl Config {
    /// Read a campaign file.
    pub fn read(path: &Path) -> Result<Config, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("{} cannot be read ({error}): name a campaign file with --config", path.display()))
        })?;
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
            Failure::usage(format!(
                "{} is no campaign file (line {line}: {}): `move37 config show` prints one that is",
                path.display(),
                error.message()
            ))
        })
    }

    /// The configuration as a campaign file.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("tables come after plain values")
    }

    /// Totals, with the failures filled in.
    pub fn budget(&self) -> Budget {
        let BudgetSection { experiments, failures, flops } = self.budget;
        Budget { experiments, failures: failures.unwrap_or((2 * experiments).max(8)), flops }
    }
}

impl From<&ModelSection> for Model {
    fn from(section: &ModelSection) -> Model {
        let &ModelSection { d_model, layers, heads, swiglu, equalise } = section;
        Model { d_model, layers, heads, swiglu, equalise }
    }
}

impl From<&TrainingSection> for Training {
    fn from(section: &TrainingSection) -> Training {
        let &TrainingSection {
            steps,
            batch,
            learning_rate,
            warmup,
            weight_decay,
            epsilon,
            clip,
            seeds,
            baseline_seeds,
            attempts,
            validation,
            schedule,
        } = section;
        let baseline_seeds = baseline_seeds.unwrap_or(seeds);
        Training {
            steps,
            batch,
            learning_rate,
            warmup,
            schedule,
            weight_decay,
            epsilon,
            clip,
            seeds,
            baseline_seeds,
            attempts,
            validation,
        }
    }
}

impl From<&GateSection> for GatePolicy {
    fn from(section: &GateSection) -> GatePolicy {
        let &GateSection { max_complexity, admit_unproved, max_parameters, max_flops } = section;
        GatePolicy { max_complexity, admit_unproved, max_parameters, max_flops }
    }
}

impl From<&SamplingSection> for Sampling {
    fn from(section: &SamplingSection) -> Sampling {
        let &SamplingSection { pool, parents, references_to, references, policy } = section;
        Sampling { pool, parents, references_to, references, policy }
    }
}

impl From<&BeliefSection> for Belief {
    fn from(section: &BeliefSection) -> Belief {
        let BeliefSection { fitness, confidence, confirm, promote, promotions, alpha, looks } = section.clone();
        Belief { fitness, confidence, confirm, promote, promotions, alpha, looks }
    }
}

impl From<&WatchSection> for Watch {
    fn from(section: &WatchSection) -> Watch {
        let WatchSection { slow, least_seconds, implausible_language: language, implausible_others: others, .. } =
            *section;
        Watch {
            slow: (slow > 0.0).then_some(slow),
            least_seconds,
            implausible: (language > 0.0 || others > 0.0).then_some(Implausible { language, others }),
            peers: section.peers,
            early: Early {
                mode: section.early,
                at: section.early_at.clone(),
                quantile: section.early_quantile,
                least: section.early_peers,
            },
        }
    }
}
