//! Every invariant holds in a sound log, and is told when a log breaks it.
#![expect(clippy::unwrap_used, reason = "tests")]

use move37_core::{EventId, ExperimentId, Hash, Key, Recorded};
use move37_events::facts::*;
use move37_events::{Fact, Topic};
use move37_testkit::{Invariants, Scribe, Violation, sample};

#[path = "invariants/records.rs"]
mod records;

/// A whole campaign: the baseline is measured, one child is developed, one is refused.
fn story() -> Vec<Fact> {
    let mut campaign = sample::campaign();
    campaign.programs.truncate(1);
    campaign.budget = Budget { experiments: 1, failures: 2, flops: Some(1e12) };
    campaign.tasks.truncate(1);
    let followed = || CampaignFollowed { sequence: 1, what: Followed::Started(Box::new(campaign.clone())) };
    let mut facts: Vec<Fact> = vec![sample::started(campaign.clone()).into()];
    facts.push(MemoryFact::from(followed()).into());
    facts.push(AnalystFact::from(followed()).into());
    let seed = Basis::Seed { index: 0, baseline: true };
    facts.push(sampled(1, seed, 1e9, left(1, 2, 1e12 - 1e9)));
    facts.extend(researched(1));
    facts.extend(trained(1));
    facts.push(recorded(1, ranked(1), 2e9, left(1, 2, 1e12 - 2e9)));
    facts.push(sampled(2, evolve(), 2e9, left(0, 2, 1e12 - 4e9)));
    facts.extend(researched(2).into_iter().take(2));
    let refused =
        CandidateRefused { experiment: ExperimentId(2), attempt: 1, gate: GateReport::default(), duplicate_of: None };
    facts.push(EngineerFact::from(refused).into());
    let abandoned = ExperimentAbandoned { experiment: ExperimentId(2), brief: None, why: "it leaks".into() };
    facts.push(EngineerFact::from(abandoned).into());
    facts.push(recorded(2, Ending::Abandoned { why: "it leaks".into() }, 0.0, left(1, 1, 1e12 - 2e9)));
    facts.push(sampled(3, evolve(), 2e9, left(0, 1, 1e12 - 4e9)));
    facts.extend(researched(3));
    facts.extend(trained(3));
    facts.push(recorded(3, ranked(3), 2e9, left(0, 1, 1e12 - 4e9)));
    let closed = CampaignClosed {
        reason: CloseReason::Finished,
        experiments: 1,
        best: None,
        record: None,
        unconfirmed: None,
        spend: Spend { flops: 4e9, seconds: 3.0 },
    };
    facts.push(MemoryFact::from(closed).into());
    facts
}

fn left(experiments: u32, failures: u32, flops: f64) -> Left {
    Left { experiments, failures, flops: Some(flops) }
}

fn evolve() -> Basis {
    sample::evolving(2, 1, sample::standing(1, 0.5)).basis
}

fn sampled(experiment: u32, basis: Basis, allowance: f64, left: Left) -> Fact {
    let (experiment, allowance) = (ExperimentId(experiment), Some(allowance));
    MemoryFact::from(ParentSampled { experiment, lane: 1, basis, allowance, left }).into()
}

fn ranked(experiment: u32) -> Ending {
    Ending::Ranked { standing: Box::new(sample::standing(experiment, 0.5)), parent: true }
}

fn recorded(experiment: u32, ending: Ending, flops: f64, left: Left) -> Fact {
    let (experiment, spend) = (ExperimentId(experiment), sample::spend(flops));
    MemoryFact::from(ExperimentRecorded { experiment, lane: 1, brief: None, ending, spend, left }).into()
}

fn researched(experiment: u32) -> Vec<Fact> {
    let (id, brief) = (ExperimentId(experiment), sample::brief("delta_net", None));
    let hypothesis = HypothesisProposed { experiment: id, brief: brief.clone(), design: Design::Seed { index: 0 } };
    let program = sample::program("delta_net");
    let diff = CodeDiffProposed {
        experiment: id,
        attempt: 1,
        brief,
        genome: None,
        parent: None,
        diff: String::new(),
        source: program.source,
        program: program.hash,
        baseline: experiment == 1,
    };
    vec![
        ResearcherFact::from(hypothesis).into(),
        EngineerFact::from(diff).into(),
        EngineerFact::from(sample::admitted(experiment, experiment == 1)).into(),
    ]
}

fn run(experiment: u32) -> RunId {
    RunId::new(ExperimentId(experiment), Stage::Explore, "bytes", 0)
}

fn dispatched(experiment: u32, attempt: u32, dispatch: u32) -> Fact {
    let (campaign, program) = (sample::campaign(), sample::program("delta_net"));
    let job = Job {
        experiment: ExperimentId(experiment),
        stage: Stage::Explore,
        source: program.source,
        program: program.hash,
        model: campaign.model,
        task: campaign.tasks[0].clone(),
        training: campaign.training,
        seed_number: 0,
        seed: 1,
    };
    let worker = "w.1".parse().unwrap();
    TrainerFact::from(RunDispatched { run: run(experiment), attempt, dispatch, worker, job, resume: None }).into()
}

fn lost(experiment: u32, attempt: u32) -> Fact {
    let (run, why, spend) = (run(experiment), "silent".to_owned(), Spend::default());
    TrainerFact::from(RunLost { run, attempt, why, counts: true, spend, checkpoint: None }).into()
}

fn completed(experiment: u32, attempt: u32) -> Fact {
    let (result, spend) = (sample::run_result("bytes", 0, 2.5), sample::spend(1e9));
    TrainerFact::from(RunCompleted { run: run(experiment), attempt, result, spend }).into()
}

/// From the schedule to the insight. The training is the sixth of the trainer's facts for experiment 1.
fn trained(experiment: u32) -> Vec<Fact> {
    let (admitted, brief) = (sample::admitted(experiment, experiment == 1), sample::brief("delta_net", None));
    let scheduled = TrainingScheduled {
        experiment: admitted.experiment,
        stage: Stage::Explore,
        brief: admitted.brief,
        genome: None,
        source: admitted.source,
        program: admitted.program,
        baseline: experiment == 1,
        parent: true,
        parameters: 5000,
        flops: 1e6,
        sizes: admitted.sizes,
        seeds: Seeds::first(1),
        runs: vec![run(experiment)],
    };
    // Six facts of the trainer per training, of which this is the last.
    let event = if experiment == 1 { "c/trainer/6" } else { "c/trainer/12" };
    let mut insight = sample::insight(experiment, brief.clone(), Some(0.5));
    insight.scored.training_event = sample::id(event);
    insight.scored.results = sample::results(&[("bytes", 2.5)]);
    insight.evidence = vec![sample::id(event), sample::id("c/trainer/6")];
    let fitness = FitnessScored {
        experiment: ExperimentId(experiment),
        stage: Stage::Explore,
        terms: Vec::new(),
        formula: Formula::Paper,
        fitness: Some(0.5),
        values: vec![0.5],
        interval: None,
        bound: None,
        unranked: None,
        scored: insight.scored.clone(),
    };
    vec![
        TrainerFact::from(scheduled).into(),
        dispatched(experiment, 1, 1),
        lost(experiment, 1),
        dispatched(experiment, 2, 2),
        completed(experiment, 2),
        TrainerFact::from(sample::trained(experiment, brief, &[("bytes", 2.5)])).into(),
        AnalystFact::from(fitness).into(),
        AnalystFact::from(insight).into(),
    ]
}

/// Every fact caused by the one before.
fn written(facts: Vec<Fact>) -> Scribe {
    let (key, mut scribe, mut cause) = ("c".parse().unwrap(), Scribe::default(), None::<EventId>);
    for fact in facts {
        cause = Some(scribe.write(&key, cause.as_ref(), fact));
    }
    scribe
}

fn judge(records: &[(Topic, Recorded)]) -> Vec<Violation> {
    let mut invariants = Invariants::default();
    for (topic, record) in records {
        invariants.offer(*topic, topic.partition(&record.envelope.id.key), record);
    }
    invariants.finish()
}

fn broken(facts: Vec<Fact>) -> Vec<Violation> {
    judge(written(facts).records())
}

/// The first place of a fact of this kind.
fn find(facts: &[Fact], is: impl Fn(&Fact) -> bool) -> usize {
    facts.iter().position(is).unwrap()
}

#[track_caller]
fn tells(violations: &[Violation], id: &str, sentence: &str) {
    let found = violations.iter().any(|violation| violation.id == id && violation.sentence.contains(sentence));
    assert!(found, "{violations:#?}");
}

#[test]
fn a_sound_campaign_breaks_nothing() {
    assert_eq!(broken(story()), []);
}

#[test]
fn every_prefix_of_a_sound_campaign_breaks_nothing() {
    let scribe = written(story());
    for length in 0..scribe.records().len() {
        assert_eq!(judge(&scribe.records()[..length]), [], "after {length} records");
    }
}

#[test]
fn the_order_in_which_topics_are_read_does_not_matter() {
    let mut records = written(story()).records().to_vec();
    records.sort_by_key(|(topic, record)| (std::cmp::Reverse(*topic), record.envelope.id.sequence));
    assert_eq!(judge(&records), []);
}

#[test]
fn duplicates_and_losers_break_nothing() {
    let mut records = written(story()).records().to_vec();
    let (topic, mut zombie) = records[5].clone();
    zombie.body = records[4].1.body.clone();
    zombie.envelope.cause = Some(sample::id("c/researcher/9"));
    records.push((topic, zombie));
    let all = [records.clone(), records].concat();
    assert_eq!(judge(&all), []);
}

#[test]
fn i2_a_missing_fact_is_told() {
    let mut records = written(story()).records().to_vec();
    let lost = records.iter().position(|(topic, record)| *topic == Topic::Trainer && record.envelope.id.sequence == 3);
    records.remove(lost.unwrap());
    tells(&judge(&records), "I2", "facts in between are missing");
}

#[test]
fn i3_a_cause_that_is_not_there_is_told() {
    let mut scribe = written(story());
    let absent = sample::id("c/memory/99");
    let key = "c".parse().unwrap();
    scribe.write(&key, Some(&absent), CampaignFact::from(CampaignPaused { command: CommandId("p".into()) }));
    tells(&judge(scribe.records()), "I3", "its cause c/memory/99 is not in the log");
}

#[test]
fn i3_a_service_does_nothing_without_a_cause() {
    let mut scribe = Scribe::default();
    let followed = CampaignFollowed { sequence: 1, what: Followed::Paused };
    scribe.write(&"c".parse().unwrap(), None, MemoryFact::from(followed));
    tells(&judge(scribe.records()), "I3", "it has no cause");
}

#[test]
fn i3_a_cause_of_another_campaign_is_told() {
    let mut scribe = Scribe::default();
    let start = scribe.write(&"d".parse().unwrap(), None, sample::started(sample::campaign()));
    let followed = CampaignFollowed { sequence: 1, what: Followed::Paused };
    scribe.write(&"c".parse().unwrap(), Some(&start), MemoryFact::from(followed));
    tells(&judge(scribe.records()), "I3", "belongs to campaign d");
}

#[test]
fn i3_a_circle_of_causes_is_told() {
    let mut scribe = Scribe::default();
    let key: Key = "c".parse().unwrap();
    let paused = || CampaignFact::from(CampaignPaused { command: CommandId("p".into()) });
    scribe.write(&key, Some(&sample::id("c/operator/2")), paused());
    scribe.write(&key, Some(&sample::id("c/operator/1")), paused());
    tells(&judge(scribe.records()), "I3", "its own cause");
}

#[test]
fn i4_a_record_in_the_wrong_partition_is_told() {
    let scribe = written(story());
    let (topic, record) = &scribe.records()[0];
    let mut invariants = Invariants::default();
    let wrong = (topic.partition(&record.envelope.id.key) + 1) % topic.partitions();
    invariants.offer(*topic, wrong, record);
    tells(&invariants.finish(), "I4", "its key belongs to");
}

#[test]
fn i4_a_campaign_other_than_the_key_is_told() {
    let mut records = written(story()).records().to_vec();
    records.truncate(1);
    records[0].1.envelope.campaign = Some("d".parse().unwrap());
    tells(&judge(&records), "I4", "its key is c");
}

#[test]
fn i5_a_second_ending_is_told() {
    let mut facts = story();
    let abandoned = ExperimentAbandoned { experiment: ExperimentId(3), brief: None, why: "late".into() };
    facts.insert(facts.len() - 1, EngineerFact::from(abandoned).into());
    tells(&broken(facts), "I5", "experiment 3 ends again");
}

#[test]
fn i5_a_close_over_an_open_experiment_is_told() {
    let mut facts = story();
    let last = facts.iter().rposition(|fact| matches!(fact, Fact::Memory(MemoryFact::ExperimentRecorded(_))));
    facts.remove(last.unwrap());
    tells(&broken(facts), "I5", "while experiment 3 is open");
}

#[test]
fn i5_a_second_close_is_told() {
    let mut facts = story();
    facts.push(facts.last().unwrap().clone());
    tells(&broken(facts), "I5", "closes the campaign again");
}

#[test]
fn i6_a_step_without_the_one_before_is_told() {
    for (is, step) in [
        (
            (|fact| matches!(fact, Fact::Researcher(ResearcherFact::HypothesisProposed(_)))) as fn(&Fact) -> bool,
            "Written",
        ),
        (|fact| matches!(fact, Fact::Engineer(EngineerFact::CandidateAdmitted(_))), "Scheduled"),
        (|fact| matches!(fact, Fact::Analyst(AnalystFact::FitnessScored(_))), "Explained"),
        (|fact| matches!(fact, Fact::Analyst(AnalystFact::InsightRecorded(_))), "Recorded"),
    ] {
        let mut facts = story();
        facts.remove(find(&facts, is));
        tells(&broken(facts), "I6", &format!("experiment 1 takes the step {step}"));
    }
}

#[test]
fn i6_a_step_taken_twice_is_told() {
    let mut facts = story();
    let place = find(&facts, |fact| matches!(fact, Fact::Analyst(AnalystFact::FitnessScored(_))));
    facts.insert(place, facts[place].clone());
    tells(&broken(facts), "I6", "takes the step Scored again");
}

#[test]
fn i6_a_verdict_on_an_unwritten_attempt_is_told() {
    let mut facts = story();
    facts.remove(find(&facts, |fact| matches!(fact, Fact::Engineer(EngineerFact::CodeDiffProposed(_)))));
    tells(&broken(facts), "I6", "is judged, but was not written");
}

#[test]
fn i7_attempts_that_do_not_follow_one_another_are_told() {
    let replace = |facts: &mut Vec<Fact>, is: fn(&Fact) -> bool, with: Fact| {
        let place = find(facts, is);
        facts[place] = with;
    };
    let second = |fact: &Fact| matches!(fact, Fact::Trainer(TrainerFact::RunDispatched(body)) if body.attempt == 2);
    let result = |fact: &Fact| matches!(fact, Fact::Trainer(TrainerFact::RunCompleted(_)));
    let loss = |fact: &Fact| matches!(fact, Fact::Trainer(TrainerFact::RunLost(_)));
    for (is, with, sentence) in [
        (second as fn(&Fact) -> bool, dispatched(1, 3, 2), "(attempt, dispatch) is (3, 2), not (2, 2)"),
        (second, dispatched(1, 2, 1), "(attempt, dispatch) is (2, 1), not (2, 2)"),
        (result, completed(1, 1), "attempt 1 ends while 2 is under way"),
        (loss, completed(1, 1), "it goes on after its end"),
        (second, lost(1, 2), "attempt 2 ends before it was dispatched"),
    ] {
        let mut facts = story();
        replace(&mut facts, is, with);
        tells(&broken(facts), "I7", sentence);
    }
}

/// The story, its first run paused, resumed, and stopped or completed by `then`.
fn rested(kept: bool, resume: Option<u32>, then: &[Fact]) -> Vec<Violation> {
    let mut facts = story();
    let state = |step: u32| Checkpoint { hash: Hash::of(&step.to_le_bytes()), size: 9, step };
    let first = find(&facts, |fact| matches!(fact, Fact::Trainer(TrainerFact::RunDispatched(_))));
    let end = find(&facts, |fact| matches!(fact, Fact::Trainer(TrainerFact::RunCompleted(_))));
    let (run, attempt, spend) = (run(1), 1, sample::spend(0.0));
    let campaign = || "c".parse().unwrap();
    let (checkpoint, steps) = (state(5), 20);
    let saved = CheckpointSaved { campaign: campaign(), run: run.clone(), attempt, step: 5, steps, checkpoint, spend };
    let paused = RunPaused { run: run.clone(), attempt, why: "paused".into() };
    let lost = RunLost { run, attempt, why: "paused".into(), counts: false, spend, checkpoint: Some(state(5)) };
    let Fact::Trainer(TrainerFact::RunDispatched(again)) = dispatched(1, 2, 2) else { unreachable!() };
    let again = RunDispatched { resume: resume.map(state), ..again };
    let mut middle: Vec<Fact> = vec![TrainerFact::from(paused).into()];
    middle.extend(kept.then(|| RunFact::from(saved).into()));
    middle.extend([TrainerFact::from(lost).into(), TrainerFact::from(again).into()]);
    middle.extend_from_slice(then);
    drop(facts.splice(first + 1..=end, middle));
    broken(facts)
}

#[test]
fn a_run_that_rested_and_went_on_is_sound() {
    // Evidence is cited by place, and the places have moved.
    let flaws = rested(true, Some(5), &[completed(1, 2)]);
    assert!(flaws.iter().all(|flaw| flaw.id == "I20"), "{flaws:#?}");
}

#[test]
fn i7_a_run_that_does_not_go_on_where_it_was_is_told() {
    tells(
        &rested(true, None, &[completed(1, 2)]),
        "I7",
        "it goes on from step 0, not from the state that was left after 5",
    );
}

#[test]
fn i7_orders_that_do_not_follow_one_another_are_told() {
    let paused = || TrainerFact::from(RunPaused { run: run(1), attempt: 2, why: "p".into() }).into();
    let stopped = || TrainerFact::from(RunStopped { run: run(1), attempt: 2, why: "s".into() }).into();
    let ends = completed(1, 2);
    tells(&rested(true, Some(5), &[paused(), paused(), ends.clone()]), "I7", "it is paused while it is to rest");
    tells(&rested(true, Some(5), &[stopped(), stopped(), ends.clone()]), "I7", "it is stopped twice");
    tells(
        &rested(true, Some(5), &[stopped(), lost(1, 2), dispatched(1, 3, 3), ends]),
        "I7",
        "it goes on after its end",
    );
    tells(&rested(true, Some(5), &[stopped()]), "I7", "its training ends while a worker has it");
}

#[test]
fn i10_a_state_that_nobody_kept_is_told() {
    tells(&rested(false, Some(5), &[completed(1, 2)]), "I10", "no worker kept the state");
}

#[test]
fn i8_a_ledger_that_does_not_add_up_is_told() {
    let change = |nth: usize, sentence: &str, edit: fn(&mut MemoryFact)| {
        let mut facts = story();
        let mut memory =
            facts.iter_mut().filter_map(|fact| if let Fact::Memory(fact) = fact { Some(fact) } else { None });
        edit(memory.nth(nth).unwrap());
        tells(&broken(facts), "I8", sentence);
    };
    change(1, "it states that", |fact| {
        let MemoryFact::ParentSampled(body) = fact else { panic!("{fact:?}") };
        body.left.flops = Some(1e12);
    });
    change(1, "it reserves 2000000000000 FLOPs where", |fact| {
        let MemoryFact::ParentSampled(body) = fact else { panic!("{fact:?}") };
        body.allowance = Some(2e12);
    });
    change(2, "it states that", |fact| {
        let MemoryFact::ExperimentRecorded(body) = fact else { panic!("{fact:?}") };
        body.spend.flops = 0.0;
    });
    change(7, "it states 9 experiments", |fact| {
        let MemoryFact::CampaignClosed(body) = fact else { panic!("{fact:?}") };
        body.experiments = 9;
    });
}

#[test]
fn i8_a_settlement_without_reservation_is_told() {
    let mut facts = story();
    let place = find(&facts, |fact| matches!(fact, Fact::Memory(MemoryFact::ExperimentRecorded(_))));
    facts.insert(place, facts[place].clone());
    tells(&broken(facts), "I8", "which has no reservation");
}

#[test]
fn i14_a_fact_that_cannot_be_read_is_told() {
    let mut records = written(story()).records().to_vec();
    records.truncate(1);
    records[0].1.body = b"{}".to_vec();
    tells(&judge(&records), "I14", "it cannot be read");
}

#[test]
fn i14_a_subject_that_is_not_the_bodys_is_told() {
    let mut records = written(story()).records().to_vec();
    records.truncate(1);
    records[0].1.envelope.subject = Some("7".into());
    tells(&judge(&records), "I14", "its subject is");
}

#[test]
fn i15_a_foreign_writer_is_told() {
    let records = written(story()).records().to_vec();
    let (_, record) = &records[1];
    let violations = judge(&[(Topic::Analyst, record.clone())]);
    tells(&violations, "I15", "memory may not write move37.analyst");
}

#[test]
fn i16_a_rewritten_past_is_told() {
    let mut records = written(story()).records().to_vec();
    let third = records.iter().position(|(topic, record)| *topic == Topic::Memory && record.envelope.id.sequence == 3);
    records[third.unwrap()].1.envelope.previous = Hash::of(b"another past");
    tells(&judge(&records), "I16", "names no record seen");
}

#[test]
fn i18_a_body_beyond_the_bound_is_told() {
    let mut facts = story();
    let Fact::Engineer(EngineerFact::CodeDiffProposed(body)) = &mut facts[5] else { panic!("{:?}", facts[5]) };
    body.source = "x".repeat(1_000_001);
    tells(&broken(facts), "I18", "more than 1000000");
}

#[test]
fn i18_more_attempts_than_a_run_has_are_told() {
    let mut facts = story();
    let place = find(&facts, |fact| matches!(fact, Fact::Trainer(TrainerFact::RunCompleted(_))));
    facts.splice(place..place, [lost(1, 2), dispatched(1, 3, 3), lost(1, 3), dispatched(1, 4, 4)]);
    tells(&broken(facts), "I18", "is tried again after 2 lost attempts");
}

#[test]
fn i20_evidence_that_is_not_there_is_told() {
    let edit = |edit: fn(&mut InsightRecorded), sentence: &str| {
        let mut facts = story();
        let insight = facts.iter_mut().find_map(|fact| match fact {
            Fact::Analyst(AnalystFact::InsightRecorded(body)) => Some(body),
            _ => None,
        });
        edit(insight.unwrap());
        tells(&broken(facts), "I20", sentence);
    };
    edit(|body| body.evidence.push(sample::id("c/trainer/2")), "it cites c/trainer/2, which is no completed training");
    edit(|body| body.evidence.clear(), "it does not cite the training c/trainer/6");
    edit(
        |body| body.scored.results = sample::results(&[("bytes", 1.5)]),
        "it quotes 1.5 for bytes, measured was Some(2.5)",
    );
}
