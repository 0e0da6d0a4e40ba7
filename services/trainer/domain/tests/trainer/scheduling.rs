//! Taking candidates on, and placing their runs.

use move37_core::Key;
use move37_core::testing::given;
use move37_events::facts::{RunAccepted, RunDispatched, RunFact, TrainerFact, TrainingScheduled};
use move37_testkit::sample;
use move37_trainer_domain::{Outcome, Trainer, run_seed};

use super::*;

#[test]
fn an_admitted_candidate_is_scheduled_on_every_task_and_seed() {
    let mut campaign = sample::campaign();
    campaign.training.seeds = 2;
    campaign.training.baseline_seeds = 2;
    let mut story = Story::new(campaign);
    story.input(admitted(1));
    let TrainerFact::TrainingScheduled(TrainingScheduled { runs, parameters, flops, .. }) = story.last() else {
        panic!("{:?}", story.last())
    };
    let names = [BYTES, MQAR, "1-explore-bytes-1", "1-explore-mqar-1"].map(run);
    assert_eq!((runs.as_slice(), *parameters, *flops), (&names[..], 5000, 1.6e6));
}

#[test]
fn a_candidate_before_the_campaign_is_held() {
    given::<Trainer>([]).when(admitted(1)).held();
}

#[test]
fn a_candidate_is_taken_on_once() {
    Story::admitted().given().when(admitted(1)).nothing();
}

#[test]
fn a_candidate_of_a_stopped_campaign_fails_at_once() {
    let mut story = Story::new(sample::campaign());
    story.stop();
    story.input(admitted(1));
    assert_eq!(story.failed().why, "the campaign was stopped: enough");
    story.given().when(admitted(1)).nothing();
}

#[test]
fn every_waiting_run_is_owed_a_place() {
    assert_eq!(Story::admitted().owes(), [format!("place/{BYTES}/1"), format!("place/{MQAR}/1")]);
}

#[test]
fn a_slot_found_dispatches_the_whole_job() {
    let mut story = Story::admitted();
    story.place(MQAR, 1, "w.1");
    let TrainerFact::RunDispatched(RunDispatched { attempt, dispatch, worker, job, .. }) = story.last() else {
        panic!("{:?}", story.last())
    };
    assert_eq!((*attempt, *dispatch, worker.as_str()), (1, 1, "w.1"));
    let campaign = sample::campaign();
    assert_eq!((&job.task, &job.model, &job.training), (&campaign.tasks[1], &campaign.model, &campaign.training));
    assert_eq!(job.source, sample::admitted(1, true).source);
    assert_eq!(story.owes(), [format!("place/{BYTES}/1"), format!("watch/{MQAR}/1")]);
}

#[test]
fn a_slot_for_a_run_that_has_one_changes_nothing() {
    let mut story = Story::admitted();
    story.place(MQAR, 1, "w.1");
    let again = Outcome::SlotFound { run: run(MQAR), dispatch: 1, worker: "w.2".parse().unwrap() };
    story.given().when(Input::Outcome(again)).nothing();
}

#[test]
fn seeds_are_the_same_for_every_candidate_and_differ_by_task_and_number() {
    let seed = |task, number| run_seed(7, move37_events::facts::Stage::Explore, task, number);
    let mut story = Story::admitted();
    story.input(admitted(2));
    story.place(BYTES, 1, "w.1");
    story.place("2-explore-bytes-0", 1, "w.1");
    let seeds: Vec<u64> = story.facts.iter().filter_map(dispatched_seed).collect();
    assert_eq!(seeds, [seed("bytes", 0), seed("bytes", 0)]);
    assert_ne!(seed("bytes", 0), seed("bytes", 1));
    assert_ne!(seed("bytes", 0), seed("mqar", 0));
    assert!(seed("bytes", 0) < 1 << 53);
}

fn dispatched_seed(fact: &TrainerFact) -> Option<u64> {
    if let TrainerFact::RunDispatched(body) = fact { Some(body.job.seed) } else { None }
}

#[test]
fn a_declined_run_is_placed_again_without_spending_an_attempt() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.input(declined("w.1", BYTES, 1));
    assert_eq!(*story.names().last().unwrap(), "run.unplaced");
    assert!(story.owes().contains(&format!("place/{BYTES}/2")));
    story.place(BYTES, 2, "w.1");
    let TrainerFact::RunDispatched(body) = story.last() else { panic!("{:?}", story.last()) };
    assert_eq!((body.attempt, body.dispatch), (1, 2));
    story.given().when(declined("w.1", BYTES, 1)).nothing();
    story.given().when(declined("w.2", BYTES, 2)).nothing();
    story.given().when(declined("w.1", BYTES, 3)).held();
}

#[test]
fn an_acceptance_needs_no_answer() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    let TrainerFact::RunDispatched(body) = story.last() else { panic!("{:?}", story.last()) };
    let job = Box::new(body.job.clone());
    let accepted = RunAccepted {
        campaign: "c".parse().unwrap(),
        run: run(BYTES),
        attempt: 1,
        dispatch: 1,
        job,
        resume: None,
        free: 0,
    };
    story.given().when(sample::input("w.1/worker/2", RunFact::from(accepted))).nothing();
}

#[test]
fn a_worker_key_is_part_of_the_watch() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.7");
    let watched = story.trainer.effects().into_iter().find_map(|effect| match effect {
        move37_trainer_domain::Effect::Watch { worker, .. } => Some(worker),
        move37_trainer_domain::Effect::Place { .. } => None,
    });
    assert_eq!(watched, Some("w.7".parse::<Key>().unwrap()));
}
