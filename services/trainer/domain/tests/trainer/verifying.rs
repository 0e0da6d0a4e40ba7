//! Promoted candidates: the same text again, with fresh seeds.

use move37_events::facts::{CandidatePromoted, MemoryFact, Purpose, RunResult, Seeds, Stage};

use super::*;

const FIRST: &str = "1-verify-bytes-0";
const SECOND: &str = "1-verify-bytes-1";

/// Experiment 1 was trained on one task.
fn trained() -> Story {
    let mut campaign = sample::campaign();
    campaign.tasks.truncate(1);
    let mut story = Story::new(campaign);
    story.input(admitted(1));
    story.place("1-explore-bytes-0", 1, "w.1");
    story.complete("1-explore-bytes-0", 2.5);
    story
}

fn promotion(experiment: u32, first: u32, last: u32) -> Input {
    let body = CandidatePromoted {
        experiment: move37_core::ExperimentId(experiment),
        stage: Stage::Verify,
        purpose: Purpose::Reference,
        seeds: Seeds { first, last },
        allowance: None,
        left: sample::left(),
    };
    sample::input("c/memory/9", MemoryFact::from(body))
}

impl Story {
    /// A run of a verification completes with these values on validation and test data.
    fn verify(&mut self, name: &str, value: f64, test: f64) {
        self.place(name, 1, "w.1");
        let seed = name.rsplit('-').next().unwrap().parse().unwrap();
        let result = RunResult { test: Some(test), ..sample::run_result("bytes", seed, value) };
        self.finish(name, 1, Ended::Completed(Box::new(result)));
    }
}

#[test]
fn a_promoted_candidate_is_trained_again_with_the_seeds_of_its_promotion() {
    let mut story = trained();
    story.input(promotion(1, 0, 1));
    let TrainerFact::TrainingScheduled(body) = story.last() else { panic!("{:?}", story.last()) };
    assert_eq!((body.stage, body.seeds), (Stage::Verify, Seeds { first: 0, last: 1 }));
    assert_eq!(body.runs, [run(FIRST), run(SECOND)]);
    assert_eq!(body.source, sample::program("delta_net").source);
    story.place(FIRST, 1, "w.1");
    let TrainerFact::RunDispatched(body) = story.last() else { panic!("{:?}", story.last()) };
    assert_eq!((body.job.stage, body.job.model.swiglu), (Stage::Verify, sample::sizes().swiglu));
    let explored = move37_trainer_domain::run_seed(7, Stage::Explore, "bytes", 0);
    assert_ne!(body.job.seed, explored, "fresh seeds");
}

#[test]
fn a_verification_is_about_test_data() {
    let mut story = trained();
    story.input(promotion(1, 0, 0));
    story.verify(FIRST, 2.5, 2.75);
    let body = story.completed();
    assert_eq!((body.stage, body.results.tasks["bytes"].value), (Stage::Verify, 2.75));
    assert_eq!(body.runs[0].value, 2.5);
}

#[test]
fn the_results_of_all_looks_come_together_and_each_look_states_its_own_cost() {
    let mut story = trained();
    story.input(promotion(1, 0, 0));
    story.verify(FIRST, 2.5, 2.0);
    story.input(promotion(1, 1, 1));
    story.verify(SECOND, 2.5, 3.0);
    let body = story.completed();
    assert_eq!(body.results.tasks["bytes"].values, [2.0, 3.0]);
    assert_eq!(body.results.tasks["bytes"].seeds, 2);
    assert!(body.results.tasks["bytes"].interval.is_some());
    assert_eq!((body.runs.len(), body.spend.flops), (2, 1e9));
}

#[test]
fn a_promotion_is_taken_on_once_and_held_until_the_candidate_is_trained() {
    let mut story = trained();
    given::<Trainer>(story.facts.clone()).when(promotion(2, 0, 0)).held();
    given::<Trainer>(story.facts.clone()).when(promotion(1, 1, 1)).held();
    story.input(promotion(1, 0, 0));
    given::<Trainer>(story.facts.clone()).when(promotion(1, 0, 0)).nothing();
    story.verify(FIRST, 2.5, 2.0);
    story.given().when(promotion(1, 0, 0)).nothing();
}

#[test]
fn a_promotion_in_a_stopped_campaign_is_answered_with_a_failure() {
    let mut story = trained();
    story.stop();
    story.input(promotion(1, 0, 5));
    let body = story.failed();
    assert_eq!((body.stage, body.seeds, body.why.as_str()), (Stage::Verify, 6, "the campaign was stopped: enough"));
    story.given().when(promotion(1, 0, 5)).nothing();
}

#[test]
fn a_failed_verification_states_its_stage_and_seeds() {
    let mut story = trained();
    story.input(promotion(1, 0, 1));
    story.place(FIRST, 1, "w.1");
    story.finish(FIRST, 1, Ended::Failed("the loss diverged".into()));
    let body = story.failed();
    assert_eq!((body.stage, body.seeds), (Stage::Verify, 2));
    story.given().when(finished("w.1", FIRST, 1, completed(FIRST, 2.0), None)).nothing();
}

#[test]
fn a_result_of_a_verification_seen_before_its_schedule_is_held() {
    trained().given().when(finished("w.1", FIRST, 1, completed(FIRST, 2.0), None)).held();
}

#[test]
fn a_test_value_that_is_no_number_is_a_failure() {
    let mut story = trained();
    story.input(promotion(1, 0, 0));
    story.verify(FIRST, 2.5, f64::NAN);
    assert!(story.failed().why.ends_with("its result is not a finite number"), "{}", story.failed().why);
}

#[test]
fn the_baseline_has_seeds_of_its_own_number() {
    let mut campaign = sample::campaign();
    campaign.tasks.truncate(1);
    (campaign.training.seeds, campaign.training.baseline_seeds) = (1, 3);
    let mut story = Story::new(campaign);
    story.input(admitted(1));
    story.input(admitted(2));
    let scheduled = story.facts.iter().filter_map(|fact| match fact {
        TrainerFact::TrainingScheduled(body) => Some((body.baseline, body.runs.len())),
        _ => None,
    });
    assert_eq!(scheduled.collect::<Vec<_>>(), [(true, 3), (false, 1)]);
}
