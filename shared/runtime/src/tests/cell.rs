use std::collections::BTreeSet;

use move37_core::{Recorded, Timestamp};
use move37_eventlog::Position;
use move37_events::{Fact, Input, Topic};
use proptest::prelude::*;

use super::toy::{captured, chain, mention, order};
use super::world::{Inputs, Writer, expected, story};
use crate::cell::{Origin, Stamped, Ticket};
use crate::progress::Progress;

/// Orders 1..=n and mentions of some of them, mentions first as often as not.
fn inputs(orders: u64, mentions: &[u64], mentions_first: bool) -> Inputs {
    let orders = chain((1..=orders).map(|n| order(&format!("order {n}"))));
    let orders = orders.into_iter().map(|(record, fact)| (record, Fact::Campaign(fact)));
    let mentions = chain(mentions.iter().map(|&n| mention(n)));
    let mentions = mentions.into_iter().map(|(record, fact)| (record, Fact::Memory(fact)));
    match mentions_first {
        true => mentions.chain(orders).collect(),
        false => orders.chain(mentions).collect(),
    }
}

/// Hear every input and run everything to its end; crash after the appends and applications that `crash` names.
fn run(inputs: &Inputs, mut crash: impl FnMut(&str) -> bool) -> (Vec<Recorded>, Writer) {
    let mut log = Vec::new();
    let mut heard = 0;
    let mut writer = Writer::start(&log, &[]);
    loop {
        let crashed = if let Some(record) = writer.sending.pop_front() {
            crash("before append") || {
                log.push(record);
                crash("appended")
            }
        } else if writer.read(&log) {
            crash("applied")
        } else if !writer.running.is_empty() {
            writer.answer(0);
            false
        } else if let Some(input) = inputs.get(heard) {
            heard += 1;
            writer.hear(input);
            false
        } else {
            return (log, writer);
        };
        if crashed {
            writer = Writer::start(&log, &inputs[..heard]);
        }
    }
}

#[test]
fn a_story_is_told_to_its_end_before_the_next_input() {
    let (log, _) = run(&inputs(2, &[1], false), |_| false);
    let told = ["captured 1", "asked 1", "answered 1", "captured 2", "asked 2", "answered 2", "mentioned 1"];
    assert_eq!(story(&log), told);
}

#[test]
fn inputs_queued_during_a_story_wait_for_its_end() {
    let inputs = inputs(2, &[], false);
    let mut log = Vec::new();
    let mut writer = Writer::start(&log, &[]);
    inputs.iter().for_each(|input| writer.hear(input));
    while let Some(record) = writer.sending.pop_front() {
        log.push(record);
        assert!(writer.read(&log));
    }
    assert_eq!(story(&log), ["captured 1", "asked 1", "captured 2", "asked 2"]);
    assert_eq!(writer.started, [1, 2]);
}

#[test]
fn early_inputs_are_held_and_asked_again_after_every_own_fact() {
    let (log, _) = run(&inputs(3, &[3, 1], true), |_| false);
    let told = [
        "captured 1",
        "asked 1",
        "mentioned 1",
        "answered 1",
        "captured 2",
        "asked 2",
        "answered 2",
        "captured 3",
        "asked 3",
        "mentioned 3",
        "answered 3",
    ];
    assert_eq!(story(&log), told);
}

#[test]
fn every_fact_has_its_cause() {
    let (log, _) = run(&inputs(1, &[1], false), |_| false);
    let causes: Vec<_> = log.iter().map(|record| record.envelope.cause.as_ref().unwrap().to_string()).collect();
    // The answer's cause is the own fact that owed the call.
    assert_eq!(causes, ["c/operator/1", "c/researcher/1", "c/researcher/2", "c/memory/1"]);
}

#[test]
fn a_crash_at_every_boundary_gives_the_same_log_and_state() {
    let inputs = inputs(3, &[2, 1], true);
    let (log, writer) = run(&inputs, |_| false);
    let boundaries = 3 * log.len();
    for crash_at in 0..boundaries {
        let mut reached = 0;
        let (again, recovered) = run(&inputs, |_| {
            reached += 1;
            reached - 1 == crash_at
        });
        assert!(reached > crash_at);
        assert_eq!(again, log, "crash at boundary {crash_at}");
        assert_eq!(recovered.cell.fold().state_hash(), writer.cell.fold().state_hash());
    }
}

#[test]
fn effects_are_owed_again_after_a_crash_and_never_once_settled() {
    let inputs = inputs(2, &[], false);
    let (log, _) = run(&inputs, |_| false);
    // After "asked 1" was applied: owed again. After "answered 1": settled.
    let place = |word: &str| story(&log).iter().position(|told| told == word).unwrap() + 1;
    let started = |n: usize| Writer::start(&log[..n], &inputs[..1]).started;
    assert_eq!(started(place("asked 1")), [1]);
    assert_eq!(started(place("answered 1")), [0; 0]);
}

#[test]
fn effects_wait_until_the_history_of_the_inputs_is_decided() {
    let inputs = inputs(2, &[], false);
    let (log, _) = run(&inputs, |_| false);
    let mut writer = Writer::recover(&log[..2]);
    inputs.iter().for_each(|input| writer.hear(input));
    assert_eq!(writer.started, [0; 0], "history is not read yet");
    writer.live();
    assert_eq!(writer.started, [0; 0], "what it led to is not read back yet");
    let mut log = log[..2].to_vec();
    log.extend(writer.sending.drain(..));
    writer.read(&log);
    log.extend(writer.sending.drain(..));
    writer.read(&log);
    assert_eq!(writer.started, [1, 2]);
}

#[test]
fn an_effect_that_ends_while_owed_is_started_again() {
    let inputs = inputs(1, &[], false);
    let (log, _) = run(&inputs, |_| false);
    let mut writer = Writer::start(&log[..2], &inputs);
    let (instance, _) = writer.running.remove(0);
    let actions = writer.cell.ended(&instance);
    assert!(
        matches!(&actions[..], [crate::cell::Action::Start { instance: again, failures: 1, .. }] if again.generation != instance.generation),
        "{actions:?}"
    );
}

#[test]
fn a_cell_that_leaves_takes_in_its_append_and_decides_nothing_more() {
    let inputs = inputs(2, &[], false);
    let mut writer = Writer::start(&[], &[]);
    inputs.iter().for_each(|input| writer.hear(input));
    let log = vec![writer.sending.pop_front().unwrap()];
    assert!(writer.cell.leave().is_empty());
    assert!(writer.cell.is_waiting());
    assert!(writer.read(&log));
    assert!(!writer.cell.is_waiting());
    assert!(writer.sending.is_empty());
    assert_eq!(writer.cell.fold().state().captured, 1);
}

#[test]
fn an_input_is_dealt_with_when_its_story_is_read_back() {
    let progress = Progress::default();
    let dealt_with = || progress.dealt_with(|_, _| true).first().map_or(0, |position| position.offset);
    let (record, fact) = inputs(1, &[], false).remove(0);
    let (id, now) = (record.envelope.id, record.envelope.time);
    let position = Position { topic: Topic::Campaigns, partition: 0, offset: 0 };
    let ticket = Ticket { hold: Some(progress.take_in(position)), ..Ticket::default() };
    let mut log = Vec::new();
    let mut writer = Writer::start(&log, &[]);
    let input = Input::Fact { id: id.clone(), fact };
    let actions = writer.cell.input(Stamped { input, now, origin: Origin::Fact(id), ticket });
    writer.act(actions);
    for place in 1..=2 {
        assert_eq!(dealt_with(), 0, "before place {place}");
        log.extend(writer.sending.pop_front());
        assert!(writer.read(&log));
    }
    assert_eq!(story(&log), ["captured 1", "asked 1"]);
    assert_eq!(dealt_with(), 1);
}

#[test]
fn a_cell_tallies_what_it_decides_and_loses() {
    let inputs = inputs(1, &[], false);
    let mut loser = Writer::start(&[], &[]);
    loser.hear(&inputs[0]);
    let tally = loser.cell.tally();
    assert_eq!((tally.decided, tally.races_lost), (1, 0));
    let mut other = chain([captured(1)]).remove(0).0;
    other.envelope.time = Timestamp::from_millis(99);
    assert!(loser.read(&[other]));
    let tally = loser.cell.tally();
    // The other's fact, and the order again, which makes nothing any more.
    assert_eq!((tally.decided, tally.races_lost), (1, 1));
}

/// What may happen next in a world of two writers on one chain.
#[derive(Clone, Debug)]
enum Step {
    Hear(usize),
    Append(usize),
    /// The append is acknowledged late: the writer sends the same record twice.
    AppendTwice(usize),
    Read(usize),
    Answer(usize, usize),
    Crash(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..2_usize;
    let step = prop_oneof![
        3 => who.clone().prop_map(Step::Hear),
        4 => who.clone().prop_map(Step::Append),
        1 => who.clone().prop_map(Step::AppendTwice),
        4 => who.clone().prop_map(Step::Read),
        2 => (who.clone(), 0..3_usize).prop_map(|(who, which)| Step::Answer(who, which)),
        1 => who.prop_map(Step::Crash),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// L2, L3, L4: whatever two writers do, with races, zombies, duplicates and crashes, in the end every order is
    /// captured, asked and answered exactly once, and all readers agree.
    #[test]
    fn nothing_is_lost_or_doubled(
        orders in 1..4_u64,
        mentions in prop::collection::vec(1..4_u64, 0..3),
        mentions_first: bool,
        steps in steps(),
    ) {
        let inputs = inputs(orders, &mentions, mentions_first);
        let mut log: Vec<Recorded> = Vec::new();
        let mut writers = [Writer::start(&log, &[]), Writer::start(&log, &[])];
        for step in steps {
            match step {
                Step::Hear(w) => {
                    if let Some(input) = inputs.get(writers[w].heard) {
                        writers[w].hear(input);
                    }
                }
                Step::Append(w) => log.extend(writers[w].sending.pop_front()),
                Step::AppendTwice(w) => {
                    let record = writers[w].sending.pop_front();
                    log.extend(record.iter().cloned().chain(record.clone()));
                }
                Step::Read(w) => {
                    writers[w].read(&log);
                }
                Step::Answer(w, which) => {
                    if which < writers[w].running.len() {
                        writers[w].answer(which);
                    }
                }
                Step::Crash(w) => writers[w] = Writer::start(&log, &inputs[..writers[w].heard]),
            }
        }
        while writers.iter().any(|writer| writer.heard < inputs.len() || !writer.is_quiet(&log)) {
            for writer in &mut writers {
                if let Some(input) = inputs.get(writer.heard) {
                    writer.hear(input);
                }
                log.extend(writer.sending.drain(..));
                while writer.read(&log) {}
                if !writer.running.is_empty() {
                    writer.answer(0);
                }
            }
        }
        let told = story(&log);
        let known = mentions.iter().copied().filter(|&n| n <= orders);
        prop_assert_eq!(told.iter().cloned().collect::<BTreeSet<_>>(), expected(orders, known));
        prop_assert_eq!(told.len(), told.iter().collect::<BTreeSet<_>>().len(), "{:?}", told);
        let fresh = Writer::start(&log, &inputs);
        prop_assert!(fresh.is_quiet(&log));
        for writer in &writers {
            prop_assert_eq!(writer.cell.fold().state(), fresh.cell.fold().state());
            prop_assert_eq!(writer.cell.fold().head(), fresh.cell.fold().head());
        }
    }
}
