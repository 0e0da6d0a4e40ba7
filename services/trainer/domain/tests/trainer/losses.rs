//! Attempts that end without a result, and where the next one goes on.

use super::*;

#[test]
fn a_lost_run_is_tried_again_until_its_attempts_are_used() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.silent(BYTES, 1, true);
    assert_eq!(*story.names().last().unwrap(), "run.lost");
    story.place(BYTES, 2, "w.2");
    let TrainerFact::RunDispatched(body) = story.last() else { panic!("{:?}", story.last()) };
    assert_eq!((body.attempt, body.dispatch), (2, 2));
    story.silent(BYTES, 2, true);
    assert_eq!(story.names().split_off(story.facts.len() - 3), ["run.lost", "run.failed", "training.failed"]);
    assert!(story.failed().why.contains("2 attempts were lost"), "{}", story.failed().why);
    assert_eq!(story.failed().spend.flops, 1e9, "lost attempts cost what their workers told");
}

#[test]
fn a_worker_that_left_in_good_order_spends_no_attempt() {
    let mut story = Story::admitted();
    for attempt in 1..=5 {
        story.place(BYTES, attempt, "w.1");
        story.silent(BYTES, attempt, false);
    }
    assert!(story.owes().contains(&format!("place/{BYTES}/6")));
}

#[test]
fn a_fault_of_the_worker_is_tried_again() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.finish(BYTES, 1, Ended::Faulted("the corpus is missing".into()));
    assert_eq!(*story.names().last().unwrap(), "run.lost");
}

#[test]
fn the_cost_of_lost_attempts_is_part_of_the_whole() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.silent(BYTES, 1, true);
    story.place(BYTES, 2, "w.1");
    story.finish(BYTES, 2, completed(BYTES, 2.5));
    story.place(MQAR, 1, "w.1");
    story.complete(MQAR, 0.4);
    assert_eq!(story.completed().spend.flops, 2.5e9);
}

#[test]
fn silence_about_an_old_attempt_is_ignored() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.silent(BYTES, 1, true);
    story.place(BYTES, 2, "w.2");
    story.given().when(silent(BYTES, 1, true, None)).nothing();
}

#[test]
fn a_lost_run_goes_on_from_the_newest_checkpoint_that_its_worker_told_of() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    assert_eq!(story.dispatched().resume, None);
    story.input(silent(BYTES, 1, true, Some(10)));
    assert_eq!(story.lost().checkpoint, Some(saved(10)));
    story.place(BYTES, 2, "w.2");
    assert_eq!((story.dispatched().attempt, story.dispatched().resume.as_ref()), (2, Some(&saved(10))));
}

#[test]
fn an_attempt_that_saved_nothing_new_leaves_the_checkpoint_that_it_went_on_from() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.let_go(BYTES, 1, Some(10));
    story.place(BYTES, 2, "w.1");
    story.silent(BYTES, 2, true);
    assert_eq!(story.lost().checkpoint, Some(saved(10)));
    story.place(BYTES, 3, "w.1");
    story.let_go(BYTES, 3, None);
    assert_eq!(story.lost().checkpoint, Some(saved(10)));
}

#[test]
fn a_worker_that_lets_go_spends_no_attempt() {
    let mut story = Story::admitted();
    for attempt in 1..=5 {
        story.place(BYTES, attempt, "w.1");
        story.let_go(BYTES, attempt, Some(attempt));
        assert!(!story.lost().counts);
    }
    story.place(BYTES, 6, "w.1");
    assert_eq!(story.dispatched().resume, Some(saved(5)));
}

#[test]
fn a_fault_after_a_checkpoint_goes_on_from_it() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.input(finished("w.1", BYTES, 1, Ended::Faulted("no memory".into()), Some(10)));
    assert_eq!((story.lost().counts, story.lost().checkpoint.clone()), (true, Some(saved(10))));
}

#[test]
fn an_attempt_that_went_on_and_faults_without_a_newer_checkpoint_starts_anew_and_does_not_count() {
    let mut campaign = sample::campaign();
    campaign.training.attempts = 1;
    let mut story = Story::new(campaign);
    story.input(admitted(1));
    story.place(BYTES, 1, "w.1");
    story.let_go(BYTES, 1, Some(10));
    story.place(BYTES, 2, "w.1");
    story.finish(BYTES, 2, Ended::Faulted("the store has no blob abc".into()));
    let RunLost { why, counts, checkpoint, .. } = story.lost();
    assert_eq!((*counts, checkpoint), (false, &None));
    assert_eq!(why, "the store has no blob abc; it had gone on from step 10 and starts anew");
    story.place(BYTES, 3, "w.1");
    assert_eq!(story.dispatched().resume, None);
    story.finish(BYTES, 3, Ended::Faulted("the store has no blob abc".into()));
    assert_eq!(story.ending(3), ["run.lost", "run.failed", "training.failed"], "anew, a fault counts");
}
