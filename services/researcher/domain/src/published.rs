//! Policy: what is said about a program that was given at the start.

use move37_events::facts::{Brief, Campaign, Expectation, Provenance, SeedProgram};
use move37_events::genome::Genome;

use crate::grammar::components;

/// Name, title and mechanism of the published designs.
const DESIGNS: [(&str, &str, &str); 5] = [
    (
        "delta_net",
        "DeltaNet (Yang et al. 2024, arXiv:2406.06484)",
        "a fast-weight memory that replaces what it stores under a key instead of adding to it",
    ),
    (
        "gated_delta_net",
        "Gated DeltaNet (Yang et al. 2024, arXiv:2412.06464)",
        "the delta rule with a learned decay, so that memory is cleared by content and by time",
    ),
    (
        "decay_linear_attention",
        "decay linear attention in the manner of RetNet (Sun et al. 2023, arXiv:2307.08621)",
        "an additive fast-weight memory that forgets at a fixed rate per head",
    ),
    (
        "softmax_attention",
        "causal softmax attention (Vaswani et al. 2017, arXiv:1706.03762)",
        "every position compares its query with all earlier keys",
    ),
    (
        "two_path_mixer",
        "a two-path mixer in the manner of ASI-Arch's gallery (arXiv:2507.18074)",
        "a delta-rule memory for the far past beside a short causal filter, weighed by a softmax router",
    ),
];

/// The brief of a program given at the start.
pub(crate) fn brief(program: &SeedProgram, baseline: bool, campaign: &Campaign) -> Brief {
    let role = match baseline {
        true => "It is the baseline: all scores are relative to it",
        false => "It shows where the published designs stand, and may become a parent",
    };
    let published = Genome::published();
    let known = program.genome.as_ref().and_then(|genome| published.iter().find(|(_, known)| known == genome));
    let design = known.and_then(|(name, _)| DESIGNS.iter().find(|(design, ..)| design == name));
    let (motivation, mechanism, provenance) = match (design, &program.genome) {
        (Some((_, title, mechanism)), _) => {
            (format!("{role}. It is the published design {title}."), format!("{mechanism}."), Provenance::Cognition)
        }
        (None, Some(genome)) => (
            format!("{role}. It is composed of published components."),
            format!("{}.", components(genome).join("; ")),
            Provenance::Cognition,
        ),
        (None, None) => (
            format!("{role}. It is a program given by the operator."),
            "As the program says.".to_owned(),
            Provenance::Original,
        ),
    };
    let expected = campaign.tasks.iter().map(|task| Expectation { task: task.name.clone(), change: 0.0 });
    Brief {
        name: program.name.clone(),
        motivation,
        mechanism,
        expected: if baseline { expected.collect() } else { Vec::new() },
        provenance,
        parent: None,
        moves: Vec::new(),
        components: program.genome.as_ref().map(components).unwrap_or_default(),
    }
}
