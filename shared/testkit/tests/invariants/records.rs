//! Invariants about records rather than stories: contents (I1), times (I17), rest (I19), reading twice (I21).

use move37_core::{Head, Recorded, Timestamp};
use move37_events::facts::*;
use move37_events::{DeadLetter, Fact, RawRecord, Reason, Role, Topic};
use move37_testkit::{Counts, FirstRead, Invariants, Parked, SecondRead, Violation};

use super::{broken, find, judge, story, tells, written};

/// A fact that another incarnation decided: the same place and past, with this edit.
fn rival(of: &Recorded, edit: impl Fn(&mut Recorded)) -> Recorded {
    let mut rival = of.clone();
    rival.envelope.time = Timestamp::from_millis(rival.envelope.time.millis() + 1);
    edit(&mut rival);
    rival
}

/// The records of a story, and the place of its first hypothesis: decided on a fact of memory.
fn proposed() -> (Vec<(Topic, Recorded)>, usize) {
    let records = written(story()).records().to_vec();
    let place = records.iter().position(|(topic, _)| *topic == Topic::Researcher).unwrap();
    (records, place)
}

#[test]
fn i1_the_same_decided_again_at_another_time_breaks_nothing() {
    let (mut records, place) = proposed();
    records.push((Topic::Researcher, rival(&records[place].1, |_| {})));
    assert_eq!(judge(&records), []);
}

#[test]
fn i1_another_decision_on_the_same_past_is_told() {
    let (records, place) = proposed();
    let edits: [fn(&mut Recorded); 3] = [
        |record| record.body.push(b' '),
        |record| record.envelope.subject = Some("7".to_owned()),
        |record| record.envelope.fact = "move37.hypothesis.withdrawn.v1".parse().unwrap(),
    ];
    for edit in edits {
        let mut records = records.clone();
        records.push((Topic::Researcher, rival(&records[place].1, edit)));
        tells(&judge(&records), "I1", "was decided in two ways");
    }
}

#[test]
fn i1_other_inputs_and_outcomes_of_effects_may_say_something_else() {
    let (mut records, place) = proposed();
    let another_input = rival(&records[place].1, |record| {
        record.body.push(b' ');
        record.envelope.cause = Some("c/memory/1".parse().unwrap());
    });
    let admitted = records.iter().rposition(|(topic, _)| *topic == Topic::Engineer).unwrap();
    let another_outcome = rival(&records[admitted].1, |record| record.body.push(b' '));
    records.extend([(Topic::Researcher, another_input), (Topic::Engineer, another_outcome)]);
    assert_eq!(judge(&records), []);
}

#[test]
fn records_are_counted() {
    let (mut records, place) = proposed();
    let facts = records.len() as u64;
    records.push(records[place].clone());
    records.push((Topic::Researcher, rival(&records[place].1, |_| {})));
    let mut invariants = Invariants::default();
    for (topic, record) in &records {
        invariants.offer(*topic, topic.partition(&record.envelope.id.key), record);
    }
    assert_eq!(invariants.counts(), Counts { records: facts + 2, facts, duplicates: 1, raced: 1 });
}

/// Memory's chain with these times, in seconds.
fn timed(seconds: &[u64]) -> Vec<(Topic, Recorded)> {
    let mut head = Head::default();
    let memory = written(story()).records().to_vec().into_iter().filter(|(topic, _)| *topic == Topic::Memory);
    let timed = memory.zip(seconds).map(|((topic, mut record), seconds)| {
        record.envelope.time = Timestamp::from_millis(seconds * 1000);
        record.envelope.previous = head.hash;
        head = Head::after(&record);
        (topic, record)
    });
    timed.collect()
}

#[test]
fn i17_a_time_that_runs_backwards_is_told() {
    let of = |seconds: &[u64]| -> Vec<_> {
        judge(&timed(seconds)).into_iter().filter(|violation| violation.id == "I17").collect()
    };
    assert_eq!(of(&[1000, 1001, 1001, 941, 2000]), []);
    tells(&of(&[1000, 1001, 2000, 940]), "I17", "lies 1060 s before");
    tells(&of(&[1000, 950, 935]), "I17", "lies 65 s before");
}

#[test]
fn i19_a_run_that_goes_on_after_the_close_is_told() {
    let mut facts = story();
    let result = facts.iter().rposition(|fact| matches!(fact, Fact::Trainer(TrainerFact::RunCompleted(_)))).unwrap();
    facts.remove(result);
    tells(&broken(facts), "I19", "run 3-explore-bytes-0 is with a worker after the close");
}

#[test]
fn i19_a_training_that_goes_on_after_the_close_is_told() {
    let mut facts = story();
    facts.remove(find(&facts, |fact| matches!(fact, Fact::Trainer(TrainerFact::TrainingCompleted(_)))));
    tells(&broken(facts), "I19", "the training of experiment 1 goes on after the close");
}

fn read(records: &[(Topic, Recorded)]) -> FirstRead {
    let mut first = FirstRead::default();
    for (topic, record) in records {
        first.take(*topic, topic.partition(&record.envelope.id.key), record.hash());
    }
    first
}

fn second(first: &[(Topic, Recorded)], second: &[(Topic, Recorded)]) -> SecondRead {
    let mut again = read(first).again();
    for (topic, record) in second {
        again.take(*topic, topic.partition(&record.envelope.id.key), record.hash());
    }
    again
}

fn read_again(first: &[(Topic, Recorded)], again: &[(Topic, Recorded)]) -> Vec<Violation> {
    second(first, again).finish()
}

#[test]
fn i21_a_log_that_has_grown_reads_the_same() {
    let records = written(story()).records().to_vec();
    assert_eq!(read_again(&records[..10], &records), []);
}

#[test]
fn i21_other_records_or_fewer_are_told() {
    let records = written(story()).records().to_vec();
    tells(&read_again(&records, &records[..10]), "I21", "when read again");
    tells(&read_again(&records, &[]), "I21", "and 0 when read again");
    let mut swapped = records.clone();
    let memory: Vec<_> = (0..records.len()).filter(|&place| records[place].0 == Topic::Memory).take(2).collect();
    swapped.swap(memory[0], memory[1]);
    tells(&read_again(&records, &swapped), "I21", "its records were others");
}

/// Judge the records before the cut of every topic in `late`, and what comes after it as later.
fn judge_growing(records: &[(Topic, Recorded)], late: impl Fn(Topic) -> bool, tell: bool) -> Vec<Violation> {
    let mut invariants = Invariants::default();
    let (later, now): (Vec<_>, Vec<_>) = records.iter().partition(|(topic, _)| late(*topic));
    for (topic, record) in now {
        invariants.offer(*topic, topic.partition(&record.envelope.id.key), record);
    }
    for (topic, record) in later.into_iter().filter(|_| tell) {
        invariants.later(*topic, topic.partition(&record.envelope.id.key), record);
    }
    invariants.finish()
}

#[test]
fn a_log_that_grows_while_it_is_read_breaks_nothing() {
    let records = written(story()).records().to_vec();
    for topic in Topic::all() {
        assert_eq!(judge_growing(&records, |late| late == topic, true), [], "{topic} came later");
    }
    tells(&judge_growing(&records, |late| late == Topic::Trainer, false), "I3", "is not in the log");
    tells(&judge_growing(&records, |late| late == Topic::Engineer, false), "I6", "takes the step");
    tells(&judge_growing(&records, |late| late == Topic::Trainer, false), "I20", "which is no completed training");
}

/// A letter about a record of memory, with this edit.
fn parked(edit: impl Fn(&mut DeadLetter)) -> Vec<Violation> {
    let records = written(story()).records().to_vec();
    let (topic, record) = records.iter().find(|(topic, _)| *topic == Topic::Memory).unwrap();
    let (partition, headers) = (topic.partition(&record.envelope.id.key), record.envelope.headers());
    let raw = RawRecord { topic: *topic, partition, offset: 0, key: "c", headers: &headers, body: &record.body };
    let mut letter = DeadLetter::about(raw, Reason::Undecodable, "it does not fit", Role::Researcher);
    edit(&mut letter);
    let mut parked = Parked::default();
    parked.take(&letter.record(None, Timestamp::default()).unwrap());
    assert_eq!(parked.len(), 1);
    parked.finish(&second(&records, &records))
}

#[test]
fn i13_a_letter_about_a_record_of_the_log_breaks_nothing() {
    assert_eq!(parked(|_| {}), []);
}

#[test]
fn i13_a_letter_about_nothing_is_told() {
    tells(&parked(|letter| letter.origin.offset = 1000), "I13", "@1000, which the log does not have");
    tells(&parked(|letter| letter.origin.topic = "move37.nowhere".into()), "I13", "there is no such topic");
    tells(&parked(|letter| letter.origin.partition += 1), "I13", "which the log does not have");
    tells(&parked(|letter| letter.reader = "analyst".into()), "I13", "by analyst, which does not read move37.memory");
}

#[test]
fn i13_a_record_among_the_letters_that_is_none_is_told() {
    let records = written(story()).records().to_vec();
    let mut parked = Parked::default();
    parked.take(&records[0].1);
    tells(&parked.finish(&second(&records, &records)), "I13", "it is no letter");
}
