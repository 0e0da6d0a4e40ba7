//! What results come to.

use super::*;

#[test]
fn the_last_result_completes_the_training() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.place(MQAR, 1, "w.1");
    story.complete(MQAR, 0.4);
    assert_eq!(*story.names().last().unwrap(), "run.completed");
    story.complete(BYTES, 2.5);
    let body = story.completed();
    assert_eq!(
        body.results,
        move37_events::facts::ResultSummary { flops: 1.6e6, ..sample::results(&[("bytes", 2.5), ("mqar", 0.4)]) }
    );
    assert_eq!(body.runs.iter().map(|run| run.task.as_str()).collect::<Vec<_>>(), ["bytes", "mqar"]);
    assert_eq!(body.spend.flops, 2e9);
    assert!(story.owes().is_empty());
}

#[test]
fn several_seeds_give_a_mean_and_a_standard_error() {
    let mut campaign = sample::campaign();
    campaign.training.seeds = 3;
    campaign.training.baseline_seeds = 3;
    campaign.tasks.pop();
    let mut story = Story::new(campaign);
    story.input(admitted(1));
    for (seed, value) in [(0, 1.0), (1, 2.0), (2, 3.0)] {
        let name = format!("1-explore-bytes-{seed}");
        story.place(&name, 1, "w.1");
        story.complete(&name, value);
    }
    let score = &story.completed().results.tasks["bytes"];
    assert_eq!((score.value, score.seeds), (2.0, 3));
    assert!((score.standard_error.unwrap() - (1.0f64 / 3.0).sqrt()).abs() < 1e-12);
}

#[test]
fn a_result_seen_before_its_dispatch_is_held() {
    Story::admitted().given().when(finished("w.1", BYTES, 1, completed(BYTES, 2.5), None)).held();
    Story::new(sample::campaign()).given().when(finished("w.1", BYTES, 1, completed(BYTES, 2.5), None)).held();
}

#[test]
fn a_result_counts_once() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.complete(BYTES, 2.5);
    story.given().when(finished("w.1", BYTES, 1, completed(BYTES, 2.5), None)).nothing();
}

#[test]
fn a_result_of_an_old_attempt_is_ignored() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.silent(BYTES, 1, true);
    story.given().when(finished("w.1", BYTES, 1, completed(BYTES, 2.5), None)).nothing();
    story.place(BYTES, 2, "w.2");
    story.given().when(finished("w.1", BYTES, 1, completed(BYTES, 2.5), None)).nothing();
}

#[test]
fn a_result_from_a_worker_that_does_not_have_the_run_is_ignored() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.given().when(finished("w.2", BYTES, 1, completed(BYTES, 2.5), None)).nothing();
}

#[test]
fn a_failure_of_the_candidate_is_not_tried_again_and_fails_the_stage() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.place(MQAR, 1, "w.1");
    story.finish(BYTES, 1, Ended::Failed("the loss diverged".into()));
    assert_eq!(story.names()[4..], ["run.failed", "run.stopped"]);
    story.let_go(MQAR, 1, None);
    assert_eq!(story.names()[6..], ["run.lost", "training.failed"]);
    assert_eq!(story.failed().spend.flops, 2e9, "what was stopped is paid for");
    assert_eq!(story.failed().why, format!("run {BYTES} failed: the loss diverged"));
    assert!(story.owes().is_empty());
}

#[test]
fn a_result_that_is_no_number_is_a_failure() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.complete(BYTES, f64::NAN);
    assert!(story.failed().why.ends_with("its result is not a finite number"), "{}", story.failed().why);
}

#[test]
fn a_result_about_another_program_is_a_failure() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    let mut result = sample::run_result("bytes", 0, 2.5);
    result.program = move37_core::Hash::of(b"another");
    story.finish(BYTES, 1, Ended::Completed(Box::new(result)));
    assert!(story.failed().why.contains("its result is about program"), "{}", story.failed().why);
}
