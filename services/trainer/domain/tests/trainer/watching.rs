//! Runs that are stopped before their end, and what early stopping would have cost.

use move37_events::facts::{CurvePoint, EarlyMode, MetricsRecorded, RunSpared, RunStopped, Spend};

use super::*;

/// A campaign whose experiments 1 to 4 have completed runs of the task mqar, with these curves, each in ten seconds.
fn after(campaign: Campaign, curves: &[&[(u32, f64)]]) -> Story {
    let mut story = Story::new(campaign);
    for (experiment, curve) in (1..).zip(curves) {
        story.input(admitted(experiment));
        complete(&mut story, experiment, "mqar", curve);
        complete(&mut story, experiment, "bytes", curve);
    }
    story.input(admitted(9));
    for task in ["mqar", "bytes"] {
        story.place(&name(9, task), 1, "w.1");
    }
    story
}

fn name(experiment: u32, task: &str) -> String {
    format!("{experiment}-explore-{task}-0")
}

fn complete(story: &mut Story, experiment: u32, task: &str, curve: &[(u32, f64)]) {
    let name = name(experiment, task);
    story.place(&name, 1, "w.1");
    let Ended::Completed(mut result) = completed(&name, 0.5) else { panic!() };
    result.curve = curve.iter().map(|&(step, loss)| CurvePoint { step, loss }).collect();
    let body = RunFinished {
        campaign: "c".parse().unwrap(),
        run: run(&name),
        attempt: 1,
        outcome: Ended::Completed(result),
        spend: Spend { flops: 1e9, seconds: 10.0 },
        checkpoint: None,
        free: 1,
    };
    story.input(sample::input("w.1/worker/5", RunFact::from(body)));
}

/// The worker tells a point of experiment 9's curve.
fn told(worker: &str, task: &str, attempt: u32, (step, loss): (u32, f64), seconds: f64) -> Input {
    let body = MetricsRecorded {
        campaign: "c".parse().unwrap(),
        run: run(&name(9, task)),
        attempt,
        step,
        steps: 20,
        points: vec![CurvePoint { step, loss }],
        spend: Spend { flops: 1e8, seconds },
    };
    sample::input(&format!("{worker}/worker/6"), RunFact::from(body))
}

fn tell(story: &mut Story, task: &str, point: (u32, f64), seconds: f64) -> Option<RunStopped> {
    let before = story.facts.len();
    story.input(told("w.1", task, 1, point, seconds));
    match story.facts.get(before) {
        Some(TrainerFact::RunStopped(body)) => Some(body.clone()),
        None => None,
        other => panic!("{other:?}"),
    }
}

const CURVE: &[(u32, f64)] = &[(1, 4.0), (10, 3.0), (20, 2.0)];

fn three() -> Story {
    after(sample::campaign(), &[CURVE; 3])
}

#[test]
fn a_run_past_three_times_its_peers_median_and_a_minute_is_stopped_with_the_evidence() {
    let mut story = three();
    assert_eq!(tell(&mut story, "mqar", (5, 3.5), 59.0), None);
    let stopped = tell(&mut story, "mqar", (6, 3.5), 61.0).unwrap();
    assert_eq!((stopped.run, stopped.attempt), (run(&name(9, "mqar")), 1));
    assert!(stopped.why.contains("61.0 s, more than 3 times the median of 3 completed runs"), "{}", stopped.why);
    // Half a minute is three times ten seconds, but less than a minute.
    assert_eq!(tell(&mut three(), "mqar", (5, 3.5), 31.0), None);
}

#[test]
fn without_peers_or_a_limit_a_run_may_take_as_long_as_it_likes() {
    let mut story = after(sample::campaign(), &[CURVE; 2]);
    assert_eq!(tell(&mut story, "mqar", (5, 3.5), 1e6), None);
    let mut campaign = sample::campaign();
    campaign.watch.slow = None;
    assert_eq!(tell(&mut after(campaign, &[CURVE; 3]), "mqar", (5, 3.5), 1e6), None);
}

#[test]
fn a_stopped_run_ends_its_experiment_with_the_reason_once_all_its_runs_are_let_go() {
    let mut story = three();
    let why = tell(&mut story, "mqar", (6, 3.5), 61.0).unwrap().why;
    assert_eq!(story.ending(2), ["run.stopped", "run.stopped"]);
    // A worker that goes on telling is not told twice.
    assert_eq!(tell(&mut story, "mqar", (7, 3.5), 62.0), None);
    story.let_go(&name(9, "mqar"), 1, None);
    story.let_go(&name(9, "bytes"), 1, None);
    assert_eq!(story.ending(1), ["training.failed"]);
    assert_eq!(story.failed().why, format!("run {} was stopped: {why}", name(9, "mqar")));
}

#[test]
fn on_a_language_a_loss_below_half_of_the_lowest_that_any_peer_had_is_not_believed() {
    let mut story = three();
    assert_eq!(tell(&mut story, "bytes", (19, 1.01), 1.0), None);
    let stopped = tell(&mut story, "bytes", (20, 0.99), 1.0).unwrap();
    assert!(stopped.why.contains("its loss at step 20 of 20 is 0.9900, which nobody believes"), "{}", stopped.why);
    assert!(stopped.why.contains("look for a leak"));
}

#[test]
fn a_task_that_can_be_solved_is_judged_by_its_first_steps_alone() {
    let mut story = three();
    // Solved by everyone's standards, but not at once.
    assert_eq!(tell(&mut story, "mqar", (2, 0.001), 1.0), None);
    assert_eq!(tell(&mut three(), "mqar", (1, 0.41), 1.0), None);
    let stopped = tell(&mut three(), "mqar", (1, 0.39), 1.0).unwrap();
    assert!(stopped.why.contains("0.1 times the mean loss over the first twentieth of 3"), "{}", stopped.why);
}

#[test]
fn a_run_whose_peers_have_no_curve_is_believed() {
    const NOTHING: &[(u32, f64)] = &[];
    let mut story = after(sample::campaign(), &[NOTHING; 3]);
    assert_eq!(tell(&mut story, "mqar", (1, 0.001), 1.0), None);
}

#[test]
fn losses_are_believed_where_the_campaign_says_so() {
    let mut campaign = sample::campaign();
    campaign.watch.implausible = None;
    assert_eq!(tell(&mut after(campaign, &[CURVE; 3]), "bytes", (20, 0.01), 1.0), None);
}

#[test]
fn the_baseline_is_never_stopped() {
    let mut story = Story::new(sample::campaign());
    for experiment in [2, 3, 4] {
        story.input(admitted(experiment));
        complete(&mut story, experiment, "mqar", CURVE);
    }
    story.input(sample::input("c/engineer/3", EngineerFact::from(sample::admitted(9, true))));
    story.place(&name(9, "mqar"), 1, "w.1");
    assert_eq!(tell(&mut story, "mqar", (5, 3.5), 1e6), None);
}

#[test]
fn what_another_worker_or_an_old_attempt_tells_changes_nothing() {
    let story = three();
    story.given().when(told("w.2", "mqar", 1, (5, 3.5), 1e6)).nothing();
    story.given().when(told("w.1", "mqar", 2, (5, 3.5), 1e6)).nothing();
    let lost = |attempt| told("w.1", "mqar", attempt, (5, 3.5), 1e6);
    let mut story = three();
    story.silent(&name(9, "mqar"), 1, true);
    story.given().when(lost(1)).nothing();
}

fn early(mode: EarlyMode) -> Campaign {
    let mut campaign = sample::campaign();
    campaign.watch.early.mode = mode;
    campaign
}

/// Losses at step 10 of 20 are 3, 4 and 5; the median rule stops what is above 4.
const THREE: [&[(u32, f64)]; 3] = [&[(10, 3.0), (20, 2.0)], &[(10, 4.0), (20, 3.0)], &[(10, 5.0), (20, 4.0)]];

#[test]
fn a_run_above_the_quantile_of_its_peers_is_stopped_early_only_where_that_is_on() {
    let stopped = |mode, point| tell(&mut after(early(mode), &THREE), "mqar", point, 1.0);
    let why = stopped(EarlyMode::On, (10, 4.5)).unwrap().why;
    assert!(why.contains("its loss at step 10 of 20 is 4.5000, above 4.0000, the quantile 0.5 of 3"), "{why}");
    assert_eq!(stopped(EarlyMode::On, (10, 4.0)), None);
    // It is judged at half of its steps, neither before nor after.
    assert_eq!(stopped(EarlyMode::On, (9, 9.0)), None);
    assert_eq!(stopped(EarlyMode::On, (11, 9.0)), None);
    for mode in [EarlyMode::Off, EarlyMode::Shadow] {
        assert_eq!(stopped(mode, (10, 4.5)), None);
    }
}

#[test]
fn in_the_shadow_what_stopping_would_have_saved_and_lost_is_recorded_once_the_run_completed() {
    let mut story = after(early(EarlyMode::Shadow), &THREE);
    // It would have been stopped, and came to be the best of all.
    let name = name(9, "mqar");
    let Ended::Completed(mut result) = completed(&name, 0.5) else { panic!() };
    result.curve = [(10, 4.5), (20, 1.5)].map(|(step, loss)| CurvePoint { step, loss }).to_vec();
    story.finish(&name, 1, Ended::Completed(result));
    assert_eq!(story.ending(2), ["run.completed", "run.spared"]);
    let TrainerFact::RunSpared(spared) = story.last() else { panic!() };
    let expected = RunSpared {
        run: run(&name),
        step: 10,
        loss: 4.5,
        bound: 4.0,
        runs: 3,
        saved: 0.5,
        last: 1.5,
        wronged: 3,
        regret: 0.5,
    };
    assert_eq!(*spared, expected);
    // Told again, as after a restart, it is not recorded twice.
    story.given().when(sample::input("c/trainer/9", story.last().clone())).nothing();
}

#[test]
fn what_would_have_gone_through_is_not_spared_and_neither_is_the_baseline() {
    let mut story = after(early(EarlyMode::Shadow), &THREE);
    complete(&mut story, 9, "mqar", &[(10, 4.0), (20, 3.0)]);
    // Experiment 3, whose loss was the highest, had only two before it.
    assert!(!story.names().contains(&"run.spared".to_owned()));
    let mut story = after(early(EarlyMode::Off), &THREE);
    complete(&mut story, 9, "mqar", &[(10, 9.0), (20, 9.0)]);
    assert!(!story.names().contains(&"run.spared".to_owned()));
}
