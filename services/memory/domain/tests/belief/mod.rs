//! Promotions and records.

use move37_events::facts::{
    CandidatePromoted, Purpose, RecordConfirmed, RecordRefuted, Seeds, VerificationRecorded, Verified,
};

use super::*;

mod renamed;

/// The baseline's fitness by fresh seed.
const BASELINE: [f64; 6] = [0.44, 0.48, 0.5, 0.5, 0.52, 0.56];

fn confirming() -> Campaign {
    Campaign { belief: sample::belief(), ..with_budget(9, 9, None) }
}

impl Story {
    /// Both seed programs explored and the baseline verified; the second seed program is no better.
    fn verified_baseline(campaign: Campaign) -> Story {
        let mut story = Story::new(campaign);
        story.insight(1, 0.5);
        story.verify(1, &BASELINE);
        story.insight(2, 0.5);
        story
    }

    /// Experiment 3 was promoted with the first three seeds.
    fn challenged(campaign: Campaign) -> Story {
        let mut story = Story::verified_baseline(campaign);
        story.insight(3, 0.8);
        story
    }

    fn verify(&mut self, experiment: u32, values: &[f64]) {
        self.input(verified(experiment, values));
    }

    fn fail(&mut self, experiment: u32, seeds: u32) {
        self.input(failed(experiment, seeds));
    }

    fn pause(&mut self) {
        self.command(CampaignPaused { command: CommandId("pause".into()) }.into());
    }

    fn resume(&mut self) {
        self.command(CampaignResumed { command: CommandId("resume".into()) }.into());
    }

    fn promoted(&self) -> Vec<&CandidatePromoted> {
        self.facts
            .iter()
            .filter_map(|f| if let MemoryFact::CandidatePromoted(body) = f { Some(body) } else { None })
            .collect()
    }

    fn verifications(&self) -> Vec<&VerificationRecorded> {
        self.facts
            .iter()
            .filter_map(|f| if let MemoryFact::VerificationRecorded(body) = f { Some(body) } else { None })
            .collect()
    }

    fn confirmed(&self) -> Vec<&RecordConfirmed> {
        self.facts
            .iter()
            .filter_map(|f| if let MemoryFact::RecordConfirmed(body) = f { Some(body) } else { None })
            .collect()
    }

    fn refuted(&self) -> Vec<&RecordRefuted> {
        self.facts
            .iter()
            .filter_map(|f| if let MemoryFact::RecordRefuted(body) = f { Some(body) } else { None })
            .collect()
    }
}

fn verified(experiment: u32, values: &[f64]) -> Input {
    sample::input("c/analyst/5", AnalystFact::from(sample::verified(experiment, values)))
}

fn failed(experiment: u32, seeds: u32) -> Input {
    let body = TrainingFailed {
        experiment: ExperimentId(experiment),
        stage: Stage::Verify,
        seeds,
        brief: None,
        why: "the loss diverged".into(),
        spend: sample::spend(1e9),
    };
    sample::input("c/trainer/5", TrainerFact::from(body))
}

#[test]
fn the_baseline_is_promoted_before_anything_else_is_tried() {
    let mut story = Story::new(confirming());
    story.insight(1, 0.5);
    let promoted = story.promoted();
    assert_eq!(promoted.len(), 1);
    assert_eq!((promoted[0].experiment, &promoted[0].purpose), (ExperimentId(1), &Purpose::Reference));
    assert_eq!(promoted[0].seeds, Seeds { first: 0, last: 5 }, "as many as the last look has");
    assert!(story.open().is_empty(), "with one lane there is one thing at a time");
    story.verify(1, &BASELINE);
    assert_eq!(story.open(), [2]);
}

#[test]
fn a_promotion_counts_as_much_as_a_busy_lane() {
    let mut story = Story::new(Campaign { lanes: 2, ..confirming() });
    story.insight(1, 0.5);
    assert_eq!((story.promoted().len(), story.open()), (1, vec![2]));
    story.insight(2, 0.5);
    assert_eq!(story.open(), [3]);
    story.verify(1, &BASELINE);
    assert_eq!(story.open(), [3, 4]);
}

#[test]
fn a_candidate_is_promoted_by_its_lower_bound_and_not_by_its_point_score() {
    let mut story = Story::verified_baseline(confirming());
    let mut noisy = sample::insight(3, brief(3), Some(0.9));
    noisy.bound = Some(0.49);
    story.input(sample::input("c/analyst/1", AnalystFact::from(noisy)));
    assert_eq!(story.promoted().len(), 1, "the baseline alone");
    let mut unknown = sample::insight(4, brief(4), Some(0.9));
    unknown.bound = None;
    story.input(sample::input("c/analyst/1", AnalystFact::from(unknown)));
    assert_eq!(story.promoted().len(), 1, "without a spread there is no bound");
    story.insight(5, 0.56);
    let promoted = story.promoted();
    assert_eq!((promoted[1].experiment, promoted[1].seeds), (ExperimentId(5), Seeds { first: 0, last: 2 }));
    let Purpose::Challenge { against, test, look, compared, alpha } = promoted[1].purpose else { panic!("challenges") };
    assert_eq!((against, test, look, compared), (ExperimentId(1), 1, 1, 3));
    assert!(alpha > 0.0 && alpha < 0.05);
}

#[test]
fn what_may_be_no_parent_is_never_promoted() {
    let mut story = Story::verified_baseline(confirming());
    story.insight_of(3, 0.9, false, 2e9);
    assert_eq!(story.promoted().len(), 1);
}

#[test]
fn a_candidate_that_beats_the_baseline_with_fresh_seeds_is_confirmed_as_record() {
    let mut story = Story::challenged(confirming());
    story.verify(3, &[0.9, 0.92, 0.94]);
    assert!(story.confirmed().is_empty(), "three seeds confirm nothing");
    let promoted = story.promoted();
    let next = promoted.last().unwrap();
    assert_eq!((next.experiment, next.seeds), (ExperimentId(3), Seeds { first: 3, last: 5 }), "the missing ones");
    assert!(matches!(next.purpose, Purpose::Challenge { test: 1, look: 2, compared: 6, .. }));
    story.verify(3, &[0.9, 0.92, 0.94, 0.9, 0.92, 0.94]);
    let record = story.confirmed()[0];
    assert_eq!(
        (record.experiment, record.against, record.seeds, record.looks),
        (ExperimentId(3), ExperimentId(1), 6, 2)
    );
    assert!((record.fitness - 0.92).abs() < 1e-9 && record.gain.unwrap().low > 0.3);
    assert_eq!(record.tasks["bytes"].seeds, 6, "the confirmation's seeds alone");
    assert_eq!(story.memory.standing_record().unwrap().experiment, ExperimentId(3));
    assert_eq!(story.open(), [4], "the search goes on");
}

#[test]
fn a_candidate_that_is_no_better_with_fresh_seeds_is_refuted_at_the_first_look() {
    let mut story = Story::challenged(confirming());
    story.verify(3, &[0.45, 0.5, 0.5]);
    let refuted = story.refuted()[0];
    assert_eq!((refuted.experiment, refuted.seeds, refuted.looks), (ExperimentId(3), 3, 1));
    assert!(refuted.why.contains("at look 1"), "{}", refuted.why);
    assert_eq!(story.promoted().len(), 2, "it is not promoted again");
    assert_eq!(story.open(), [4]);
}

#[test]
fn a_candidate_whose_verification_fails_is_refuted() {
    let mut story = Story::challenged(confirming());
    story.fail(3, 3);
    assert_eq!(story.refuted()[0].why, "the loss diverged");
    assert_eq!(story.verifications().last().unwrap().outcome, Verified::Failed { why: "the loss diverged".into() });
}

#[test]
fn the_next_candidate_must_beat_the_record_and_the_record_gets_the_missing_seeds_first() {
    let mut campaign = confirming();
    campaign.belief.looks = vec![6, 8];
    let mut story = Story::new(campaign);
    story.insight(1, 0.5);
    story.verify(1, &[BASELINE.as_slice(), &[0.49, 0.51]].concat());
    story.insight(2, 0.5);
    story.insight(3, 0.8);
    story.verify(3, &[0.7; 6]);
    assert_eq!(story.confirmed().len(), 1);
    story.insight(4, 0.72);
    assert_eq!(story.promoted().len(), 2, "its bound of 0.67 does not beat the record's 0.7");
    story.insight(5, 0.9);
    let reference = story.promoted()[2].clone();
    assert_eq!((reference.experiment, &reference.purpose), (ExperimentId(3), &Purpose::Reference));
    assert_eq!(reference.seeds, Seeds { first: 6, last: 7 });
    story.verify(3, &[0.7; 8]);
    let challenge = story.promoted()[3];
    assert_eq!(challenge.experiment, ExperimentId(5));
    assert!(matches!(challenge.purpose, Purpose::Challenge { against: ExperimentId(3), test: 2, look: 1, .. }));
}

#[test]
fn every_comparison_has_its_share_of_the_error_and_the_last_ends_promotions() {
    let mut story = Story::verified_baseline(confirming());
    for experiment in 3..=6 {
        story.insight(experiment, 0.8);
        if experiment < 6 {
            story.verify(experiment, &[0.45, 0.5, 0.5]);
        }
    }
    let shares: Vec<f64> = story.refuted().iter().map(|refuted| refuted.alpha).collect();
    assert_eq!(shares.len(), 3);
    assert!((shares.iter().sum::<f64>() - 0.05).abs() < 1e-12, "{shares:?}");
    assert_eq!(story.promoted().len(), 4, "the fourth candidate has no share");
    assert_eq!(story.open(), [7]);
}

#[test]
fn the_best_lower_bound_is_promoted_first() {
    let mut story = Story::new(Campaign { lanes: 3, ..confirming() });
    story.insight(1, 0.5);
    story.insight(2, 0.5);
    story.insight(3, 0.7);
    story.insight(4, 0.8);
    assert_eq!(story.promoted().len(), 1, "nothing before the baseline is verified");
    story.verify(1, &BASELINE);
    story.insight(5, 0.6);
    assert_eq!(story.promoted()[1].experiment, ExperimentId(4));
}

#[test]
fn a_verification_is_recorded_once_and_held_while_it_was_not_asked_for() {
    let mut story = Story::challenged(confirming());
    let facts = story.facts.clone();
    given::<Memory>(facts.clone()).when(verified(3, &[0.9; 6])).held();
    given::<Memory>(facts.clone()).when(verified(4, &[0.9; 3])).held();
    given::<Memory>(facts.clone()).when(failed(4, 3)).held();
    given::<Memory>(facts).when(verified(1, &BASELINE)).nothing();
    story.verify(3, &[0.9, 0.92, 0.94]);
    given::<Memory>(story.facts).when(verified(3, &[0.9, 0.92, 0.94])).nothing();
}

#[test]
fn a_failed_verification_ends_no_experiment() {
    let mut story = Story::challenged(confirming());
    let recorded = story.facts.iter().filter(|fact| matches!(fact, MemoryFact::ExperimentRecorded(_))).count();
    story.fail(3, 3);
    let after = story.facts.iter().filter(|fact| matches!(fact, MemoryFact::ExperimentRecorded(_))).count();
    assert_eq!(recorded, after);
}

#[test]
fn a_promotion_reserves_and_its_end_settles() {
    let mut campaign = confirming();
    campaign.budget.flops = Some(1e12);
    let mut story = Story::new(campaign);
    story.insight(1, 0.5);
    let promoted = story.promoted()[0];
    assert_eq!(promoted.allowance, Some(6.0 * 2e9), "six times what one seed took");
    assert_eq!(promoted.left.flops, Some(1e12 - 2e9 - 12e9));
    story.verify(1, &BASELINE);
    assert_eq!(story.verifications()[0].left.flops, Some(1e12 - 2e9 - 1e9));
}

#[test]
fn flops_that_do_not_cover_a_promotion_leave_it_out_and_the_closure_says_so() {
    let mut campaign = confirming();
    campaign.budget.flops = Some(1e12);
    let mut story = Story::new(campaign);
    story.insight_of(1, 0.5, true, 3e11);
    assert_eq!((story.promoted().len(), story.open()), (0, vec![2]));
    story.insight_of(2, 0.9, true, 3e11);
    story.insight_of(3, 0.9, true, 3e11);
    let closed = story.closed().unwrap();
    assert_eq!((closed.reason, closed.record.is_none()), (CloseReason::Budget, true));
    assert_eq!(closed.unconfirmed.as_deref(), Some("the FLOPs left do not cover a confirmation"));
}

#[test]
fn flops_that_do_not_cover_the_next_look_refute() {
    let mut campaign = confirming();
    campaign.budget.flops = Some(2.4e10);
    let mut story = Story::challenged(campaign);
    // 8e9 of experiments and the baseline's 1e9 are spent, 6e9 reserved; the first look takes it all.
    let mut dear = sample::verified(3, &[0.9, 0.92, 0.94]);
    dear.scored.spend = sample::spend(1.4e10);
    story.input(sample::input("c/analyst/5", AnalystFact::from(dear)));
    assert_eq!(story.refuted()[0].why, "the FLOPs left do not cover its next look");
}

#[test]
fn a_campaign_closes_only_after_the_comparison_under_way_and_names_the_record() {
    let mut story = Story::challenged(Campaign { belief: sample::belief(), ..with_budget(1, 9, None) });
    assert_eq!(story.closed(), None);
    story.verify(3, &[0.9, 0.92, 0.94]);
    assert_eq!(story.closed(), None);
    story.verify(3, &[0.9, 0.92, 0.94, 0.9, 0.92, 0.94]);
    let closed = story.closed().unwrap();
    assert_eq!(closed.reason, CloseReason::Finished);
    assert_eq!((closed.record.as_ref(), &closed.unconfirmed), (Some(story.confirmed()[0]), &None));
}

#[test]
fn a_campaign_without_a_confirmed_record_says_why() {
    let last = |story: &Story| story.closed().unwrap().unconfirmed.clone().unwrap();
    let mut story = Story::challenged(Campaign { belief: sample::belief(), ..with_budget(1, 9, None) });
    story.verify(3, &[0.45, 0.5, 0.5]);
    assert_eq!(last(&story), "1 promoted, none shown to be better than the baseline");
    let mut story = Story::verified_baseline(Campaign { belief: sample::belief(), ..with_budget(1, 9, None) });
    story.insight(3, 0.4);
    assert_eq!(last(&story), "no candidate's lower bound beat the baseline");
    let mut story = Story::measured(with_budget(1, 2, None));
    story.insight(3, 0.9);
    assert_eq!(last(&story), "its configuration asks for no confirmation");
}

#[test]
fn a_store_of_baselines_promotes_nothing() {
    let mut story = Story::new(Campaign { belief: sample::belief(), ..with_budget(0, 9, None) });
    story.insight(1, 0.5);
    story.insight(2, 0.9);
    assert_eq!(story.promoted().len(), 0);
    let closed = story.closed().unwrap();
    assert_eq!(closed.reason, CloseReason::Finished);
    assert_eq!(closed.unconfirmed.as_deref(), Some("it measured its seed programs alone"));
}

#[test]
fn without_a_verified_baseline_nothing_is_promoted() {
    let mut story = Story::new(Campaign { belief: sample::belief(), ..with_budget(1, 9, None) });
    story.insight(1, 0.5);
    story.fail(1, 6);
    story.insight(2, 0.5);
    story.insight(3, 0.9);
    let closed = story.closed().unwrap();
    assert_eq!(closed.unconfirmed.as_deref(), Some("the baseline was not verified: the loss diverged"));
}

#[test]
fn a_paused_campaign_promotes_nothing_and_does_not_close_over_a_promotion_that_is_due() {
    let mut story = Story::verified_baseline(Campaign { belief: sample::belief(), ..with_budget(1, 9, None) });
    story.pause();
    story.insight(3, 0.9);
    assert_eq!((story.promoted().len(), story.closed()), (1, None));
    story.resume();
    assert_eq!(story.promoted().len(), 2);
}

#[test]
fn a_comparison_that_was_paused_between_looks_goes_on_when_resumed() {
    let mut story = Story::challenged(confirming());
    story.pause();
    story.verify(3, &[0.9, 0.92, 0.94]);
    assert_eq!((story.promoted().len(), story.refuted().len()), (2, 0));
    story.resume();
    assert_eq!(story.promoted().len(), 3);
}

#[test]
fn a_stopped_campaign_waits_for_its_promotion_and_refutes_what_it_left_undecided() {
    let mut story = Story::challenged(confirming());
    story.stop();
    assert_eq!(story.closed(), None);
    story.fail(3, 3);
    assert_eq!(story.refuted()[0].why, "the campaign was stopped: enough");
    assert_eq!(story.closed().unwrap().reason, CloseReason::Stopped);
}
