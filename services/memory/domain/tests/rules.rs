//! Memory's rules, one per test.
#![expect(clippy::unwrap_used, reason = "tests")]

mod belief;

use move37_core::testing::{Given, given};
use move37_core::{Ctx, Decider, ExperimentId, Timestamp};
use move37_events::facts::{
    AnalystFact, Basis, Brief, Budget, BudgetSet, Campaign, CampaignClosed, CampaignFact, CampaignPaused,
    CampaignResumed, CampaignStopped, CloseReason, CommandId, EngineerFact, ExperimentAbandoned, ExperimentRecorded,
    HypothesisWithdrawn, MemoryFact, ParentSampled, ResearcherFact, Spend, Stage, TrainerFact, TrainingFailed,
};
use move37_memory_domain::{Input, Memory};
use move37_testkit::sample;

/// A campaign's memory under test: inputs go in, own facts follow until nothing does.
struct Story {
    memory: Memory,
    facts: Vec<MemoryFact>,
    operator: u64,
}

impl Story {
    fn new(campaign: Campaign) -> Story {
        let mut story = Story { memory: Memory::default(), facts: Vec::new(), operator: 0 };
        story.command(sample::started(campaign));
        story
    }

    fn command(&mut self, fact: CampaignFact) {
        self.operator += 1;
        self.input(sample::input(&format!("c/operator/{}", self.operator), fact));
    }

    fn stop(&mut self) {
        self.command(CampaignStopped { command: CommandId("stop".into()), reason: "enough".into() }.into());
    }

    fn budget(&mut self, budget: Budget) {
        self.command(BudgetSet { command: CommandId("more".into()), budget }.into());
    }

    fn insight(&mut self, experiment: u32, fitness: f64) {
        self.insight_of(experiment, fitness, true, 2e9);
    }

    fn insight_of(&mut self, experiment: u32, fitness: f64, parent: bool, flops: f64) {
        let mut body = sample::insight(experiment, brief(experiment), Some(fitness));
        body.scored.parent = parent;
        body.scored.spend = sample::spend(flops);
        self.input(sample::input("c/analyst/1", AnalystFact::from(body)));
    }

    fn abandon(&mut self, experiment: u32) {
        let experiment = ExperimentId(experiment);
        let body = ExperimentAbandoned { experiment, brief: Some(brief(experiment.0)), why: "it leaks".into() };
        self.input(sample::input("c/engineer/1", EngineerFact::from(body)));
    }

    fn input(&mut self, input: Input) {
        let ctx = Ctx { now: Timestamp::default() };
        let mut next = self.memory.decide(&input, &ctx).unwrap();
        while let Some(fact) = next {
            self.memory.evolve(&fact);
            self.facts.push(fact.clone());
            next = self.memory.decide(&sample::input("c/memory/1", fact), &ctx).unwrap();
        }
    }

    fn opened(&self) -> Vec<&ParentSampled> {
        self.facts
            .iter()
            .filter_map(|fact| if let MemoryFact::ParentSampled(body) = fact { Some(body) } else { None })
            .collect()
    }

    fn recorded(&self) -> &ExperimentRecorded {
        let mut facts = self.facts.iter().rev();
        facts.find_map(|fact| if let MemoryFact::ExperimentRecorded(body) = fact { Some(body) } else { None }).unwrap()
    }

    fn closed(&self) -> Option<&CampaignClosed> {
        let mut closures = self.facts.iter().filter_map(|fact| match fact {
            MemoryFact::CampaignClosed(body) => Some(body),
            _ => None,
        });
        let first = closures.next();
        assert!(closures.next().is_none(), "closed twice");
        first
    }

    fn open(&self) -> Vec<u32> {
        self.memory.in_flight().map(|(experiment, _)| experiment.0).collect()
    }

    /// Both seed programs measured.
    fn measured(campaign: Campaign) -> Story {
        let mut story = Story::new(campaign);
        story.insight(1, 0.5);
        story.insight(2, 0.6);
        story
    }

    fn given(self) -> Given<Memory> {
        given(self.facts)
    }
}

fn brief(experiment: u32) -> Brief {
    sample::brief(&format!("candidate {experiment}"), (experiment > 2).then_some(1))
}

fn lanes(lanes: u32) -> Campaign {
    Campaign { lanes, ..sample::campaign() }
}

fn with_budget(experiments: u32, failures: u32, flops: Option<f64>) -> Campaign {
    Campaign { budget: Budget { experiments, failures, flops }, ..sample::campaign() }
}

#[test]
fn the_baseline_is_measured_first_and_alone() {
    let story = Story::new(lanes(3));
    assert_eq!(story.open(), [1]);
    assert_eq!(story.opened()[0].basis, Basis::Seed { index: 0, baseline: true });
}

#[test]
fn the_other_seed_programs_follow_the_baseline() {
    let mut story = Story::new(lanes(3));
    story.insight(1, 0.5);
    assert_eq!(story.open(), [2]);
    assert_eq!(story.opened()[1].basis, Basis::Seed { index: 1, baseline: false });
}

#[test]
fn nothing_evolves_before_every_seed_program_has_ended() {
    let mut campaign = lanes(3);
    campaign.programs.push(sample::program("gated"));
    let mut story = Story::new(campaign);
    story.insight(1, 0.5);
    story.insight(2, 0.5);
    assert_eq!(story.open(), [3], "lanes wait for the last seed program");
    story.insight(3, 0.5);
    assert_eq!(story.open(), [4, 5, 6]);
}

#[test]
fn each_lane_has_one_open_experiment() {
    let mut story = Story::measured(lanes(2));
    let lanes: Vec<u32> = story.memory.in_flight().map(|(_, lane)| lane).collect();
    assert_eq!(lanes, [1, 2]);
    story.insight(4, 0.7);
    assert_eq!(story.memory.in_flight().map(|(id, lane)| (id.0, lane)).collect::<Vec<_>>(), [(3, 1), (5, 2)]);
}

#[test]
fn the_campaign_finishes_after_the_last_budgeted_insight() {
    let mut story = Story::measured(lanes(2));
    for experiment in 3..=5 {
        assert_eq!(story.closed(), None);
        story.insight(experiment, 0.5);
    }
    let closed = story.closed().unwrap();
    assert_eq!((closed.reason, closed.experiments), (CloseReason::Finished, 3));
    assert_eq!(closed.best.as_ref().unwrap().experiment, ExperimentId(2));
    assert_eq!(closed.spend.flops, 5.0 * 2e9);
}

#[test]
fn a_budget_of_no_experiments_measures_the_seed_programs_and_ends() {
    let mut story = Story::new(with_budget(0, 2, None));
    story.insight(1, 0.5);
    assert_eq!(story.closed(), None, "the second seed program is to come");
    story.insight(2, 0.4);
    assert_eq!(story.opened().len(), 2);
    assert_eq!(story.closed().unwrap().reason, CloseReason::Finished);
}

#[test]
fn no_more_open_than_the_budget_can_still_use() {
    let mut story = Story::measured(lanes(4));
    assert_eq!(story.open(), [3, 4, 5]);
    story.abandon(4);
    assert_eq!(story.open(), [3, 5, 6], "a failure gives its place back");
    assert_eq!(story.opened().last().unwrap().left.experiments, 0);
}

#[test]
fn an_insight_without_fitness_counts_as_an_experiment() {
    let mut story = Story::measured(with_budget(1, 0, None));
    let unranked = sample::insight(3, brief(3), None);
    story.input(sample::input("c/analyst/7", AnalystFact::from(unranked)));
    assert_eq!(story.closed().unwrap().reason, CloseReason::Finished);
    assert_eq!(story.memory.pool().len(), 2);
}

#[test]
fn more_failures_than_the_budget_tolerates_close_the_campaign() {
    let mut story = Story::measured(with_budget(5, 2, None));
    [3, 4].into_iter().for_each(|experiment| story.abandon(experiment));
    assert_eq!((story.closed(), story.recorded().left.failures), (None, 0));
    story.abandon(5);
    assert_eq!(story.closed().unwrap().reason, CloseReason::Failures);
}

#[test]
fn a_baseline_that_cannot_be_measured_closes_the_campaign() {
    let mut story = Story::new(sample::campaign());
    let body = TrainingFailed {
        experiment: ExperimentId(1),
        stage: Stage::Explore,
        seeds: 1,
        brief: None,
        why: "diverged".into(),
        spend: sample::spend(1e9),
    };
    story.input(sample::input("c/trainer/5", TrainerFact::from(body)));
    let closed = story.closed().unwrap();
    assert_eq!((closed.reason, closed.spend.flops), (CloseReason::Baseline, 1e9));
}

#[test]
fn without_any_possible_parent_the_campaign_closes() {
    let mut story = Story::new(with_budget(3, 5, None));
    story.insight_of(1, 0.5, false, 2e9);
    story.abandon(2);
    assert_eq!(story.closed().unwrap().reason, CloseReason::Failures);
}

#[test]
fn a_program_steeper_than_admitted_is_never_a_parent() {
    let mut story = Story::new(sample::campaign());
    story.insight_of(1, 0.5, false, 2e9);
    story.insight(2, 0.4);
    let Basis::Evolve { parent, references, .. } = &story.opened()[2].basis else { panic!("evolves") };
    assert_eq!((parent.experiment, references.len()), (ExperimentId(2), 0));
    assert_eq!(story.memory.pool().len(), 1);
}

#[test]
fn a_stopped_campaign_drains_its_lanes_and_closes() {
    let mut story = Story::measured(lanes(2));
    story.stop();
    assert_eq!(story.closed(), None);
    story.abandon(3);
    assert_eq!((story.open(), story.closed()), (vec![4], None));
    let body = HypothesisWithdrawn { experiment: ExperimentId(4), why: "stopped".into(), duplicate_of: None };
    story.input(sample::input("c/researcher/4", ResearcherFact::from(body)));
    assert_eq!(story.closed().unwrap().reason, CloseReason::Stopped);
}

#[test]
fn a_stop_between_experiments_closes_at_once() {
    let mut story = Story::new(sample::campaign());
    story.command(CampaignPaused { command: CommandId("pause".into()) }.into());
    story.insight(1, 0.5);
    assert_eq!(story.closed(), None);
    story.stop();
    assert_eq!(story.closed().unwrap().reason, CloseReason::Stopped);
}

#[test]
fn a_paused_campaign_opens_nothing_until_resumed() {
    let mut story = Story::measured(sample::campaign());
    story.command(CampaignPaused { command: CommandId("pause".into()) }.into());
    story.insight(3, 0.5);
    assert!(story.open().is_empty());
    story.command(CampaignResumed { command: CommandId("resume".into()) }.into());
    assert_eq!(story.open(), [4]);
}

#[test]
fn a_raised_budget_reopens_idle_lanes() {
    let mut story = Story::measured(Campaign { lanes: 2, ..with_budget(1, 2, None) });
    assert_eq!(story.open(), [3]);
    story.budget(Budget { experiments: 3, failures: 2, flops: None });
    assert_eq!(story.open(), [3, 4]);
}

#[test]
fn nothing_reopens_a_closed_campaign() {
    let mut story = Story::measured(with_budget(1, 2, None));
    story.insight(3, 0.5);
    story.budget(Budget { experiments: 9, failures: 2, flops: None });
    story.stop();
    assert!(story.open().is_empty());
    assert_eq!(story.closed().unwrap().reason, CloseReason::Finished);
}

#[test]
fn an_ending_is_recorded_once() {
    let story = Story::measured(sample::campaign());
    let again = AnalystFact::from(sample::insight(2, brief(2), Some(0.6)));
    story.given().when(sample::input("c/analyst/1", again)).nothing();
}

#[test]
fn an_ending_of_an_experiment_not_open_yet_is_held() {
    let early = AnalystFact::from(sample::insight(9, brief(9), Some(0.6)));
    Story::measured(sample::campaign()).given().when(sample::input("c/analyst/1", early)).held();
}

#[test]
fn an_operator_fact_that_skips_one_is_held() {
    let pause = CampaignFact::from(CampaignPaused { command: CommandId("pause".into()) });
    given::<Memory>([]).when(sample::input("c/operator/2", pause)).held();
}

#[test]
fn facts_that_end_nothing_are_ignored() {
    let completed = TrainerFact::from(sample::trained(1, brief(1), &[("bytes", 2.0)]));
    Story::new(sample::campaign()).given().when(sample::input("c/trainer/9", completed)).nothing();
}

#[test]
fn the_record_keeps_the_first_sentence_of_the_synthesis() {
    let story = Story::measured(sample::campaign());
    assert_eq!(story.memory.pool()[0].insight, "A filter gains 1.5 % here.");
}

#[test]
fn the_pool_is_ordered_by_fitness_then_age_and_bounded() {
    let mut campaign = with_budget(9, 2, None);
    campaign.sampling.pool = 3;
    let mut story = Story::measured(campaign);
    for (experiment, fitness) in [(3, 0.6), (4, 0.4), (5, 0.9)] {
        story.insight(experiment, fitness);
    }
    let ranks: Vec<u32> = story.memory.pool().iter().map(|standing| standing.experiment.0).collect();
    assert_eq!(ranks, [5, 2, 3]);
}

#[test]
fn lessons_count_how_moves_have_fared() {
    let mut story = Story::measured(with_budget(9, 9, None));
    let parent = |story: &Story| match &story.opened().last().unwrap().basis {
        Basis::Evolve { parent, .. } => parent.fitness,
        Basis::Seed { .. } => panic!("evolves"),
    };
    let gain = 0.9 - parent(&story);
    story.insight(3, 0.9);
    story.abandon(4);
    let Basis::Evolve { lessons, .. } = &story.opened().last().unwrap().basis else { panic!("evolves") };
    let record = &lessons.moves[0];
    assert_eq!((record.name.as_str(), record.tried, record.improved, record.failed), ("add fir path", 2, 1, 1));
    assert!((record.mean_gain - gain).abs() < 1e-12);
    assert_eq!(lessons.failures[0].why, "it leaks");
}

#[test]
fn lessons_keep_the_latest_failures_only() {
    let mut story = Story::measured(with_budget(9, 99, None));
    (3..=20).for_each(|experiment| story.abandon(experiment));
    let Basis::Evolve { lessons, .. } = &story.opened().last().unwrap().basis else { panic!("evolves") };
    let experiments: Vec<u32> = lessons.failures.iter().map(|failure| failure.experiment.0).collect();
    assert_eq!(experiments, (11..=20).collect::<Vec<_>>());
}

#[test]
fn the_weak_task_is_where_the_best_gains_least_on_the_baseline() {
    let mut story = Story::new(sample::campaign());
    story.insight(1, 0.5);
    let mut better = sample::insight(2, brief(2), Some(0.8));
    better.scored.results = sample::results(&[("bytes", 2.0), ("mqar", 0.41)]);
    story.input(sample::input("c/analyst/2", AnalystFact::from(better)));
    let Basis::Evolve { lessons, .. } = &story.opened().last().unwrap().basis else { panic!("evolves") };
    assert_eq!(lessons.weak_task.as_deref(), Some("mqar"), "20 % better on bytes, 2.5 % on mqar");
}

#[test]
fn the_same_seed_makes_the_same_choices() {
    let choices = |seed| {
        let mut story = Story::measured(Campaign { seed, ..with_budget(20, 2, None) });
        (3..=20).for_each(|experiment| story.insight(experiment, 0.5 + 0.01 * f64::from(experiment % 7)));
        story.facts
    };
    assert_eq!(choices(3), choices(3));
    assert_ne!(choices(3), choices(4));
}

#[test]
fn an_allowance_is_reserved_when_opening_and_settled_by_the_real_cost() {
    let mut story = Story::new(with_budget(3, 2, Some(1e12)));
    let estimate = story.opened()[0].allowance.unwrap();
    assert!(estimate > 0.0);
    assert_eq!(story.opened()[0].left.flops, Some(1e12 - estimate));
    story.insight_of(1, 0.5, true, 3e9);
    assert_eq!(story.recorded().left.flops, Some(1e12 - 3e9));
    assert_eq!(story.opened()[1].allowance, Some(3e9), "as much as the dearest so far");
    assert_eq!(story.opened()[1].left.flops, Some(1e12 - 6e9));
}

#[test]
fn flops_that_do_not_cover_another_experiment_close_the_campaign() {
    let mut story = Story::new(with_budget(99, 2, Some(1e12)));
    story.insight_of(1, 0.5, true, 4e11);
    story.insight_of(2, 0.5, true, 4e11);
    let closed = story.closed().unwrap();
    assert_eq!((closed.reason, closed.spend), (CloseReason::Budget, Spend { flops: 8e11, seconds: 3.0 }));
}

#[test]
fn flops_in_flight_are_counted_before_another_lane_opens() {
    let mut story = Story::new(Campaign { lanes: 3, ..with_budget(99, 2, Some(1e12)) });
    story.insight_of(1, 0.5, true, 3e11);
    story.insight_of(2, 0.5, true, 1e11);
    assert_eq!(story.open(), [3, 4], "6e11 are left, and each reserves 3e11");
    story.insight_of(3, 0.5, true, 1e11);
    assert_eq!((story.open(), story.closed()), (vec![4], None), "2e11 are left beside the lane in flight");
    story.insight_of(4, 0.5, true, 1e11);
    assert_eq!(story.open(), [5], "its settlement freed enough for one more");
}
