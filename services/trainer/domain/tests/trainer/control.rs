//! Pauses and stops.

use move37_core::ExperimentId;

use super::*;

#[test]
fn nothing_is_placed_while_paused() {
    let mut story = Story::admitted();
    story.pause();
    assert!(story.owes().is_empty());
    let found = Outcome::SlotFound { run: run(BYTES), dispatch: 1, worker: "w.1".parse().unwrap() };
    story.given().when(Input::Outcome(found)).nothing();
    story.resume();
    assert_eq!(story.owes().len(), 2);
}

/// Both runs of experiment 1 are under way.
fn under_way() -> Story {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.place(MQAR, 1, "w.1");
    story
}

#[test]
fn a_pause_reaches_every_run_that_is_under_way_once() {
    let mut story = under_way();
    story.pause();
    assert_eq!(story.ending(3), ["campaign.followed", "run.paused", "run.paused"]);
    assert_eq!(story.owes(), [format!("watch/{BYTES}/1"), format!("watch/{MQAR}/1")]);
    // As after a restart, the last own fact is told again.
    story.given().when(sample::input("c/trainer/9", story.last().clone())).nothing();
}

#[test]
fn a_run_under_way_elsewhere_is_paused_too() {
    let mut story = Story::admitted();
    story.input(admitted(2));
    story.place(BYTES, 1, "w.1");
    story.place("2-explore-mqar-0", 1, "w.2");
    story.pause();
    assert_eq!(story.ending(3), ["campaign.followed", "run.paused", "run.paused"]);
}

#[test]
fn a_paused_run_rests_until_the_campaign_is_resumed_and_goes_on_from_its_checkpoint() {
    let mut story = under_way();
    story.pause();
    story.let_go(BYTES, 1, Some(10));
    let RunLost { counts, checkpoint, why, spend, .. } = story.lost();
    assert_eq!((*counts, checkpoint, why.as_str(), spend.flops), (false, &Some(saved(10)), "it was paused", 1e9));
    assert_eq!(story.owes(), [format!("watch/{MQAR}/1")]);
    story.resume();
    assert!(story.owes().contains(&format!("place/{BYTES}/2")));
    story.place(BYTES, 2, "w.2");
    assert_eq!((story.dispatched().attempt, story.dispatched().resume.clone()), (2, Some(saved(10))));
}

#[test]
fn a_run_that_went_on_can_be_paused_again() {
    let mut story = under_way();
    story.pause();
    story.let_go(BYTES, 1, Some(10));
    story.resume();
    story.place(BYTES, 2, "w.1");
    story.pause();
    assert_eq!(story.ending(2), ["campaign.followed", "run.paused"]);
    story.let_go(BYTES, 2, Some(15));
    assert_eq!(story.lost().checkpoint, Some(saved(15)));
}

#[test]
fn a_campaign_resumed_before_its_runs_rest_places_them_again_once_they_do() {
    let mut story = under_way();
    story.pause();
    story.resume();
    assert_eq!(story.owes(), [format!("watch/{BYTES}/1"), format!("watch/{MQAR}/1")]);
    story.let_go(BYTES, 1, Some(10));
    assert!(story.owes().contains(&format!("place/{BYTES}/2")));
}

#[test]
fn a_worker_that_dies_while_it_pauses_leaves_what_it_told() {
    let mut story = under_way();
    story.pause();
    story.input(silent(BYTES, 1, true, Some(5)));
    assert_eq!((story.lost().counts, story.lost().checkpoint.clone()), (true, Some(saved(5))));
    assert_eq!(story.owes(), [format!("watch/{MQAR}/1")]);
    story.resume();
    story.place(BYTES, 2, "w.2");
    assert_eq!(story.dispatched().resume, Some(saved(5)));
}

#[test]
fn a_dispatch_that_is_declined_while_paused_waits() {
    let mut story = under_way();
    story.pause();
    story.input(declined("w.1", BYTES, 1));
    assert_eq!(*story.names().last().unwrap(), "run.unplaced");
    assert_eq!(story.owes(), [format!("watch/{MQAR}/1")]);
}

#[test]
fn a_stop_ends_every_run_and_then_every_training_with_what_they_cost() {
    let mut story = Story::admitted();
    story.input(admitted(2));
    story.place(BYTES, 1, "w.1");
    story.place(MQAR, 1, "w.1");
    story.stop();
    // Experiment 2 has nothing under way.
    assert_eq!(story.ending(4), ["campaign.followed", "run.stopped", "run.stopped", "training.failed"]);
    assert_eq!((story.failed().experiment, story.failed().spend.flops), (ExperimentId(2), 0.0));
    assert_eq!(story.owes(), [format!("watch/{BYTES}/1"), format!("watch/{MQAR}/1")]);
    story.let_go(MQAR, 1, None);
    assert_eq!(story.ending(1), ["run.lost"]);
    assert_eq!(story.owes(), [format!("watch/{BYTES}/1")]);
    story.input(silent(BYTES, 1, true, None));
    assert_eq!(story.ending(2), ["run.lost", "training.failed"]);
    assert_eq!((story.failed().experiment, story.failed().spend.flops), (ExperimentId(1), 1.5e9));
    assert!(story.owes().is_empty());
}

#[test]
fn a_stop_of_a_paused_campaign_reaches_what_still_rests_and_what_does_not() {
    let mut story = under_way();
    story.pause();
    story.let_go(BYTES, 1, Some(10));
    story.stop();
    assert_eq!(story.ending(2), ["campaign.followed", "run.stopped"]);
    story.let_go(MQAR, 1, Some(10));
    assert_eq!(story.failed().spend.flops, 2e9);
}

#[test]
fn a_result_that_came_before_the_stop_was_heard_is_paid_for() {
    let mut story = under_way();
    story.complete(BYTES, 2.5);
    story.stop();
    story.complete(MQAR, 0.4);
    assert_eq!(story.ending(2), ["run.completed", "training.failed"]);
    assert_eq!(story.failed().spend.flops, 2e9);
}

#[test]
fn a_stopped_run_that_is_declined_is_over() {
    let mut story = under_way();
    story.complete(MQAR, 0.4);
    story.stop();
    story.input(declined("w.1", BYTES, 1));
    assert_eq!(story.ending(2), ["run.unplaced", "training.failed"]);
}

#[test]
fn a_result_of_a_paused_campaign_is_taken() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.pause();
    assert_eq!(story.owes(), [format!("watch/{BYTES}/1")]);
    story.complete(BYTES, 2.5);
    assert_eq!(*story.names().last().unwrap(), "run.completed");
}

#[test]
fn a_run_that_was_stopped_is_not_placed_again_while_its_siblings_still_stop() {
    let mut campaign = sample::campaign();
    campaign.training.seeds = 2;
    campaign.training.baseline_seeds = 2;
    let mut story = Story::new(campaign);
    story.input(admitted(1));
    for name in [BYTES, MQAR, "1-explore-bytes-1"] {
        story.place(name, 1, "w.1");
    }
    story.finish(BYTES, 1, Ended::Failed("the loss diverged".into()));
    story.let_go(MQAR, 1, None);
    assert!(!story.owes().iter().any(|owed| owed.starts_with(&format!("place/{MQAR}"))), "{:?}", story.owes());
}
