//! The trainer's rules, one per test. The worker's are in `worker`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod worker;

use move37_core::testing::{Given, given};
use move37_core::{CampaignId, Ctx, Decider, ExperimentId, Key, Timestamp};
use move37_events::facts::{
    Campaign, CampaignFact, CampaignPaused, CampaignResumed, CampaignStopped, CommandId, EngineerFact,
    Outcome as Ended, RunAccepted, RunDeclined, RunDispatched, RunFact, RunFinished, RunId, TrainerFact,
    TrainingCompleted, TrainingFailed, TrainingScheduled,
};
use move37_testkit::sample;
use move37_trainer_domain::{Input, Outcome, Trainer, run_seed};

/// A campaign's trainer under test: inputs go in, own facts follow until nothing does.
struct Story {
    trainer: Trainer,
    facts: Vec<TrainerFact>,
    operator: u64,
}

impl Story {
    fn new(campaign: Campaign) -> Story {
        let mut story = Story { trainer: Trainer::default(), facts: Vec::new(), operator: 0 };
        story.command(sample::started(campaign));
        story
    }

    /// Experiment 1 is admitted: runs `1-explore-bytes-0` and `1-explore-mqar-0` wait.
    fn admitted() -> Story {
        let mut story = Story::new(sample::campaign());
        story.input(admitted(1));
        story
    }

    fn command(&mut self, fact: CampaignFact) {
        self.operator += 1;
        self.input(sample::input(&format!("c/operator/{}", self.operator), fact));
    }

    fn pause(&mut self) {
        self.command(CampaignPaused { command: CommandId("pause".into()) }.into());
    }

    fn resume(&mut self) {
        self.command(CampaignResumed { command: CommandId("resume".into()) }.into());
    }

    fn stop(&mut self) {
        self.command(CampaignStopped { command: CommandId("stop".into()), reason: "enough".into() }.into());
    }

    fn place(&mut self, name: &str, dispatch: u32, worker: &str) {
        let worker = worker.parse().unwrap();
        self.input(Input::Outcome(Outcome::SlotFound { run: run(name), dispatch, worker }));
    }

    fn finish(&mut self, name: &str, attempt: u32, outcome: Ended) {
        self.input(finished("w.1", name, attempt, outcome));
    }

    fn complete(&mut self, name: &str, value: f64) {
        self.finish(name, 1, completed(name, value));
    }

    fn silent(&mut self, name: &str, attempt: u32, counts: bool) {
        self.input(silent(name, attempt, counts));
    }

    fn input(&mut self, input: Input) {
        let ctx = Ctx { now: Timestamp::default() };
        let mut next = self.trainer.decide(&input, &ctx).unwrap();
        while let Some(fact) = next {
            self.trainer.evolve(&fact);
            self.facts.push(fact.clone());
            next = self.trainer.decide(&sample::input("c/trainer/1", fact), &ctx).unwrap();
        }
    }

    fn last(&self) -> &TrainerFact {
        self.facts.last().unwrap()
    }

    fn names(&self) -> Vec<String> {
        use move37_events::FactSet;
        self.facts.iter().map(|fact| fact.fact_type().name).collect()
    }

    fn completed(&self) -> &TrainingCompleted {
        let TrainerFact::TrainingCompleted(body) = self.last() else { panic!("{:?}", self.last()) };
        body
    }

    fn failed(&self) -> &TrainingFailed {
        let TrainerFact::TrainingFailed(body) = self.last() else { panic!("{:?}", self.last()) };
        body
    }

    fn given(&self) -> Given<Trainer> {
        given(self.facts.clone())
    }

    fn owes(&self) -> Vec<String> {
        self.given().owes()
    }
}

const BYTES: &str = "1-explore-bytes-0";
const MQAR: &str = "1-explore-mqar-0";

fn run(name: &str) -> RunId {
    RunId(name.to_owned())
}

fn admitted(experiment: u32) -> Input {
    sample::input("c/engineer/3", EngineerFact::from(sample::admitted(experiment, experiment == 1)))
}

fn completed(name: &str, value: f64) -> Ended {
    let parts: Vec<&str> = name.split('-').collect();
    Ended::Completed(Box::new(sample::run_result(parts[2], parts[3].parse().unwrap(), value)))
}

fn finished(worker: &str, name: &str, attempt: u32, outcome: Ended) -> Input {
    let campaign = "c".parse().unwrap();
    let body = RunFinished { campaign, run: run(name), attempt, outcome, spend: sample::spend(1e9), free: 1 };
    sample::input(&format!("{worker}/worker/5"), RunFact::from(body))
}

fn declined(worker: &str, name: &str, dispatch: u32) -> Input {
    let campaign: CampaignId = "c".parse().unwrap();
    let body = RunDeclined { campaign, run: run(name), attempt: 1, dispatch, why: "full".into(), free: 0 };
    sample::input(&format!("{worker}/worker/5"), RunFact::from(body))
}

fn silent(name: &str, attempt: u32, counts: bool) -> Input {
    let (run, why, spend) = (run(name), "it said nothing for 60 s".to_owned(), sample::spend(5e8));
    Input::Outcome(Outcome::RunSilent { run, attempt, why, counts, spend })
}

#[test]
fn an_admitted_candidate_is_scheduled_on_every_task_and_seed() {
    let mut campaign = sample::campaign();
    campaign.training.seeds = 2;
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
fn nothing_is_placed_while_paused() {
    let mut story = Story::admitted();
    story.pause();
    assert!(story.owes().is_empty());
    let found = Outcome::SlotFound { run: run(BYTES), dispatch: 1, worker: "w.1".parse().unwrap() };
    story.given().when(Input::Outcome(found)).nothing();
    story.resume();
    assert_eq!(story.owes().len(), 2);
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
    Story::admitted().given().when(finished("w.1", BYTES, 1, completed(BYTES, 2.5))).held();
    Story::new(sample::campaign()).given().when(finished("w.1", BYTES, 1, completed(BYTES, 2.5))).held();
}

#[test]
fn a_result_counts_once() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.complete(BYTES, 2.5);
    story.given().when(finished("w.1", BYTES, 1, completed(BYTES, 2.5))).nothing();
}

#[test]
fn a_result_of_an_old_attempt_is_ignored() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.silent(BYTES, 1, true);
    story.given().when(finished("w.1", BYTES, 1, completed(BYTES, 2.5))).nothing();
    story.place(BYTES, 2, "w.2");
    story.given().when(finished("w.1", BYTES, 1, completed(BYTES, 2.5))).nothing();
}

#[test]
fn a_result_from_a_worker_that_does_not_have_the_run_is_ignored() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.given().when(finished("w.2", BYTES, 1, completed(BYTES, 2.5))).nothing();
}

#[test]
fn a_failure_of_the_candidate_is_not_tried_again_and_fails_the_stage() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.place(MQAR, 1, "w.1");
    story.finish(BYTES, 1, Ended::Failed("the loss diverged".into()));
    assert_eq!(story.names()[4..], ["run.failed", "run.stopped", "training.failed"]);
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
    let accepted =
        RunAccepted { campaign: "c".parse().unwrap(), run: run(BYTES), attempt: 1, dispatch: 1, job, free: 0 };
    story.given().when(sample::input("w.1/worker/2", RunFact::from(accepted))).nothing();
}

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
    story.given().when(silent(BYTES, 1, true)).nothing();
}

#[test]
fn a_stop_ends_every_run_and_training_one_fact_at_a_time() {
    let mut story = Story::admitted();
    story.input(admitted(2));
    story.place(BYTES, 1, "w.1");
    story.place(MQAR, 1, "w.2");
    story.stop();
    let after = story.names().split_off(story.facts.len() - 5);
    assert_eq!(after, ["campaign.followed", "run.stopped", "run.stopped", "training.failed", "training.failed"]);
    assert_eq!(story.failed().experiment, ExperimentId(2));
    assert!(story.owes().is_empty());
}

#[test]
fn a_paused_campaign_keeps_watching_and_takes_results() {
    let mut story = Story::admitted();
    story.place(BYTES, 1, "w.1");
    story.pause();
    assert_eq!(story.owes(), [format!("watch/{BYTES}/1")]);
    story.complete(BYTES, 2.5);
    assert_eq!(*story.names().last().unwrap(), "run.completed");
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
