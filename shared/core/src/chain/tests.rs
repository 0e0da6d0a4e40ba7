use proptest::prelude::*;

use super::*;

fn key() -> Key {
    "k".parse().expect("a name")
}

fn record_of(key: &str, source: &str, head: Head, body: &str) -> Recorded {
    let fact = FactType { name: "thing.happened".to_owned(), version: 1 };
    let (key, source) = (key.parse().expect("a name"), source.parse().expect("a name"));
    Recorded { envelope: head.next(&key, &source, fact, Timestamp::default()), body: body.as_bytes().to_vec() }
}

fn record(head: Head, body: &str) -> Recorded {
    record_of("k", "s", head, body)
}

/// `n` records, each after the one before.
fn branch(mut head: Head, n: usize, name: &str) -> Vec<Recorded> {
    let next = |i| {
        let record = record(head, &format!("{name}{i}"));
        head = Head::after(&record);
        record
    };
    (0..n).map(next).collect()
}

fn verdicts(records: &[Recorded]) -> Vec<Verdict> {
    let mut chains = Chains::default();
    records.iter().map(|record| chains.offer(record)).collect()
}

fn winners(records: &[Recorded]) -> Vec<Recorded> {
    let mut chains = Chains::default();
    records.iter().filter(|record| chains.offer(record) == Verdict::Won).cloned().collect()
}

const RACED: Verdict = Verdict::Lost(Loss::Raced);

#[test]
fn the_next_envelope_takes_the_place_after_the_head() {
    let first = record(Head::default(), "a");
    assert_eq!((first.envelope.id.sequence, first.envelope.previous), (1, Hash::GENESIS));
    let second = record(Head::after(&first), "b");
    assert_eq!((second.envelope.id.sequence, second.envelope.previous), (2, first.hash()));
    assert_eq!((second.envelope.campaign, second.envelope.cause), (None, None));
}

#[test]
fn a_chain_in_order_wins_every_place() {
    let chain = branch(Head::default(), 3, "a");
    assert_eq!(verdicts(&chain), [Verdict::Won, Verdict::Won, Verdict::Won]);
    let mut chains = Chains::default();
    for record in &chain {
        chains.offer(record);
    }
    let source = "s".parse().expect("a name");
    assert_eq!(chains.head(&key(), &source), Head::after(&chain[2]));
    assert_eq!(chains.head(&key(), &"other".parse().expect("a name")), Head::default());
}

#[test]
fn a_duplicate_loses_at_any_distance() {
    let chain = branch(Head::default(), 3, "a");
    let again = [&chain[..], &chain[..]].concat();
    assert_eq!(verdicts(&again)[3..], [Verdict::Lost(Loss::Duplicate); 3]);
}

#[test]
fn the_second_record_of_a_place_loses() {
    let chain = branch(Head::default(), 2, "a");
    let rival = record(Head::after(&chain[0]), "rival");
    assert_eq!(verdicts(&[chain[0].clone(), chain[1].clone(), rival.clone()])[2], RACED);
    assert_eq!(verdicts(&[chain[0].clone(), rival, chain[1].clone()])[2], RACED);
}

#[test]
fn a_zombie_that_goes_on_from_its_lost_record_loses_even_beyond_the_head() {
    let winner = record(Head::default(), "winner");
    let zombie = branch(Head::default(), 4, "zombie");
    let log = [vec![winner.clone()], zombie].concat();
    assert_eq!(verdicts(&log)[1..], [RACED, RACED, RACED, RACED]);
    let next = record(Head::after(&winner), "next");
    assert_eq!(winners(&[log, vec![next.clone()]].concat()), [winner, next]);
}

#[test]
fn a_missing_fact_is_a_gap() {
    let chain = branch(Head::default(), 3, "a");
    let torn = [chain[0].clone(), chain[2].clone()];
    assert_eq!(verdicts(&torn)[1], Verdict::Corrupt(Corruption::Gap { sequence: 3, head: 1 }));
}

#[test]
fn a_past_that_never_was_is_corruption_at_every_place() {
    let chain = branch(Head::default(), 3, "a");
    for place in 1..=4 {
        let invented = record(Head { sequence: place - 1, hash: Hash::of(b"invented") }, "x");
        let log = [chain.clone(), vec![invented]].concat();
        assert_eq!(verdicts(&log)[3], Verdict::Corrupt(Corruption::UnknownPast { before: place - 1 }), "place {place}");
    }
}

#[test]
fn what_follows_a_corrupt_record_is_corrupt_and_the_place_stays_free() {
    let first = record(Head::default(), "a");
    let invented = branch(Head { sequence: 1, hash: Hash::of(b"invented") }, 2, "x");
    let second = record(Head::after(&first), "b");
    let got = verdicts(&[vec![first], invented, vec![second]].concat());
    assert!(matches!(got[..], [Verdict::Won, Verdict::Corrupt(_), Verdict::Corrupt(_), Verdict::Won]), "{got:?}");
}

#[test]
fn there_is_no_place_zero() {
    let mut zero = record(Head::default(), "a");
    zero.envelope.id.sequence = 0;
    assert_eq!(verdicts(&[zero]), [Verdict::Corrupt(Corruption::PlaceZero)]);
}

#[test]
fn chains_of_other_keys_and_sources_do_not_meet() {
    let mut chains = Chains::default();
    for (key, source) in [("k", "s"), ("k", "t"), ("l", "s")] {
        assert_eq!(chains.offer(&record_of(key, source, Head::default(), "a")), Verdict::Won, "{key} {source}");
    }
    let heads: Vec<_> = chains.heads().map(|(key, source, head)| format!("{key} {source} {}", head.sequence)).collect();
    assert_eq!(heads, ["k s 1", "k t 1", "l s 1"]);
}

/// What a writer may do with what it believes is the chain's end.
#[derive(Clone, Debug)]
enum Step {
    /// Append after its own idea of the head, which may be stale, or its own lost record.
    Append(usize),
    /// Read the log to its end.
    Read(usize),
    /// Append again what it appended last.
    Repeat(usize),
}

fn log_of(steps: &[Step]) -> Vec<Recorded> {
    let mut log = Vec::new();
    let mut heads = [Head::default(); 3];
    let mut last: [Option<Recorded>; 3] = Default::default();
    for (i, step) in steps.iter().enumerate() {
        match *step {
            Step::Append(w) => {
                let next = record(heads[w], &format!("{w} {i}"));
                heads[w] = Head::after(&next);
                last[w] = Some(next.clone());
                log.push(next);
            }
            Step::Read(w) => heads[w] = winners(&log).last().map(Head::after).unwrap_or_default(),
            Step::Repeat(w) => log.extend(last[w].clone()),
        }
    }
    log
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..3_usize).prop_map(Step::Append),
        2 => (0..3_usize).prop_map(Step::Read),
        1 => (0..3_usize).prop_map(Step::Repeat),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    /// L3: whatever several writers append, racing, repeating, or going on from what they lost, it is no corruption,
    /// the winners are one unbroken chain, and dropping all losers changes nothing.
    #[test]
    fn all_readers_agree_on_one_chain(steps in steps()) {
        let log = log_of(&steps);
        prop_assert!(verdicts(&log).iter().all(|verdict| !matches!(verdict, Verdict::Corrupt(_))));
        let chain = winners(&log);
        let mut head = Head::default();
        for record in &chain {
            prop_assert_eq!(record.envelope.id.sequence, head.sequence + 1);
            prop_assert_eq!(record.envelope.previous, head.hash);
            head = Head::after(record);
        }
        prop_assert_eq!(winners(&chain), chain);
    }

    /// L3: a zombie's branch changes nothing wherever its records land after the fact that it lost against.
    #[test]
    fn a_zombies_branch_changes_nothing(
        length in 1..12_usize, from in 0..12_usize, zombies in 1..8_usize, places in prop::collection::vec(0..20_usize, 8),
    ) {
        let from = from % length;
        let chain = branch(Head::default(), length, "a");
        let before = if from == 0 { Head::default() } else { Head::after(&chain[from - 1]) };
        let mut log = chain.clone();
        let mut at = from + 1;
        for (record, place) in branch(before, zombies, "zombie").into_iter().zip(places) {
            at = (at + place).min(log.len());
            log.insert(at, record);
            at += 1;
        }
        prop_assert_eq!(winners(&log), chain);
    }

    /// Whatever one byte of a chain is changed, the chain ends before that record.
    #[test]
    fn a_changed_record_is_found(length in 2..8_usize, which in 0..7_usize, byte in 0..2_usize) {
        let which = which % (length - 1);
        let mut log = branch(Head::default(), length, "a");
        log[which].body[byte] ^= 1;
        let verdicts = verdicts(&log);
        prop_assert!(verdicts[..=which].iter().all(|verdict| *verdict == Verdict::Won));
        prop_assert!(verdicts[which + 1..].iter().all(|verdict| matches!(verdict, Verdict::Corrupt(_))));
    }
}
