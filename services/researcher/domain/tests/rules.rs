//! The researcher's rules, one per test.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use move37_core::testing::given;
use move37_core::{Ctx, Decider, ExperimentId, Hash, Rejection as _, Timestamp};
use move37_events::facts::{
    Basis, Campaign, CampaignFollowed, CampaignPaused, CampaignStopped, CommandId, Complexity, Design, Failure,
    Followed, HypothesisProposed, HypothesisWithdrawn, Lessons, MemoryFact, MoveRecord, ParentSampled, Provenance,
    ResearcherFact, Standing,
};
use move37_events::genome::{Decay, Genome, Path};
use move37_researcher_domain::grammar::{Kind, Scope, neighbours};
use move37_researcher_domain::{Input, Rejection, Researcher};
use move37_testkit::sample;
use proptest::prelude::*;

fn followed(campaign: Campaign) -> ResearcherFact {
    CampaignFollowed { sequence: 1, what: Followed::Started(Box::new(campaign)) }.into()
}

fn stopped() -> ResearcherFact {
    CampaignFollowed { sequence: 2, what: Followed::Stopped("enough".to_owned()) }.into()
}

fn sampled(body: ParentSampled) -> Input {
    sample::input("c/memory/1", MemoryFact::from(body))
}

fn seed(experiment: u32, index: u32) -> Input {
    let basis = Basis::Seed { index, baseline: index == 0 };
    sampled(ParentSampled {
        experiment: ExperimentId(experiment),
        lane: 1,
        basis,
        allowance: None,
        left: sample::left(),
    })
}

fn evolve(experiment: u32, parent: Standing) -> Input {
    sampled(sample::evolving(experiment, 1, parent))
}

fn evolve_with(experiment: u32, lessons: Lessons, references: Vec<Standing>) -> Input {
    let mut body = sample::evolving(experiment, 1, sample::standing(1, 0.5));
    if let Basis::Evolve { lessons: known, references: others, .. } = &mut body.basis {
        (*known, *others) = (lessons, references);
    }
    sampled(body)
}

fn proposal(fact: ResearcherFact) -> HypothesisProposed {
    match fact {
        ResearcherFact::HypothesisProposed(body) => body,
        other => panic!("expected a hypothesis, got {other:?}"),
    }
}

fn withdrawal(fact: ResearcherFact) -> HypothesisWithdrawn {
    match fact {
        ResearcherFact::HypothesisWithdrawn(body) => body,
        other => panic!("expected a withdrawal, got {other:?}"),
    }
}

fn genome(hypothesis: &HypothesisProposed) -> &Genome {
    match &hypothesis.design {
        Design::Grammar { genome, .. } => genome,
        other @ Design::Seed { .. } => panic!("expected a grammar design, got {other:?}"),
    }
}

/// Proposals for these experiments of a campaign in which each follows the ones before.
fn proposals(lessons: &Lessons, experiments: std::ops::Range<u32>) -> Vec<HypothesisProposed> {
    let mut researcher = Researcher::default();
    researcher.evolve(&followed(sample::campaign()));
    let ctx = Ctx { now: Timestamp::default() };
    let mut proposals = Vec::new();
    for experiment in experiments {
        let input = evolve_with(experiment, lessons.clone(), vec![sample::standing(2, 0.6)]);
        let fact = researcher.decide(&input, &ctx).unwrap().unwrap();
        researcher.evolve(&fact);
        proposals.push(proposal(fact));
    }
    proposals
}

fn lesson(kind: Kind, tried: u32, improved: u32) -> MoveRecord {
    MoveRecord { name: kind.name().to_owned(), tried, improved, failed: 0, mean_gain: 0.025 }
}

#[test]
fn operator_facts_are_captured_once_and_in_order() {
    let start = || sample::input("c/operator/1", sample::started(sample::campaign()));
    let pause = |place: u32| {
        let fact = CampaignPaused { command: CommandId("pause".to_owned()) };
        sample::input(&format!("c/operator/{place}"), move37_events::facts::CampaignFact::from(fact))
    };
    given::<Researcher>([]).when(start()).then(followed(sample::campaign()));
    given::<Researcher>([followed(sample::campaign())]).when(start()).nothing();
    given::<Researcher>([followed(sample::campaign())])
        .when(pause(2))
        .then(CampaignFollowed { sequence: 2, what: Followed::Paused }.into());
    given::<Researcher>([followed(sample::campaign())]).when(pause(3)).held();
}

#[test]
fn a_sample_of_a_campaign_that_is_not_followed_yet_is_held() {
    let rejection = given::<Researcher>([]).when(seed(1, 0)).rejection();
    assert_eq!(rejection, Rejection::NotFollowedYet(ExperimentId(1)));
    assert!(rejection.is_early());
}

#[test]
fn a_program_given_at_the_start_is_proposed_as_it_is() {
    let (name, genome) = Genome::published().into_iter().next().unwrap();
    let mut campaign = sample::campaign();
    campaign.programs[0].name = name.to_owned();
    campaign.programs[0].genome = Some(genome);
    let body = proposal(given::<Researcher>([followed(campaign)]).when(seed(1, 0)).fact());
    assert_eq!(body.design, Design::Seed { index: 0 });
    assert_eq!(body.brief.name, "delta_net");
    assert!(body.brief.motivation.contains("baseline") && body.brief.motivation.contains("arXiv:2406.06484"));
    assert_eq!(body.brief.parent, None);
}

#[test]
fn an_operators_program_is_named_as_such() {
    let mut campaign = sample::campaign();
    campaign.programs[1].genome = None;
    let body = proposal(given::<Researcher>([followed(campaign)]).when(seed(2, 1)).fact());
    assert!(body.brief.motivation.contains("given by the operator"), "{}", body.brief.motivation);
    assert_eq!(body.brief.provenance, Provenance::Original);
}

#[test]
fn a_seed_program_that_the_campaign_lacks_is_withdrawn() {
    let body = withdrawal(given::<Researcher>([followed(sample::campaign())]).when(seed(3, 9)).fact());
    assert_eq!(body.why, "the campaign has no seed program 9");
}

#[test]
fn a_stopped_campaign_answers_with_a_withdrawal() {
    let given = given::<Researcher>([followed(sample::campaign()), stopped()]);
    let body = withdrawal(given.when(evolve(3, sample::standing(1, 0.5))).fact());
    assert_eq!(body.why, "the campaign was stopped: enough");
}

#[test]
fn an_experiment_is_answered_once() {
    let given = given::<Researcher>([followed(sample::campaign())]);
    let given = given.when(evolve(3, sample::standing(1, 0.5))).and();
    given.when(evolve(3, sample::standing(1, 0.5))).nothing();
}

#[test]
fn own_facts_and_the_facts_of_later_services_lead_to_nothing() {
    let given = || given::<Researcher>([followed(sample::campaign())]);
    given().when(sample::input("c/researcher/1", followed(sample::campaign()))).nothing();
    let admitted = move37_events::facts::EngineerFact::from(sample::admitted(1, true));
    given().when(sample::input("c/engineer/1", admitted)).nothing();
    let stop = CampaignStopped { command: CommandId("stop".to_owned()), reason: "enough".to_owned() };
    given().when(sample::input("c/operator/2", move37_events::facts::CampaignFact::from(stop))).then(stopped());
}

#[test]
fn a_child_differs_from_its_parent_by_one_or_two_named_changes() {
    for body in proposals(&Lessons::default(), 3..40) {
        assert_ne!(*genome(&body), sample::genome());
        assert!((1..=2).contains(&body.brief.moves.len()), "{:?}", body.brief.moves);
        assert_eq!(body.brief.parent, Some(ExperimentId(1)));
        assert_eq!(body.brief.expected.len(), 2);
        assert!(!body.brief.components.is_empty());
    }
}

#[test]
fn no_architecture_and_no_name_is_proposed_twice() {
    let all = proposals(&Lessons::default(), 3..120);
    let genomes: BTreeSet<_> = all.iter().map(|body| genome(body).clone()).collect();
    let names: BTreeSet<_> = all.iter().map(|body| &body.brief.name).collect();
    assert_eq!((genomes.len(), names.len()), (all.len(), all.len()));
}

#[test]
fn a_parent_whose_surroundings_are_exhausted_ends_in_a_withdrawal() {
    let mut researcher = Researcher::default();
    researcher.evolve(&followed(sample::campaign()));
    let parent = sample::standing(1, 0.5);
    let scope = Scope { width: 32, quadratic: false, references: &[] };
    let near = neighbours(&sample::genome(), &scope);
    let far = near.iter().flat_map(|step| neighbours(&step.genome, &scope)).collect::<Vec<_>>();
    for step in near.iter().chain(&far) {
        let body = HypothesisProposed {
            experiment: ExperimentId(7),
            brief: sample::brief("earlier", Some(1)),
            design: Design::Grammar { parent: parent.program, genome: step.genome.clone() },
        };
        researcher.evolve(&body.into());
    }
    let fact = researcher.decide(&evolve(9, parent), &Ctx { now: Timestamp::default() }).unwrap().unwrap();
    let body = withdrawal(fact);
    assert_eq!(body.duplicate_of, Some(ExperimentId(7)));
}

#[test]
fn the_same_seed_proposes_the_same_and_another_seed_does_not() {
    let propose = |seed: u64| {
        let campaign = Campaign { seed, ..sample::campaign() };
        proposal(given::<Researcher>([followed(campaign)]).when(evolve(3, sample::standing(1, 0.5))).fact())
    };
    assert_eq!(propose(7), propose(7));
    let different = (8..16).filter(|seed| propose(*seed) != propose(7)).count();
    assert!(different > 5, "{different} of 8");
}

#[test]
fn a_weak_recall_task_draws_other_changes_than_weak_text() {
    let share = |weak: &str, wanted: &[Kind]| {
        let lessons = Lessons { weak_task: Some(weak.to_owned()), ..Lessons::default() };
        let hits = proposals(&lessons, 3..60)
            .into_iter()
            .filter(|body| wanted.iter().any(|kind| body.brief.moves[0] == kind.name()));
        hits.count()
    };
    let recall = [Kind::LongerConvolution, Kind::FewerHeads, Kind::NegativeEigenvalues, Kind::NoDecay];
    assert!(share("mqar", &recall) > share("bytes", &recall));
    let text = [Kind::AddFilter, Kind::OutputGate, Kind::LongerFilter, Kind::FixedDecay];
    assert!(share("bytes", &text) > share("mqar", &text));
}

#[test]
fn what_helped_here_is_tried_more_often_and_what_failed_less() {
    let share = |lessons: &Lessons| {
        let all = proposals(lessons, 3..60);
        all.iter().filter(|body| body.brief.moves.iter().any(|name| name == Kind::LongerFilter.name())).count()
    };
    let before = share(&Lessons::default());
    let helped = share(&Lessons { moves: vec![lesson(Kind::LongerFilter, 8, 8)], ..Lessons::default() });
    let failed = share(&Lessons { moves: vec![lesson(Kind::LongerFilter, 20, 0)], ..Lessons::default() });
    assert!(failed < before && before < helped, "{failed} {before} {helped}");
}

#[test]
fn refusals_for_size_hold_growing_changes_back() {
    let growing = |lessons: &Lessons| {
        let grows = |body: &HypothesisProposed| {
            let kinds =
                [Kind::AddLinear, Kind::AddValues, Kind::AddFilter, Kind::LongerConvolution, Kind::LongerFilter];
            body.brief.moves.iter().any(|name| kinds.iter().any(|kind| kind.name() == name))
        };
        proposals(lessons, 3..60).into_iter().filter(grows).count()
    };
    let why = "refused: over_budget: 2.30 times the baseline's parameters".to_owned();
    let failure = Failure { experiment: ExperimentId(2), name: "big".to_owned(), why };
    let careful = Lessons { failures: vec![failure], ..Lessons::default() };
    assert!(growing(&careful) < growing(&Lessons::default()));
    let warned =
        proposals(&careful, 3..30).into_iter().any(|body| body.brief.motivation.contains("Experiment 2 was refused"));
    assert!(warned);
}

#[test]
fn a_motivation_cites_what_memory_knows() {
    let mut better = sample::standing(2, 0.75);
    better.results = sample::results(&[("bytes", 2.6), ("mqar", 0.625)]);
    let lessons = Lessons { weak_task: Some("mqar".to_owned()), ..Lessons::default() };
    let input = evolve_with(3, lessons, vec![better]);
    let body = proposal(given::<Researcher>([followed(sample::campaign())]).when(input).fact());
    let text = &body.brief.motivation;
    for part in [
        "candidate 1 (experiment 1) has fitness 0.500",
        "bytes 2.5000",
        "least on mqar",
        "candidate 2 is ahead by 0.2250",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn provenance_tells_experience_literature_and_chance_apart() {
    let lessons = Lessons {
        weak_task: Some("bytes".to_owned()),
        moves: vec![lesson(Kind::OutputGate, 9, 9), lesson(Kind::LongerFilter, 5, 4)],
        ..Lessons::default()
    };
    let all = proposals(&lessons, 3..60);
    let of = |provenance| all.iter().filter(|body| body.brief.provenance == provenance).collect::<Vec<_>>();
    let proven = [Kind::OutputGate.name(), Kind::LongerFilter.name(), Kind::Crossover.name()];
    assert!(of(Provenance::Experience).iter().all(|body| proven.contains(&body.brief.moves[0].as_str())));
    assert!(!of(Provenance::Experience).is_empty() && !of(Provenance::Cognition).is_empty());
    assert!(!of(Provenance::Original).is_empty());
}

#[test]
fn a_crossover_takes_a_component_of_a_reference() {
    let mut reference = sample::standing(2, 0.6);
    reference.genome =
        Some(Genome { paths: vec![Path::Linear { decay: Decay::Fixed }], ..Genome::published()[2].1.clone() });
    let references = [reference];
    let scope = Scope { width: 32, quadratic: false, references: &references };
    let steps = neighbours(&sample::genome(), &scope);
    let crossed: Vec<_> = steps.iter().filter(|step| step.kind == Kind::Crossover).collect();
    assert!(crossed.iter().any(|step| step.genome.paths.contains(&Path::Linear { decay: Decay::Fixed })));
    assert!(crossed.iter().all(|step| step.from.as_deref() == Some("candidate 2")));
}

#[test]
fn a_parent_without_a_grammar_form_is_built_around() {
    let parent = Standing { genome: None, ..sample::standing(1, 0.5) };
    for experiment in 3..30 {
        let given = given::<Researcher>([followed(sample::campaign())]);
        let body = proposal(given.when(evolve(experiment, parent.clone())).fact());
        assert!(genome(&body).paths.contains(&Path::Program { hash: parent.program }), "{:?}", genome(&body));
    }
}

#[test]
fn attention_is_drawn_only_where_the_campaign_admits_quadratic_cost() {
    let single =
        Genome { paths: vec![Path::Delta { decay: Decay::None, negative: false }], ..sample::genome() }.canonical();
    let has = |quadratic| {
        let steps = neighbours(&single, &Scope { width: 32, quadratic, references: &[] });
        steps.iter().any(|step| step.genome.paths.contains(&Path::Attention))
    };
    assert!(has(true) && !has(false));
    let mut attention = sample::standing(2, 0.9);
    attention.genome = Some(Genome::published()[3].1.clone());
    let references = [attention];
    let steps = neighbours(&single, &Scope { width: 32, quadratic: false, references: &references });
    assert!(steps.iter().all(|step| !step.genome.paths.contains(&Path::Attention)));
    let mut campaign = sample::campaign();
    campaign.gate.max_complexity = Complexity::Quadratic;
    let drawn = (3..80).any(|experiment| {
        let parent = Standing { genome: Some(single.clone()), ..sample::standing(1, 0.5) };
        let given = given::<Researcher>([followed(campaign.clone())]);
        genome(&proposal(given.when(evolve(experiment, parent)).fact())).paths.contains(&Path::Attention)
    });
    assert!(drawn);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However long the walk, every architecture fits the model and is in canonical form.
    #[test]
    fn every_reachable_architecture_fits(
        start in 0usize..6, choices in prop::collection::vec(any::<prop::sample::Index>(), 1..12), wide in any::<bool>(),
    ) {
        let width = if wide { 128 } else { 48 };
        let published = Genome::published();
        let wrapping = Genome { heads: 2, paths: vec![Path::Program { hash: Hash::of(b"x") }], ..published[2].1.clone() };
        let mut genome = published.get(start).map_or(wrapping.canonical(), |(_, genome)| genome.clone());
        let references = [sample::standing(2, 0.5)];
        let scope = Scope { width, quadratic: true, references: &references };
        for choice in choices {
            let steps = neighbours(&genome, &scope);
            prop_assert!(!steps.is_empty());
            let step = choice.get(&steps);
            prop_assert_eq!(step.genome.check(width), Ok(()));
            prop_assert_eq!(&step.genome.clone().canonical(), &step.genome);
            prop_assert_ne!(&step.genome, &genome);
            genome = step.genome.clone();
        }
    }
}
