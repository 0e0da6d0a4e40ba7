//! A worker's rules, one per test.

mod leaving;
mod saving;

use move37_core::Hash;
use move37_core::testing::{Given, given};
use move37_events::facts::{
    Checkpoint, CheckpointSaved, CurvePoint, Job, MetricsRecorded, Outcome as Ended, RunAccepted, RunDeclined,
    RunDispatched, RunFact, RunFinished, RunId, RunLost, RunPaused, RunStopped, Stage, TrainerFact, WorkerJoined,
    WorkerLeft, WorkerWithdrew,
};
use move37_testkit::sample;
use move37_trainer_domain::worker::{Input, Outcome, Worker};

fn joined(slots: u32) -> RunFact {
    WorkerJoined {
        worker: "w.1".parse().unwrap(),
        host: "here".into(),
        device: "cpu".into(),
        threads: 1,
        binary: "move37 0.1.0".into(),
        free: slots,
    }
    .into()
}

fn job() -> Job {
    let (campaign, candidate) = (sample::campaign(), sample::admitted(1, true));
    Job {
        experiment: candidate.experiment,
        stage: Stage::Explore,
        source: candidate.source,
        program: candidate.program,
        model: campaign.model,
        task: campaign.tasks[0].clone(),
        training: campaign.training,
        seed_number: 0,
        seed: 5,
    }
}

fn run(name: &str) -> RunId {
    RunId(name.to_owned())
}

fn dispatched(name: &str, attempt: u32, dispatch: u32, worker: &str) -> Input {
    let worker = worker.parse().unwrap();
    let body = RunDispatched { run: run(name), attempt, dispatch, worker, job: job(), resume: None };
    sample::input("c/trainer/4", TrainerFact::from(body))
}

fn accepted(name: &str, free: u32) -> RunFact {
    let (campaign, job) = ("c".parse().unwrap(), Box::new(job()));
    RunAccepted { campaign, run: run(name), attempt: 1, dispatch: 1, job, resume: None, free }.into()
}

fn progress(name: &str, attempt: u32, loss: f64) -> Input {
    Input::Outcome(Outcome::Progress {
        campaign: "c".parse().unwrap(),
        run: run(name),
        attempt,
        step: 10,
        steps: 20,
        points: vec![CurvePoint { step: 10, loss }],
        spend: sample::spend(5e8),
    })
}

fn finished(name: &str, outcome: Ended) -> Input {
    let (campaign, run, spend) = ("c".parse().unwrap(), run(name), sample::spend(1e9));
    Input::Outcome(Outcome::Finished { campaign, run, attempt: 1, outcome, spend })
}

fn busy() -> Given<Worker> {
    given([joined(1), accepted("1-explore-bytes-0", 0)])
}

#[test]
fn a_new_worker_owes_to_join() {
    assert_eq!(given::<Worker>([]).owes(), ["join"]);
}

#[test]
fn joining_states_the_free_slots() {
    let RunFact::WorkerJoined(body) = joined(2) else { unreachable!() };
    let outcome = Outcome::Joined {
        worker: body.worker.clone(),
        host: body.host.clone(),
        device: body.device.clone(),
        threads: body.threads,
        binary: body.binary.clone(),
        slots: 2,
    };
    given::<Worker>([]).when(Input::Outcome(outcome.clone())).then(joined(2));
    given::<Worker>([joined(2)]).when(Input::Outcome(outcome)).nothing();
}

#[test]
fn what_is_dispatched_to_it_is_accepted_while_a_slot_is_free() {
    given::<Worker>([joined(1)])
        .when(dispatched("1-explore-bytes-0", 1, 1, "w.1"))
        .then(accepted("1-explore-bytes-0", 0));
}

#[test]
fn what_is_dispatched_to_another_worker_is_not_its_business() {
    given::<Worker>([joined(1)]).when(dispatched("1-explore-bytes-0", 1, 1, "v.1")).nothing();
}

#[test]
fn a_dispatch_before_joining_is_held() {
    given::<Worker>([]).when(dispatched("1-explore-bytes-0", 1, 1, "w.1")).held();
}

#[test]
fn without_a_free_slot_a_run_is_declined() {
    let fact = busy().when(dispatched("1-explore-mqar-0", 1, 1, "w.1")).fact();
    let RunFact::RunDeclined(RunDeclined { why, free, .. }) = fact else { panic!("{fact:?}") };
    assert_eq!((why.as_str(), free), ("all 1 slots are taken", 0));
}

#[test]
fn a_dispatch_is_answered_once() {
    busy().when(dispatched("1-explore-bytes-0", 1, 1, "w.1")).nothing();
    let declined = busy().when(dispatched("1-explore-mqar-0", 1, 1, "w.1")).and();
    declined.when(dispatched("1-explore-mqar-0", 1, 1, "w.1")).nothing();
}

#[test]
fn a_run_declined_before_can_be_accepted_later() {
    let declined = busy().when(dispatched("1-explore-mqar-0", 1, 1, "w.1")).and();
    let freed = declined.when(finished("1-explore-bytes-0", Ended::Failed("diverged".into()))).and();
    let fact = freed.when(dispatched("1-explore-mqar-0", 1, 2, "w.1")).fact();
    assert!(matches!(fact, RunFact::RunAccepted(RunAccepted { dispatch: 2, .. })), "{fact:?}");
}

#[test]
fn an_accepted_run_is_trained() {
    assert_eq!(busy().owes(), ["stay", "train/c/1-explore-bytes-0/1"]);
}

#[test]
fn progress_is_told_without_points_that_are_no_numbers() {
    let fact = busy().when(progress("1-explore-bytes-0", 1, 3.5)).fact();
    let RunFact::MetricsRecorded(MetricsRecorded { points, .. }) = &fact else { panic!("{fact:?}") };
    assert_eq!(points.len(), 1);
    let fact = busy().when(progress("1-explore-bytes-0", 1, f64::NAN)).fact();
    let RunFact::MetricsRecorded(MetricsRecorded { points, .. }) = &fact else { panic!("{fact:?}") };
    assert!(points.is_empty());
}

#[test]
fn progress_of_a_run_that_it_does_not_have_is_dropped() {
    busy().when(progress("1-explore-bytes-0", 2, 3.5)).nothing();
    busy().when(progress("1-explore-mqar-0", 1, 3.5)).nothing();
}

#[test]
fn a_finished_run_frees_its_slot() {
    let result = Ended::Completed(Box::new(sample::run_result("bytes", 0, 2.5)));
    let fact = busy().when(finished("1-explore-bytes-0", result.clone())).fact();
    let RunFact::RunFinished(RunFinished { outcome, free, .. }) = fact else { panic!("{fact:?}") };
    assert_eq!((outcome, free), (result.clone(), 1));
    let done = busy().when(finished("1-explore-bytes-0", result.clone())).and();
    assert_eq!(done.owes(), ["stay"]);
    done.when(finished("1-explore-bytes-0", result)).nothing();
}

#[test]
fn a_result_that_is_no_number_is_told_as_a_failure() {
    let mut result = sample::run_result("bytes", 0, 2.5);
    result.curve[1].loss = f64::INFINITY;
    let fact = busy().when(finished("1-explore-bytes-0", Ended::Completed(Box::new(result)))).fact();
    let RunFact::RunFinished(RunFinished { outcome: Ended::Failed(why), .. }) = fact else { panic!("{fact:?}") };
    assert_eq!(why, "the training loss was no finite number at step 20");
}

#[test]
fn a_run_that_the_trainer_lost_is_given_up_with_its_cost_so_far() {
    let lost = |attempt| {
        let body = RunLost {
            run: run("1-explore-bytes-0"),
            attempt,
            why: "silent".into(),
            counts: true,
            spend: sample::spend(0.0),
            checkpoint: None,
        };
        sample::input("c/trainer/6", TrainerFact::from(body))
    };
    let told = busy().when(progress("1-explore-bytes-0", 1, 3.5)).and();
    let fact = told.when(lost(1)).fact();
    let RunFact::RunFinished(RunFinished { outcome, spend, free, .. }) = fact else { panic!("{fact:?}") };
    assert_eq!((outcome, spend.flops, free), (Ended::Stopped, 5e8, 1));
    busy().when(lost(2)).nothing();
}

#[test]
fn pauses_and_stops_are_the_shell_s_business() {
    let (run, why) = (run("1-explore-bytes-0"), "enough".to_owned());
    let paused = RunPaused { run: run.clone(), attempt: 1, why: why.clone() };
    busy().when(sample::input("c/trainer/6", TrainerFact::from(paused))).nothing();
    busy().when(sample::input("c/trainer/6", TrainerFact::from(RunStopped { run, attempt: 1, why }))).nothing();
}
