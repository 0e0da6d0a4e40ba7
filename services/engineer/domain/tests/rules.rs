//! The engineer's rules, one per test.
#![expect(clippy::unwrap_used, reason = "tests")]

mod patch;

use move37_candidate::cost::ComplexityClass;
use move37_candidate::gate::{self, GateConfig};
use move37_candidate::language::Dims;
use move37_core::testing::{Given, given};
use move37_core::{ExperimentId, Hash, Rejection as _};
use move37_engineer_domain::render::{self, Base, render};
use move37_engineer_domain::{Engineer, Input, Outcome, Rejection};
use move37_events::facts::{
    Campaign, CampaignFact, CampaignFollowed, CampaignPaused, CandidateAdmitted, CandidateRefused, CodeDiffProposed,
    CommandId, Complexity, Cost, Design, EngineerFact, ExperimentAbandoned, Finding, Followed, GateReport,
    HypothesisProposed, HypothesisWithdrawn, Proof, ResearcherFact, SeedProgram,
};
use move37_events::genome::{Decay, Fusion, Genome, OutputGate, Path};
use move37_testkit::sample;
use proptest::prelude::*;

const USERS: &str = "import torch.nn as nn\n\n\nclass Mine(nn.Module):\n    def __init__(self, d_model):\n        \
                     super().__init__()\n        self.out = nn.Linear(d_model, d_model)\n\n    \
                     def forward(self, x):\n        return self.out(x)\n";

/// DeltaNet as the baseline, attention, and an operator's program.
fn campaign() -> Campaign {
    let published = Genome::published();
    let program = |name: &str, source: String, genome: Option<Genome>| SeedProgram {
        name: name.to_owned(),
        hash: Hash::of(source.as_bytes()),
        source,
        genome,
    };
    let of = |i: usize| {
        let (name, genome) = &published[i];
        program(name, render(genome, None).unwrap(), Some(genome.clone()))
    };
    Campaign { programs: vec![of(0), of(3), program("mine", USERS.to_owned(), None)], ..sample::campaign() }
}

fn followed() -> EngineerFact {
    CampaignFollowed { sequence: 1, what: Followed::Started(Box::new(campaign())) }.into()
}

fn stopped() -> EngineerFact {
    CampaignFollowed { sequence: 2, what: Followed::Stopped("enough".to_owned()) }.into()
}

fn paused() -> EngineerFact {
    CampaignFollowed { sequence: 2, what: Followed::Paused }.into()
}

fn hypothesis(experiment: u32, design: Design) -> Input {
    let brief = sample::brief("child", Some(1));
    let body = HypothesisProposed { experiment: ExperimentId(experiment), brief, design };
    sample::input("c/researcher/1", ResearcherFact::from(body))
}

fn seed(experiment: u32, index: u32) -> Input {
    hypothesis(experiment, Design::Seed { index })
}

fn evolved(experiment: u32, genome: Genome) -> Input {
    let parent = Hash::of(render(&Genome::published()[0].1, None).unwrap().as_bytes());
    hypothesis(experiment, Design::Grammar { parent, genome })
}

fn gated(experiment: u32, report: GateReport) -> Input {
    Input::Outcome(Outcome::Gated { experiment: ExperimentId(experiment), attempt: 1, report })
}

/// A sound report of its own graph.
fn report(graph: &str) -> GateReport {
    GateReport {
        graph_hash: Some(Hash::of(graph.as_bytes())),
        class: Some("Mixer".to_owned()),
        ..sample::gate_report()
    }
}

fn own(fact: &EngineerFact) -> Input {
    sample::input("c/engineer/9", fact.clone())
}

/// With the baseline admitted as experiment 1.
fn baseline() -> Given<Engineer> {
    given([followed()]).when(seed(1, 0)).and().when(gated(1, report("delta"))).and()
}

/// The baseline with a filter beside the delta rule.
fn child() -> Genome {
    let (_, delta) = Genome::published().into_iter().next().unwrap();
    Genome {
        paths: vec![delta.paths[0], Path::Fir { taps: 7 }],
        fusion: Fusion::Gates,
        output_gate: OutputGate::Silu,
        ..delta
    }
}

fn proposed(fact: EngineerFact) -> CodeDiffProposed {
    match fact {
        EngineerFact::CodeDiffProposed(body) => body,
        other => panic!("expected a code diff, got {other:?}"),
    }
}

fn admitted(fact: EngineerFact) -> CandidateAdmitted {
    match fact {
        EngineerFact::CandidateAdmitted(body) => body,
        other => panic!("expected an admission, got {other:?}"),
    }
}

fn refused(fact: EngineerFact) -> CandidateRefused {
    match fact {
        EngineerFact::CandidateRefused(body) => body,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn abandoned(fact: EngineerFact) -> ExperimentAbandoned {
    match fact {
        EngineerFact::ExperimentAbandoned(body) => body,
        other => panic!("expected an abandonment, got {other:?}"),
    }
}

fn kinds(report: &GateReport) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.kind.as_str()).collect()
}

#[test]
fn operator_facts_are_captured_once_and_in_order() {
    let start = || sample::input("c/operator/1", sample::started(campaign()));
    let pause = |place: u32| {
        let fact = CampaignFact::from(CampaignPaused { command: CommandId("pause".to_owned()) });
        sample::input(&format!("c/operator/{place}"), fact)
    };
    given::<Engineer>([]).when(start()).then(followed());
    given::<Engineer>([followed()]).when(start()).nothing();
    given::<Engineer>([followed()]).when(pause(2)).then(paused());
    given::<Engineer>([followed()]).when(pause(3)).held();
}

#[test]
fn a_hypothesis_of_a_campaign_that_is_not_followed_yet_is_held() {
    let rejection = given::<Engineer>([]).when(seed(1, 0)).rejection();
    assert_eq!(rejection, Rejection::NotFollowedYet(ExperimentId(1)));
    assert!(rejection.is_early());
}

#[test]
fn a_seed_program_is_proposed_as_it_is_against_nothing() {
    let body = proposed(given::<Engineer>([followed()]).when(seed(1, 0)).fact());
    assert_eq!(body.source, campaign().programs[0].source);
    assert_eq!((body.parent, body.baseline, body.attempt), (None, true, 1));
    assert_eq!(body.program, Hash::of(body.source.as_bytes()));
    assert!(body.diff.starts_with("--- /dev/null\n+++ b/candidate.py\n@@ -0,0 +1,"), "{}", &body.diff[..60]);
    assert_eq!(patch::apply("", &body.diff), body.source);
}

#[test]
fn only_the_first_seed_program_is_the_baseline() {
    assert!(!proposed(baseline().when(seed(2, 1)).fact()).baseline);
}

#[test]
fn a_child_is_rendered_and_differs_from_its_parent_by_its_diff() {
    let body = proposed(baseline().when(evolved(3, child())).fact());
    let parent = &campaign().programs[0].source;
    assert_eq!(body.parent, Some(Hash::of(parent.as_bytes())));
    assert_eq!(body.source, render(&child(), None).unwrap());
    assert_eq!(patch::apply(parent, &body.diff), body.source);
    assert!(body.diff.contains("+        self.filter_7 ="), "{}", body.diff);
    assert!(body.diff.lines().count() < 60, "{}", body.diff);
}

#[test]
fn a_proposed_program_owes_its_gate_until_the_verdict() {
    let given = given::<Engineer>([followed()]).when(seed(1, 0)).and();
    assert_eq!(given.owes(), ["gate/1/1"]);
    let given = given.when(gated(1, report("delta"))).and();
    assert!(given.owes().is_empty());
}

#[test]
fn a_paused_campaign_owes_nothing_and_a_resumed_one_owes_again() {
    let facts = |more: Vec<EngineerFact>| {
        let diff = given::<Engineer>([followed()]).when(seed(1, 0)).fact();
        given::<Engineer>([followed(), diff].into_iter().chain(more))
    };
    assert!(facts(vec![paused()]).owes().is_empty());
    let resumed = CampaignFollowed { sequence: 3, what: Followed::Resumed }.into();
    assert_eq!(facts(vec![paused(), resumed]).owes(), ["gate/1/1"]);
}

#[test]
fn a_sound_program_is_admitted_whole() {
    let given = given::<Engineer>([followed()]).when(seed(1, 0)).and();
    let body = admitted(given.when(gated(1, report("delta"))).fact());
    assert_eq!(body.source, campaign().programs[0].source);
    assert_eq!((body.baseline, body.parent), (true, true));
    assert_eq!(body.gate, report("delta"));
}

#[test]
fn a_verdict_on_a_past_attempt_or_experiment_is_past() {
    baseline().when(gated(1, report("again"))).nothing();
    baseline().when(gated(8, report("other"))).nothing();
    let open = || given::<Engineer>([followed()]).when(seed(1, 0)).and();
    let late = Outcome::Gated { experiment: ExperimentId(1), attempt: 2, report: report("delta") };
    open().when(Input::Outcome(late)).nothing();
}

#[test]
fn a_redelivered_hypothesis_is_past() {
    baseline().when(seed(1, 0)).nothing();
}

#[test]
fn what_the_gate_finds_refuses_and_then_ends_the_experiment_with_the_findings() {
    let leak = Finding {
        kind: "future_leak".to_owned(),
        line: 12,
        column: 9,
        message: "output 3 depends on input 4".to_owned(),
        hint: "pad on the left".to_owned(),
        witness: None,
    };
    let bad = GateReport { admitted: false, findings: vec![leak], causality: Proof::Refuted, ..report("leak") };
    let open = || baseline().when(evolved(3, child())).and();
    let body = refused(open().when(gated(3, bad.clone())).fact());
    assert_eq!(kinds(&body.gate), ["future_leak"]);
    let refusal = EngineerFact::from(body);
    let given = open().when(gated(3, bad)).and();
    assert!(given.owes().is_empty());
    let body = abandoned(given.when(own(&refusal)).fact());
    assert_eq!(body.why, "refused: future_leak in line 12: output 3 depends on input 4");
    assert_eq!(body.brief, Some(sample::brief("child", Some(1))));
}

#[test]
fn an_abandoned_experiment_is_over() {
    let bad = GateReport { admitted: false, ..report("bad") };
    let given = baseline().when(evolved(3, child())).and().when(gated(3, bad)).and();
    let given = given.when(own(&followed())).and();
    given.when(own(&followed())).nothing();
}

#[test]
fn a_graph_that_was_admitted_before_is_refused_as_its_duplicate() {
    let given = baseline().when(evolved(3, child())).and();
    let body = refused(given.when(gated(3, report("delta"))).fact());
    assert_eq!(body.duplicate_of, Some(ExperimentId(1)));
    assert_eq!(kinds(&body.gate), ["duplicate"]);
    assert!(!body.gate.admitted);
}

#[test]
fn a_steep_seed_program_is_admitted_but_is_no_parent() {
    let steep = GateReport { complexity: Some(Complexity::Quadratic), ..report("attention") };
    let body = admitted(baseline().when(seed(2, 1)).and().when(gated(2, steep)).fact());
    assert!(!body.parent);
}

#[test]
fn a_steep_child_is_refused() {
    let steep = GateReport { complexity: Some(Complexity::Quadratic), ..report("steep") };
    let body = refused(baseline().when(evolved(3, child())).and().when(gated(3, steep)).fact());
    assert_eq!(kinds(&body.gate), ["complexity"]);
    assert!(body.gate.findings[0].message.contains("O(n^2)"), "{}", body.gate.findings[0].message);
}

#[test]
fn a_child_beyond_the_baselines_multiple_is_refused() {
    let large = GateReport { parameters: Some(10_001), ..report("large") };
    let body = refused(baseline().when(evolved(3, child())).and().when(gated(3, large)).fact());
    assert_eq!(
        kinds(&body.gate),
        ["over_budget", "over_budget"],
        "by the multiple, and by what the SwiGLU can make up"
    );
    let costly = GateReport { flops: vec![Cost { length: 64, flops: 3.01 * 64.0 * 2.5e4 }], ..report("costly") };
    let body = refused(baseline().when(evolved(3, child())).and().when(gated(3, costly)).fact());
    assert_eq!(kinds(&body.gate), ["over_budget"]);
    let fits = GateReport { parameters: Some(8_000), ..report("fits") };
    admitted(baseline().when(evolved(3, child())).and().when(gated(3, fits)).fact());
}

#[test]
fn a_child_is_trained_with_the_swiglu_that_makes_it_as_large_as_the_baseline() {
    let larger = GateReport { parameters: Some(5_000 + 960), ..report("larger") };
    let body = admitted(baseline().when(evolved(3, child())).and().when(gated(3, larger)).fact());
    assert_eq!((body.sizes.swiglu, body.sizes.excess, body.sizes.comparable), (54, 0.0, true));
}

#[test]
fn a_child_that_no_swiglu_makes_as_large_as_the_baseline_is_refused_with_the_excess() {
    let large = GateReport { parameters: Some(9_000), ..report("large") };
    let body = refused(baseline().when(evolved(3, child())).and().when(gated(3, large)).fact());
    assert_eq!(kinds(&body.gate), ["over_budget"]);
    assert!(body.gate.findings[0].hint.contains("928 parameters"), "{}", body.gate.findings[0].hint);
}

#[test]
fn a_seed_program_that_cannot_be_made_equal_is_measured_with_the_narrowest_swiglu_and_is_no_parent() {
    let large = GateReport { parameters: Some(9_000), ..report("large") };
    let body = admitted(baseline().when(seed(2, 1)).and().when(gated(2, large)).fact());
    assert_eq!((body.sizes.swiglu, body.sizes.comparable, body.parent), (32, false, false));
    assert_eq!(kinds(&body.gate), ["over_budget"], "the fact says why");
}

#[test]
fn the_baseline_has_the_swiglu_of_the_campaign() {
    let body = admitted(baseline().when(seed(2, 1)).and().when(gated(2, report("same size"))).fact());
    assert_eq!((body.sizes.swiglu, body.sizes.parameters), (64, 5_000 + 64 + 3 * 32 * 64));
}

#[test]
fn what_is_not_proved_is_admitted_only_where_the_campaign_says_so() {
    let open = || GateReport { causality: Proof::Unproved, ..report("open") };
    let body = refused(baseline().when(evolved(3, child())).and().when(gated(3, open())).fact());
    assert_eq!(kinds(&body.gate), ["unproved"]);
    let mut lax = campaign();
    lax.gate.admit_unproved = true;
    let start = EngineerFact::from(CampaignFollowed { sequence: 1, what: Followed::Started(Box::new(lax)) });
    admitted(given::<Engineer>([start]).when(seed(1, 0)).and().when(gated(1, open())).fact());
}

#[test]
fn a_refuted_property_is_never_admitted() {
    let leak = GateReport { batch_independence: Proof::Refuted, ..report("leak") };
    refused(baseline().when(evolved(3, child())).and().when(gated(3, leak)).fact());
}

#[test]
fn an_unchanged_program_is_abandoned() {
    let body = abandoned(baseline().when(evolved(3, Genome::published()[0].1.clone())).fact());
    assert_eq!(body.why, "the program is its parent's, unchanged");
    let twice = baseline().when(evolved(3, child())).and().when(gated(3, report("child"))).and();
    let body = abandoned(twice.when(evolved(4, child())).fact());
    assert_eq!(body.why, "the program is that of experiment 3, unchanged");
}

#[test]
fn a_design_that_fits_no_layer_is_abandoned() {
    let body = abandoned(baseline().when(evolved(3, Genome { heads: 5, ..child() })).fact());
    assert_eq!(body.why, "the genome fits no layer: 5 heads do not divide the width 32");
    let unknown = Design::Grammar { parent: Hash::of(b"?"), genome: child() };
    let body = abandoned(baseline().when(hypothesis(3, unknown)).fact());
    assert!(body.why.contains("is not known"), "{}", body.why);
    let body = abandoned(baseline().when(seed(3, 9)).fact());
    assert_eq!(body.why, "the campaign has no seed program 9");
}

#[test]
fn a_stopped_campaign_answers_a_hypothesis_with_an_abandonment() {
    let body = abandoned(given::<Engineer>([followed(), stopped()]).when(seed(1, 0)).fact());
    assert_eq!(body.why, "the campaign was stopped: enough");
}

#[test]
fn a_stop_abandons_every_open_gate_one_after_the_other() {
    let stop = sample::input(
        "c/operator/2",
        CampaignFact::from(move37_events::facts::CampaignStopped {
            command: CommandId("stop".to_owned()),
            reason: "enough".to_owned(),
        }),
    );
    let given = baseline().when(seed(2, 1)).and().when(evolved(3, child())).and();
    let given = given.when(stop).and();
    assert!(given.owes().is_empty());
    let given = given.when(own(&stopped())).and();
    let body = abandoned(given.when(own(&stopped())).fact());
    assert_eq!(body.experiment, ExperimentId(3));
}

#[test]
fn other_facts_lead_to_nothing() {
    let body = HypothesisWithdrawn { experiment: ExperimentId(4), why: "nothing new".to_owned(), duplicate_of: None };
    baseline().when(sample::input("c/researcher/2", ResearcherFact::from(body))).nothing();
    let sampled = move37_events::facts::MemoryFact::from(sample::evolving(4, 1, sample::standing(1, 0.5)));
    baseline().when(sample::input("c/memory/2", sampled)).nothing();
}

#[test]
fn a_program_of_the_operator_is_built_around() {
    let report = GateReport { class: Some("Mine".to_owned()), ..report("mine") };
    let given = baseline().when(seed(2, 2)).and().when(gated(2, report)).and();
    let hash = Hash::of(USERS.as_bytes());
    let genome = Genome {
        paths: vec![Path::Fir { taps: 7 }, Path::Program { hash }],
        fusion: Fusion::Gates,
        ..Genome::published()[0].1.clone()
    }
    .canonical();
    let body = proposed(given.when(hypothesis(3, Design::Grammar { parent: hash, genome })).fact());
    assert!(body.source.starts_with(USERS.trim_end()));
    assert!(body.source.contains("self.program = Mine(d_model)"), "{}", body.source);
    assert!(body.diff.lines().skip(2).all(|line| !line.starts_with('-')), "{}", body.diff);
    assert_eq!(patch::apply(USERS, &body.diff), body.source);
}

#[test]
fn a_program_that_was_never_admitted_is_not_built_around() {
    let hash = Hash::of(b"?");
    let genome = Genome { paths: vec![Path::Program { hash }], ..child() };
    let body = abandoned(baseline().when(evolved(3, genome.canonical())).fact());
    assert_eq!(body.why, format!("the program {hash} that it is built around is not known"));
}

fn paths() -> impl Strategy<Value = Path> {
    let decay = || prop::sample::select(vec![Decay::None, Decay::Fixed, Decay::Head]);
    prop_oneof![
        1 => Just(Path::Attention),
        3 => (decay(), any::<bool>()).prop_map(|(decay, negative)| Path::Delta { decay, negative }),
        3 => decay().prop_map(|decay| Path::Linear { decay }),
        3 => prop::sample::select(vec![3u32, 5, 7, 15, 31, 63]).prop_map(|taps| Path::Fir { taps }),
        1 => Just(Path::Value),
        1 => Just(Path::Program { hash: Hash::of(USERS.as_bytes()) }),
    ]
}

fn genomes() -> impl Strategy<Value = Genome> {
    use move37_events::genome::Feature;
    let feature = vec![Feature::Identity, Feature::Silu, Feature::Relu, Feature::EluPlusOne];
    let fusion = prop_oneof![
        Just(Fusion::Sum),
        (any::<bool>(), prop::sample::select(vec![0u32, 2, 5, 10]))
            .prop_map(|(temperature, floor)| Fusion::Router { temperature, floor }),
        Just(Fusion::Gates),
    ];
    let gate = prop::sample::select(vec![OutputGate::None, OutputGate::Sigmoid, OutputGate::Silu]);
    (
        prop::sample::select(vec![1u32, 2, 4, 8]),
        prop::sample::select(vec![0u32, 2, 4, 8]),
        prop::sample::select(feature),
        any::<bool>(),
        prop::collection::vec(paths(), 1..4),
        fusion,
        any::<bool>(),
        gate,
    )
        .prop_map(|(heads, short_convolution, feature, unit_qk, paths, fusion, output_norm, output_gate)| {
            let genome = Genome { heads, short_convolution, feature, unit_qk, paths, fusion, output_norm, output_gate };
            genome.canonical()
        })
        .prop_filter("fits no layer", |genome| genome.check(32).is_ok())
}

fn text(genome: &Genome) -> String {
    render(genome, Some(Base { source: USERS, class: "Mine" })).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_diff_applied_to_the_parent_gives_the_child(parent in genomes(), child in genomes()) {
        let (parent, child) = (text(&parent), text(&child));
        let diff = move37_engineer_domain::diff::unified(Some(&parent), &child);
        prop_assert_eq!(patch::apply(&parent, &diff), child);
    }

    #[test]
    fn different_genomes_have_different_texts(one in genomes(), other in genomes()) {
        prop_assert_eq!(text(&one) == text(&other), one == other);
    }

    #[test]
    fn every_function_in_a_text_is_called(genome in genomes()) {
        let text = text(&genome);
        for line in text.lines().filter_map(|line| line.trim_start().strip_prefix("def ")) {
            let name = line.split('(').next().unwrap();
            let called = text.matches(&format!("{name}(")).count();
            prop_assert!(matches!(name, "__init__" | "forward") || called > 1, "{} in\n{}", name, text);
        }
        let width = text.lines().map(str::len).max();
        prop_assert!(width < Some(119), "{:?}", width);
        prop_assert_eq!(render::program_of(&genome).is_some(), text.contains("Mine(d_model)"));
    }

    /// What the grammar can say, the static gate proves. The number of heads is the design's own.
    #[test]
    fn every_text_is_admitted_and_proved(genome in genomes()) {
        let dims = Dims { batch: 1, time: 64, d_model: 32, num_heads: 3, args: Default::default() };
        let config = GateConfig { max_complexity: ComplexityClass::Higher, ..GateConfig::new(dims) };
        let source = text(&genome);
        let report = gate::check(&source, &config);
        prop_assert!(report.admitted && report.findings.is_empty(), "{:?}\n{}", report.findings, source);
        let linear = report.complexity.unwrap().class == ComplexityClass::Linear;
        prop_assert!(linear || genome.paths.contains(&Path::Attention), "{:?}", report.complexity);
        prop_assert!(report.notes.is_empty(), "{:?}", report.notes);
        prop_assert_eq!(report.class.as_deref(), Some("Mixer"));
    }
}
