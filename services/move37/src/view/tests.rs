//! Views of a small history written by hand.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use move37_consumer::FactRecord;
use move37_core::{CampaignId, EventId, ExperimentId, Key};
use move37_eventlog::Position;
use move37_events::Fact;
use move37_events::facts::{
    AnalystFact, Basis, CampaignClosed, CloseReason, Ending, EngineerFact, ExperimentRecorded, HypothesisWithdrawn,
    MemoryFact, MetricsRecorded, ParentSampled, ResearcherFact, RunFact, RunId, RunSpared, Seeds, Spend,
    Stage as TrainingStage, TrainerFact, TrainingScheduled,
};
use move37_testkit::{Scribe, sample};

use super::*;
use crate::view::experiment::Stage;

/// A campaign `c` that is being written.
struct History {
    scribe: Scribe,
    key: Key,
    last: Option<EventId>,
}

impl History {
    fn started() -> History {
        let mut history = History { scribe: Scribe::default(), key: "c".parse().unwrap(), last: None };
        history.then(sample::started(sample::campaign()));
        history
    }

    /// Add a fact, caused by the one before.
    fn then(&mut self, fact: impl Into<Fact>) -> EventId {
        let cause = self.last.clone();
        let id = self.scribe.write(&self.key, cause.as_ref(), fact);
        self.last = Some(id.clone());
        id
    }

    fn seed(&mut self, experiment: u32) {
        let basis = Basis::Seed { index: experiment - 1, baseline: experiment == 1 };
        let (lane, left) = (1, sample::left());
        let experiment = ExperimentId(experiment);
        self.then(MemoryFact::from(ParentSampled { experiment, lane, basis, allowance: None, left }));
    }

    fn evolve(&mut self, experiment: u32, lane: u32) {
        self.then(MemoryFact::from(sample::evolving(experiment, lane, sample::standing(1, 0.5))));
    }

    fn record(&mut self, experiment: u32, ending: Ending) {
        let (experiment, spend, left) = (ExperimentId(experiment), Spend { flops: 1e9, seconds: 2.0 }, sample::left());
        self.then(MemoryFact::from(ExperimentRecorded { experiment, lane: 1, brief: None, ending, spend, left }));
    }

    fn book(&self) -> Book {
        let mut book = Book::default();
        for (topic, record) in self.scribe.records() {
            let position = Position { topic: *topic, partition: topic.partition(&record.envelope.id.key), offset: 0 };
            let fact = Fact::read(*topic, record).unwrap();
            book.add(Arc::new(FactRecord { position, record: record.clone(), fact }));
        }
        book
    }

    fn view(&self) -> CampaignView {
        let mut view = CampaignView::new("c".parse().unwrap());
        self.book().entries().iter().for_each(|entry| view.take(entry));
        view
    }
}

fn ranked(experiment: u32, fitness: f64) -> Ending {
    Ending::Ranked { standing: Box::new(sample::standing(experiment, fitness)), parent: true }
}

#[test]
fn seed_programs_and_failures_are_no_experiments_done() {
    let mut history = History::started();
    history.seed(1);
    history.record(1, ranked(1, 0.5));
    history.evolve(2, 1);
    history.record(2, ranked(2, 0.6));
    history.evolve(3, 1);
    history.record(3, Ending::Withdrawn { why: "nothing new".to_owned() });
    let view = history.view();
    assert_eq!(view.done(), 1);
    assert_eq!(view.failures(), [(3, "nothing new")]);
    assert_eq!(view.spend().flops, 3e9);
    // Two seed programs and three experiments are planned; one of each is done.
    assert_eq!(view.work(), (2.0, 5.0));
}

#[test]
fn the_leaderboard_has_the_fittest_first_and_the_earlier_of_equals() {
    let mut history = History::started();
    for (experiment, fitness) in [(1, 0.5), (2, 0.7), (3, 0.5)] {
        history.seed(experiment);
        history.record(experiment, ranked(experiment, fitness));
    }
    let view = history.view();
    let order: Vec<u32> = view.leaderboard().iter().map(|standing| standing.experiment.0).collect();
    assert_eq!(order, [2, 1, 3]);
}

#[test]
fn a_view_does_not_depend_on_the_order_of_topics() {
    let mut history = History::started();
    history.evolve(1, 1);
    history.then(EngineerFact::from(sample::admitted(1, false)));
    history.then(TrainerFact::from(sample::trained(1, sample::brief("x", None), &[("mqar", 0.4)])));
    history.then(AnalystFact::from(sample::insight(1, sample::brief("x", None), Some(0.6))));
    let mut entries = history.book().entries().to_vec();
    entries.sort_by_key(|entry| (std::cmp::Reverse(entry.position.topic), entry.id().sequence));
    let mut view = CampaignView::new("c".parse().unwrap());
    entries.iter().for_each(|entry| view.take(entry));
    assert_eq!(report(&view), report(&history.view()));
    assert_eq!(view.experiments[&1].stage(), Stage::Recording);
}

#[test]
fn a_lane_shows_its_open_experiment_and_the_run_at_work() {
    let mut history = History::started();
    history.evolve(1, 1);
    history.then(EngineerFact::from(sample::admitted(1, false)));
    let runs: Vec<RunId> =
        ["bytes", "mqar"].map(|task| RunId::new(ExperimentId(1), TrainingStage::Explore, task, 0)).to_vec();
    let admitted = sample::admitted(1, false);
    history.then(TrainerFact::from(TrainingScheduled {
        experiment: ExperimentId(1),
        stage: TrainingStage::Explore,
        brief: admitted.brief,
        genome: None,
        source: admitted.source,
        program: admitted.program,
        baseline: false,
        parent: true,
        parameters: 5000,
        flops: 1e6,
        sizes: sample::sizes(),
        seeds: Seeds::first(1),
        runs: runs.clone(),
    }));
    history.then(RunFact::from(MetricsRecorded {
        campaign: "c".parse().unwrap(),
        run: runs[0].clone(),
        attempt: 1,
        step: 10,
        steps: 20,
        points: vec![move37_events::facts::CurvePoint { step: 10, loss: 2.5 }],
        spend: Spend::default(),
    }));
    let view = history.view();
    let [(1, Some((1, experiment)))] = view.lanes()[..] else { panic!("{:?}", view.lanes()) };
    assert_eq!(experiment.trained_share(), 0.25);
    let line = lane_line(1, Some((1, experiment)));
    assert!(line.contains("1-explore-bytes-0 step 10/20  loss 2.50"), "{line}");
}

#[test]
fn a_closed_campaign_is_over() {
    let mut history = History::started();
    assert_eq!(history.view().phase(), Phase::Running);
    history.then(MemoryFact::from(CampaignClosed {
        reason: CloseReason::Finished,
        experiments: 3,
        best: None,
        record: None,
        unconfirmed: None,
        spend: Spend::default(),
    }));
    assert!(history.view().phase().is_over());
}

#[test]
fn a_fact_leads_back_to_the_start_with_its_evidence() {
    let mut history = History::started();
    history.seed(1);
    history.then(TrainerFact::from(sample::trained(1, sample::brief("x", None), &[("mqar", 0.4)])));
    let mut insight = sample::insight(1, sample::brief("x", None), None);
    insight.evidence = vec!["c/trainer/1".parse().unwrap()];
    let last = history.then(AnalystFact::from(insight));
    let steps = causes::back_from(&history.book(), &last).unwrap();
    let way: Vec<String> = steps.iter().map(|step| step.entry.id().to_string()).collect();
    assert_eq!(way, ["c/analyst/1", "c/trainer/1", "c/memory/1", "c/operator/1"]);
    assert_eq!(steps[0].evidence[0].id().to_string(), "c/trainer/1");
}

#[test]
fn a_missing_cause_is_an_error_that_names_both() {
    let mut history = History::started();
    history.last = Some("c/trainer/9".parse().unwrap());
    history.seed(1);
    let error = causes::back_from(&history.book(), &"c/memory/1".parse().unwrap()).unwrap_err();
    let (fact, cause) = ("c/memory/1".parse().unwrap(), "c/trainer/9".parse().unwrap());
    assert_eq!(error, causes::Error::Missing { fact, cause });
}

#[test]
fn facts_of_another_campaign_are_not_taken_in() {
    let mut history = History::started();
    history.key = "d".parse().unwrap();
    history.then(ResearcherFact::from(HypothesisWithdrawn {
        experiment: ExperimentId(1),
        why: "none".to_owned(),
        duplicate_of: None,
    }));
    assert_eq!(history.view().facts, 1);
    let campaigns: Vec<CampaignId> = history.book().campaigns();
    assert_eq!(campaigns, ["c".parse().unwrap()]);
}

#[test]
fn the_baselines_table_has_mean_interval_seeds_solved_and_loss() {
    let mut history = History::started();
    for (experiment, name, accuracies) in [(1, "delta_net", [0.96, 0.98, 0.22]), (2, "gated", [0.99, 0.97, 0.98])] {
        history.seed(experiment);
        let mut trained = sample::trained(experiment, sample::brief(name, None), &[]);
        // Seeds come in the order in which they ended.
        let runs = accuracies.iter().zip([2, 0, 1]).map(|(accuracy, seed)| sample::run_result("mqar", seed, *accuracy));
        trained.runs = runs.collect();
        history.then(TrainerFact::from(trained));
    }
    // Test data is another matter.
    let mut fresh = sample::trained(2, sample::brief("gated", None), &[("mqar", 0.1)]);
    fresh.stage = TrainingStage::Verify;
    history.then(TrainerFact::from(fresh));
    history.seed(3);
    history.evolve(4, 1);
    let baselines = Baselines::of(&history.view());
    let lines = baselines.lines();
    let mqar = lines.iter().position(|line| line == "mqar: accuracy, higher is better").unwrap();
    assert!(lines[mqar + 1].contains("solved (>= 0.95)"), "{lines:#?}");
    // The better one first; three of three, whose exact 95 % bounds begin at 0.025^(1/3).
    let better = lines[mqar + 2].split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(better.starts_with("#2 gated 3 0.9800 0.9552 .. 1.0048 0.0100 3/3 (0.29 .. 1.00)"), "{better}");
    assert!(lines[mqar + 3].contains("#1 delta_net (baseline)") && lines[mqar + 3].contains("2/3"), "{lines:#?}");
    assert!(lines.last().unwrap().contains("#3") && lines.last().unwrap().contains("0 of 0 runs done"), "{lines:#?}");
    let json = baselines.json();
    let programs = &json["tasks"][1]["programs"];
    assert_eq!(programs[1]["values"], serde_json::json!([0.98, 0.22, 0.96]), "by seed number");
    assert_eq!(programs[0]["solved"]["seeds"], 3);
    assert_eq!(json["tasks"][0]["programs"], serde_json::json!([]));
    assert!(Baselines::of(&History::started().view()).is_empty());
}

#[test]
fn what_early_stopping_would_have_done_is_summed() {
    let mut history = History::started();
    assert!(!report(&history.view()).join("\n").contains("early stopping"));
    for (seed, wronged, regret) in [(0, 0, 0.0), (1, 2, 0.25)] {
        let run = RunId::new(ExperimentId(1), TrainingStage::Explore, "mqar", seed);
        let spared =
            RunSpared { run, step: 10, loss: 2.0, bound: 1.5, runs: 6, saved: 0.5, last: 1.0, wronged, regret };
        history.then(TrainerFact::from(spared));
    }
    let report = report(&history.view()).join("\n");
    let told =
        "would have stopped 2 of 0 runs and saved the time of 1.0 whole ones; 1 of those it stopped ended better";
    assert!(report.contains(told) && report.contains("ended 0.250 below the best loss"), "{report}");
}
