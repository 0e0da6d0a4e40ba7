//! The analyst's rules, one per test.
#![expect(clippy::unwrap_used, reason = "tests")]

use move37_analyst_domain::{Analyst, Input, scale};
use move37_core::testing::{Given, given};
use move37_core::{Ctx, Decider, EventId, ExperimentId, Timestamp};
use move37_events::facts::{
    AnalystFact, BaselineRecorded, Brief, Campaign, Expectation, FitnessScored, Formula, InsightRecorded, Stage,
    TrainerFact, TrainingCompleted,
};
use move37_testkit::sample;

/// A campaign's analyst under test: inputs go in, own facts follow until nothing does.
struct Story {
    analyst: Analyst,
    facts: Vec<AnalystFact>,
}

impl Story {
    fn new(campaign: Campaign) -> Story {
        let mut story = Story { analyst: Analyst::default(), facts: Vec::new() };
        story.input(sample::input("c/operator/1", sample::started(campaign)));
        story
    }

    /// The baseline has a loss of 2.5 and an accuracy of 0.4.
    fn measured() -> Story {
        let mut story = Story::new(sample::campaign());
        story.train(1, sample::brief("delta_net", None), 2.5, 0.4);
        story
    }

    fn train(&mut self, experiment: u32, brief: Brief, bytes: f64, mqar: f64) {
        self.take(sample::trained(experiment, brief, &[("bytes", bytes), ("mqar", mqar)]));
    }

    fn take(&mut self, body: TrainingCompleted) {
        self.input(training(body));
    }

    fn input(&mut self, input: Input) {
        let ctx = Ctx { now: Timestamp::default() };
        let mut next = self.analyst.decide(&input, &ctx).unwrap();
        while let Some(fact) = next {
            self.analyst.evolve(&fact);
            self.facts.push(fact.clone());
            next = self.analyst.decide(&sample::input("c/analyst/1", fact), &ctx).unwrap();
        }
    }

    fn baseline(&self) -> &BaselineRecorded {
        let mut facts = self.facts.iter();
        facts.find_map(|fact| if let AnalystFact::BaselineRecorded(body) = fact { Some(body) } else { None }).unwrap()
    }

    fn scored(&self) -> &FitnessScored {
        let mut facts = self.facts.iter().rev();
        facts.find_map(|fact| if let AnalystFact::FitnessScored(body) = fact { Some(body) } else { None }).unwrap()
    }

    fn insight(&self) -> &InsightRecorded {
        let mut facts = self.facts.iter().rev();
        facts.find_map(|fact| if let AnalystFact::InsightRecorded(body) = fact { Some(body) } else { None }).unwrap()
    }

    fn given(self) -> Given<Analyst> {
        given(self.facts)
    }
}

fn training(body: TrainingCompleted) -> Input {
    sample::input(&format!("c/trainer/{}", 100 + body.experiment.0), TrainerFact::from(body))
}

fn event(experiment: u32) -> EventId {
    sample::id(&format!("c/trainer/{}", 100 + experiment))
}

/// A term of the paper's scale.
fn term(value: f64, baseline: f64, higher: bool) -> f64 {
    let scale = scale(Formula::Paper, &sample::score(&[baseline]));
    move37_analyst_domain::term(value, baseline, scale, higher)
}

/// A training with these losses by seed number.
fn seeded(experiment: u32, stage: Stage, losses: &[f64]) -> TrainingCompleted {
    let brief = if experiment == 1 { sample::brief("delta_net", None) } else { child(experiment, 1) };
    let mut body = sample::trained(experiment, brief, &[]);
    body.stage = stage;
    body.results.tasks.insert("bytes".to_owned(), sample::score(losses));
    body
}

/// The baseline was explored with the losses 2.4, 2.5 and 2.6.
fn spread(fitness: Formula) -> Story {
    let mut campaign = sample::campaign();
    campaign.tasks.truncate(1);
    campaign.belief.fitness = fitness;
    let mut story = Story::new(campaign);
    story.take(seeded(1, Stage::Explore, &[2.4, 2.5, 2.6]));
    story
}

fn child(experiment: u32, parent: u32) -> Brief {
    sample::brief(&format!("candidate {experiment}"), Some(parent))
}

#[test]
fn the_baseline_fixes_the_terms_and_scores_one_half() {
    let story = Story::measured();
    let kinds: Vec<_> = story.facts.iter().map(|fact| move37_events::FactSet::fact_type(fact).name).collect();
    assert_eq!(kinds, ["campaign.followed", "baseline.recorded", "fitness.scored", "insight.recorded"]);
    assert_eq!(story.baseline().tasks.keys().collect::<Vec<_>>(), ["bytes", "mqar"]);
    assert_eq!(story.scored().fitness, Some(0.5));
}

#[test]
fn a_training_before_the_campaign_is_held() {
    let body = sample::trained(1, sample::brief("delta_net", None), &[("bytes", 2.5)]);
    given::<Analyst>([]).when(training(body)).held();
}

#[test]
fn a_training_before_the_baseline_is_held() {
    let body = sample::trained(2, child(2, 1), &[("bytes", 2.5), ("mqar", 0.4)]);
    Story::new(sample::campaign()).given().when(training(body)).held();
}

#[test]
fn a_training_is_scored_once() {
    let repeated = |experiment, brief| training(sample::trained(experiment, brief, &[("bytes", 2.0), ("mqar", 0.4)]));
    let mut story = Story::measured();
    story.train(2, child(2, 1), 2.0, 0.4);
    let facts = story.facts.clone();
    story.given().when(repeated(2, child(2, 1))).nothing();
    given::<Analyst>(facts).when(repeated(1, sample::brief("delta_net", None))).nothing();
}

#[test]
fn a_term_is_the_papers_sigmoid_around_the_baseline() {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    for (value, baseline, higher, expected) in [
        (2.5, 2.5, false, 0.5),
        (2.25, 2.5, false, sigmoid(6.0)),
        (2.75, 2.5, false, sigmoid(-6.0)),
        (1.0, 2.5, false, sigmoid(6.0)),
        (2.375, 2.5, false, sigmoid(3.0)),
        (0.44, 0.4, true, sigmoid(6.0)),
        (0.38, 0.4, true, sigmoid(-3.0)),
        (0.0, 0.0, true, 0.5),
    ] {
        assert!((term(value, baseline, higher) - expected).abs() < 1e-9, "{value} against {baseline}");
    }
}

#[test]
fn fitness_is_the_mean_of_the_terms() {
    let mut story = Story::measured();
    story.train(2, child(2, 1), 2.375, 0.4);
    let scored = story.scored();
    assert_eq!(scored.terms.len(), 2);
    let expected = (term(2.375, 2.5, false) + 0.5) / 2.0;
    assert!((scored.fitness.unwrap() - expected).abs() < 1e-12);
}

#[test]
fn by_noise_six_standard_deviations_of_the_baseline_are_much() {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let mut story = spread(Formula::Noise);
    for (experiment, loss, expected) in [(2, 2.4, sigmoid(1.0)), (3, 2.8, sigmoid(-3.0)), (4, 1.0, sigmoid(6.0))] {
        story.take(seeded(experiment, Stage::Explore, &[loss]));
        assert!((story.scored().fitness.unwrap() - expected).abs() < 1e-9, "{loss}");
        assert!((story.scored().terms[0].scale - 0.6).abs() < 1e-9);
    }
    // Seeds that agree by chance, and a single seed.
    assert_eq!(scale(Formula::Noise, &sample::score(&[2.0, 2.0])), 0.002);
    assert_eq!(scale(Formula::Noise, &sample::score(&[2.0])), 0.2);
}

#[test]
fn a_fitness_has_a_value_for_every_seed_and_an_interval_paired_by_seed() {
    let mut story = spread(Formula::Noise);
    // Every seed is better by 0.1: paired, nothing of the spread is left.
    story.take(seeded(2, Stage::Explore, &[2.3, 2.4, 2.5]));
    let scored = story.scored();
    assert_eq!(scored.values.len(), 3);
    let interval = scored.interval.unwrap();
    assert!(interval.low > 0.55 && interval.high < 0.85, "{interval:?}");
    // The same values in another order of seeds.
    story.take(seeded(3, Stage::Explore, &[2.5, 2.4, 2.3]));
    let unpaired = story.scored().interval.unwrap();
    assert!(unpaired.low < 0.5, "{unpaired:?}");
}

#[test]
fn one_seed_has_no_interval_but_a_bound_by_the_baselines_noise() {
    let mut story = spread(Formula::Noise);
    story.take(seeded(2, Stage::Explore, &[2.3]));
    let scored = story.scored();
    assert_eq!((scored.values.len(), scored.interval), (1, None));
    let bound = scored.bound.unwrap();
    assert!(bound > 0.5 && bound < scored.fitness.unwrap(), "{bound}");
    assert_eq!(story.insight().bound, Some(bound), "memory reads it there");
    story.take(seeded(3, Stage::Explore, &[2.45]));
    assert!(story.scored().bound.unwrap() < 0.5, "half a deviation is nothing");
}

#[test]
fn without_any_spread_there_is_no_bound() {
    let mut story = Story::measured();
    story.train(2, child(2, 1), 2.0, 0.4);
    assert_eq!((story.scored().interval, story.scored().bound), (None, None));
}

#[test]
fn a_verification_is_scored_against_the_baselines_and_explained_no_second_time() {
    let mut story = spread(Formula::Noise);
    story.take(seeded(2, Stage::Explore, &[2.3]));
    story.take(seeded(1, Stage::Verify, &[3.0, 3.1, 3.2]));
    assert_eq!((story.scored().stage, story.scored().fitness), (Stage::Verify, Some(0.5)));
    story.take(seeded(2, Stage::Verify, &[2.8, 3.0]));
    let scored = story.scored();
    assert_eq!((scored.stage, scored.experiment, scored.values.len()), (Stage::Verify, ExperimentId(2), 2));
    assert_eq!(scored.terms[0].baseline, 3.1, "test data against test data");
    assert_eq!(scored.scored.results.tasks["bytes"].values, [2.8, 3.0]);
    let insights = story.facts.iter().filter(|fact| matches!(fact, AnalystFact::InsightRecorded(_))).count();
    assert_eq!(insights, 2);
}

#[test]
fn every_look_of_a_verification_is_scored_once() {
    let mut story = spread(Formula::Noise);
    story.take(seeded(2, Stage::Explore, &[2.3]));
    story.take(seeded(1, Stage::Verify, &[3.0, 3.1, 3.2]));
    story.take(seeded(2, Stage::Verify, &[2.8]));
    story.take(seeded(2, Stage::Verify, &[2.8, 3.0]));
    let facts = story.facts.clone();
    assert_eq!(story.scored().values.len(), 2);
    given::<Analyst>(facts.clone()).when(training(seeded(2, Stage::Verify, &[2.8, 3.0]))).nothing();
    given::<Analyst>(facts).when(training(seeded(2, Stage::Verify, &[2.8]))).nothing();
}

#[test]
fn a_verification_before_the_baselines_is_held() {
    let mut story = spread(Formula::Noise);
    story.take(seeded(2, Stage::Explore, &[2.3]));
    story.given().when(training(seeded(2, Stage::Verify, &[2.8]))).held();
}

#[test]
fn a_missing_or_non_finite_value_leaves_it_unranked() {
    let mut story = Story::measured();
    story.take(sample::trained(2, child(2, 1), &[("bytes", 2.0)]));
    assert_eq!((story.scored().fitness, story.scored().unranked.as_deref()), (None, Some("no finite result for mqar")));
    assert_eq!(story.insight().fitness, None);
    story.train(3, child(3, 1), f64::NAN, 0.5);
    assert_eq!(story.scored().unranked.as_deref(), Some("no finite result for bytes"));
}

#[test]
fn a_task_whose_baseline_guesses_or_is_perfect_does_not_count() {
    let dropped = |bytes, mqar| {
        let mut story = Story::new(sample::campaign());
        story.train(1, sample::brief("delta_net", None), bytes, mqar);
        let body = story.baseline();
        (body.tasks.keys().cloned().collect::<Vec<_>>().join(" "), body.dropped.clone())
    };
    let (kept, drop) = dropped(2.5, 0.035);
    assert_eq!(kept, "bytes");
    assert_eq!(drop[0].why, "the baseline's accuracy of 0.0350 is no better than chance (0.0312)");
    assert_eq!(dropped(2.5, 0.995).0, "bytes");
    assert_eq!(dropped(5.54, 0.4).0, "mqar");
    assert_eq!(dropped(0.001, 0.4).0, "mqar");
    assert!(dropped(2.5, 0.4).1.is_empty());
}

#[test]
fn a_dropped_task_counts_neither_in_the_score_nor_in_the_results() {
    let mut story = Story::new(sample::campaign());
    story.train(1, sample::brief("delta_net", None), 2.5, 0.03);
    story.train(2, child(2, 1), 2.25, 0.9);
    let scored = story.scored();
    assert_eq!(scored.fitness, Some(term(2.25, 2.5, false)));
    assert_eq!(scored.scored.results.tasks.keys().collect::<Vec<_>>(), ["bytes"]);
}

#[test]
fn when_no_task_would_be_left_all_are_kept_and_it_says_so() {
    let mut story = Story::new(sample::campaign());
    story.train(1, sample::brief("delta_net", None), 5.6, 0.03);
    assert_eq!((story.baseline().tasks.len(), story.baseline().dropped.len()), (2, 0));
    let note = story.baseline().note.clone().unwrap();
    assert!(note.starts_with("No task tells candidates apart (bytes: the baseline's loss"), "{note}");
    assert!(story.insight().insight.experimental_results_analysis.contains(&note));
    assert_eq!(story.scored().fitness, Some(0.5));
}

#[test]
fn an_insight_rests_on_itself_baseline_parent_best_siblings_and_grandparent() {
    let mut story = Story::measured();
    story.train(2, child(2, 1), 2.4, 0.4);
    for (experiment, bytes) in [(3, 2.45), (4, 2.3), (5, 2.39), (6, 2.35)] {
        story.train(experiment, child(experiment, 2), bytes, 0.4);
    }
    assert_eq!(story.insight().experiment, ExperimentId(6));
    assert_eq!(
        story.insight().evidence,
        [6, 1, 2, 4, 5].map(event),
        "siblings 4 and 5 beat 3; 1 is also the grandparent"
    );
}

#[test]
fn a_grandparent_other_than_the_baseline_is_evidence() {
    let mut story = Story::measured();
    story.train(2, child(2, 1), 2.4, 0.4);
    story.train(3, child(3, 2), 2.4, 0.4);
    story.train(4, child(4, 3), 2.4, 0.4);
    assert_eq!(story.insight().evidence, [4, 1, 3, 2].map(event));
    assert!(
        story.insight().insight.experimental_results_analysis.contains("Its grandparent candidate 2 has a fitness of")
    );
}

#[test]
fn the_analysis_states_value_and_change_against_baseline_and_parent() {
    let mut story = Story::measured();
    story.train(2, child(2, 1), 2.4, 0.4);
    story.train(3, child(3, 2), 2.3, 0.4);
    let text = &story.insight().insight.experimental_results_analysis;
    assert!(
        text.starts_with(
            "On bytes it reached a loss of 2.300 (one seed), 8.00 % better than the baseline's 2.500 (one seed, so the \
             seed spread of the difference is unknown), 4.17 % better than its parent's 2.400 (one seed"
        ),
        "{text}"
    );
}

#[test]
fn several_seeds_allow_to_speak_of_noise() {
    let with_error = |experiment, brief, bytes: f64, error| {
        let mut body = sample::trained(experiment, brief, &[("bytes", bytes), ("mqar", 0.4)]);
        let score = body.results.tasks.get_mut("bytes").unwrap();
        (score.standard_error, score.seeds) = (Some(error), 3);
        body
    };
    let mut story = Story::new(sample::campaign());
    story.take(with_error(1, sample::brief("delta_net", None), 2.5, 0.03));
    story.take(with_error(2, child(2, 1), 2.45, 0.04));
    let insight = &story.insight().insight;
    assert!(
        insight.experimental_results_analysis.contains("within twice the standard error of the difference, 0.05000")
    );
    assert!(insight.synthesis_and_insights.contains("Whether add fir path helps needs more seeds."));
    story.take(with_error(3, child(3, 1), 2.2, 0.04));
    let insight = &story.insight().insight;
    assert!(
        insight.experimental_results_analysis.contains("beyond twice the standard error of the difference, 0.05000")
    );
    assert!(insight.synthesis_and_insights.contains("Keep add fir path and build on it."));
    assert!(
        insight.theoretical_explanation_with_evidence.contains("exceeds the seed spread and is consistent with it")
    );
}

#[test]
fn one_seed_is_never_called_a_proof() {
    let mut story = Story::measured();
    story.train(2, child(2, 1), 2.0, 0.8);
    let insight = &story.insight().insight;
    assert!(
        insight.theoretical_explanation_with_evidence.contains("With one seed the numbers can suggest, but not decide")
    );
    assert!(insight.synthesis_and_insights.contains("since one seed shows no spread"));
}

#[test]
fn the_expectation_is_held_against_the_measurement() {
    let reality = |expected: f64, mqar: f64| {
        let mut story = Story::measured();
        let mut brief = child(2, 1);
        brief.expected = vec![Expectation { task: "mqar".into(), change: expected }];
        story.train(2, brief, 2.5, mqar);
        story.insight().insight.expectation_vs_reality_comparison.clone()
    };
    assert_eq!(
        reality(0.05, 0.42),
        "mqar was expected to change by +5.00 % against delta_net, and changed by +5.00 %: the expected direction and size."
    );
    assert!(reality(0.05, 0.38).ends_with("the opposite direction."));
    assert!(reality(0.05, 0.404).ends_with("the expected direction, but less than half as much."));
    assert!(reality(0.05, 0.48).ends_with("the expected direction, and more than twice as much."));
    assert!(reality(0.0, 0.48).ends_with("a change that was not expected."));
}

#[test]
fn the_design_part_states_the_cost_against_the_baseline() {
    let mut story = Story::measured();
    let mut body = sample::trained(2, child(2, 1), &[("bytes", 2.4), ("mqar", 0.4)]);
    (body.results.parameters, body.results.flops, body.parent) = (5500, 3e6, false);
    story.take(body);
    let text = &story.insight().insight.design_evaluation;
    assert!(text.starts_with("candidate 2 changes delta_net by add fir path."), "{text}");
    assert!(text.contains("+10.00 % and +100.00 % against the baseline's 5000 and 1.500e6"), "{text}");
    assert!(text.contains("is never a parent"), "{text}");
}

#[test]
fn the_first_sentence_of_the_synthesis_names_fitness_and_gain() {
    let mut story = Story::measured();
    story.train(2, child(2, 1), 2.25, 0.4);
    let text = &story.insight().insight.synthesis_and_insights;
    assert!(text.starts_with("candidate 2 has a fitness of 0.7488, +0.2488 on its parent delta_net. "), "{text}");
    assert!(text.ends_with("Its weakest task is mqar (term 0.5000)."), "{text}");
}
