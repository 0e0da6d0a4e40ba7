//! Early stopping.

use move37_statistics::early::{Judgement, Point, Regret, Rule, judge, regret};

fn rule(quantile: f64) -> Rule {
    Rule { fractions: vec![0.25, 0.5], quantile, least: 3 }
}

/// A curve of 100 steps that falls in a line from `from` to `to`, a point every 10 steps.
fn line(from: f64, to: f64) -> Vec<Point> {
    (1..=10u32).map(|i| (u64::from(i) * 10, from + (to - from) * f64::from(i) / 10.0)).collect()
}

fn slices(curves: &[Vec<Point>]) -> Vec<&[Point]> {
    curves.iter().map(Vec::as_slice).collect()
}

#[test]
fn a_run_above_the_median_is_stopped_with_its_evidence() {
    let earlier = [line(4.0, 1.0), line(4.0, 2.0), line(4.0, 3.0)];
    let bad = line(4.0, 3.5);
    let judged = judge(&rule(0.5), &bad[..5], 100, &slices(&earlier));
    // 25 steps: the point of step 20; the median run has 3.6 there.
    assert_eq!(judged, Judgement::Stop { step: 25, loss: 3.9, bound: 3.6, runs: 3 });
    assert_eq!(judge(&rule(0.5), &line(4.0, 1.5)[..5], 100, &slices(&earlier)), Judgement::GoOn);
}

#[test]
fn nothing_is_stopped_before_its_time_or_without_peers() {
    let earlier = [line(4.0, 1.0), line(4.0, 2.0), line(4.0, 3.0)];
    let bad = line(9.0, 9.0);
    assert_eq!(judge(&rule(0.5), &bad[..2], 100, &slices(&earlier)), Judgement::GoOn, "20 steps");
    assert_eq!(judge(&rule(0.5), &bad, 100, &slices(&earlier[..2])), Judgement::GoOn, "two peers");
    assert!(matches!(judge(&rule(1.0), &bad, 100, &slices(&earlier)), Judgement::Stop { .. }));
}

#[test]
fn a_loss_that_is_no_number_is_stopped() {
    let earlier = [line(4.0, 1.0), line(4.0, 2.0), line(4.0, 3.0)];
    assert!(matches!(judge(&rule(1.0), &line(4.0, f64::NAN), 100, &slices(&earlier)), Judgement::Stop { .. }));
}

#[test]
fn regret_is_what_the_best_stopped_run_would_have_given() {
    // The last starts slowly and ends best.
    let mut late = line(5.0, 5.0);
    late[9].1 = 0.5;
    let runs = [line(4.0, 1.0), line(4.0, 2.0), line(4.0, 3.0), line(4.0, 3.9), late];
    let got = regret(&rule(0.5), &slices(&runs));
    assert_eq!(got, Regret { runs: 5, stopped: 2, saved: 150.0 / 500.0, loss: 0.5, wronged: 1 });
    assert_eq!(regret(&rule(1.0), &slices(&runs[..3])), Regret { runs: 3, ..Regret::default() });
    assert_eq!(regret(&rule(0.5), &[]), Regret::default());
}
