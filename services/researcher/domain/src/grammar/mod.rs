//! Policy: a search over architectures composed of the literature's components.
//!
//! From a parent, [`steps`] lists every architecture that is one change away, with the kind of change
//! ([`kinds`]). [`choice`] picks a kind by Thompson sampling over how that kind has fared in this campaign, tilted by
//! what the literature says about the task that is weak; one or two changes make a proposal, never one that was
//! proposed before. [`words`] says why, with the numbers that memory knows.

mod choice;
mod kinds;
mod steps;
mod words;

use std::collections::BTreeSet;

use move37_core::{Draw, ExperimentId};
use move37_events::facts::{Brief, Campaign, Complexity, Lessons, Standing};
use move37_events::genome::{Feature, Fusion, Genome, OutputGate, Path};

pub use kinds::Kind;
pub use steps::{Scope, Step, neighbours};
pub use words::components;

/// Draws before a hypothesis is withdrawn.
const ATTEMPTS: u32 = 20;
/// How often a proposal makes two changes.
const TWO_CHANGES: f64 = 0.35;

/// What memory sampled.
#[derive(Clone, Copy, Debug)]
pub struct Sampled<'a> {
    /// The new experiment.
    pub experiment: ExperimentId,
    /// What is developed further.
    pub parent: &'a Standing,
    /// Others to learn from.
    pub references: &'a [Standing],
    /// What the campaign has learned.
    pub lessons: &'a Lessons,
}

/// What was proposed before.
pub struct Known<'a> {
    /// First experiment that proposed an architecture.
    pub first_with: &'a dyn Fn(&Genome) -> Option<ExperimentId>,
    /// Names given so far.
    pub names: &'a BTreeSet<String>,
}

/// A new architecture and the reasons for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The architecture.
    pub genome: Genome,
    /// What is proposed and why.
    pub brief: Brief,
}

/// Every draw led to an architecture that was proposed before, or to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ATTEMPTS} draws around the parent led to nothing new")]
pub struct Exhausted {
    /// First experiment with one of the architectures around the parent.
    pub duplicate_of: Option<ExperimentId>,
}

/// Propose one or two changes to the parent.
///
/// # Errors
/// Nothing new was found within a bounded number of draws.
pub fn propose(campaign: &Campaign, sampled: &Sampled<'_>, known: &Known<'_>) -> Result<Proposal, Exhausted> {
    let parent = sampled.parent.genome.clone().unwrap_or_else(|| wrapping(campaign, sampled.parent));
    let scope = Scope {
        width: campaign.model.d_model,
        quadratic: campaign.gate.max_complexity >= Complexity::Quadratic,
        references: sampled.references,
    };
    let weak = choice::weak(campaign, sampled.lessons);
    let mut duplicate_of = None;
    for attempt in 1..=ATTEMPTS {
        let mut draw = Draw::new(campaign.seed, sampled.experiment, "explore", "moves", attempt);
        let changes = if draw.chance(TWO_CHANGES) { 2 } else { 1 };
        let mut steps: Vec<Step> = Vec::new();
        for change in 1..=changes {
            let from = steps.last().map_or(&parent, |step| &step.genome);
            let mut around = neighbours(from, &scope);
            around.retain(|next| steps.iter().all(|step| step.kind != next.kind));
            if change == changes {
                around.retain(|next| match (known.first_with)(&next.genome) {
                    Some(first) => {
                        duplicate_of = Some(first);
                        false
                    }
                    None => next.genome != parent,
                });
            }
            match choice::choose(around, sampled.lessons, weak, &mut draw) {
                Some(step) => steps.push(step),
                None => break,
            }
        }
        if let (Some(last), true) = (steps.last(), steps.len() == changes) {
            let genome = last.genome.clone();
            let brief = words::brief(campaign, sampled, &genome, &steps, weak, known.names);
            return Ok(Proposal { genome, brief });
        }
    }
    Err(Exhausted { duplicate_of })
}

/// The grammar's view of a program without a grammar form: one path, to be built around.
fn wrapping(campaign: &Campaign, parent: &Standing) -> Genome {
    Genome {
        heads: campaign.model.heads,
        short_convolution: 0,
        feature: Feature::Identity,
        unit_qk: false,
        paths: vec![Path::Program { hash: parent.program }],
        fusion: Fusion::Sum,
        output_norm: false,
        output_gate: OutputGate::None,
    }
}
