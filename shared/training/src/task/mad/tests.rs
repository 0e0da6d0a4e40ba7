//! What the published generators' instances have in common, and how they are distributed, held against numbers that the
//! published generators made: `golden.json`, 64 training and 64 test instances per task, seed 12345, numpy 2.4.6.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;

const INSTANCES: usize = 400;

fn task(name: &str) -> Mad {
    let spec = published().into_iter().find(|(known, _)| known == name).unwrap().1;
    Mad::new(spec).unwrap()
}

fn instances(task: &Mad, part: Part) -> Vec<Sequence> {
    (0..INSTANCES).map(|i| task.instance(part, i)).collect()
}

fn tokens(sequence: &[(usize, Option<usize>)]) -> Vec<usize> {
    sequence.iter().map(|(token, _)| *token).collect()
}

fn scored(sequence: &[(usize, Option<usize>)]) -> usize {
    sequence.iter().filter(|(_, answer)| answer.is_some()).count()
}

/// Numbers of the published generator.
fn golden() -> BTreeMap<String, Value> {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

fn array(golden: &Value, name: &str) -> Vec<i64> {
    golden[name].as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).collect()
}

#[test]
fn shapes_tokens_and_numbers_of_answers_are_those_of_the_published_generators() {
    for (name, golden) in golden() {
        let task = task(&name);
        let [train, test] = [Part::Train, Part::Test].map(|part| instances(&task, part));
        let length = golden["test_shape"][1].as_u64().unwrap();
        assert!(train.iter().chain(&test).all(|s| s.len() as u64 == length), "{name}");
        let seen: BTreeSet<usize> = train.iter().flat_map(|s| tokens(s)).collect();
        let range = [&golden["token_min"], &golden["token_max"]].map(|n| n.as_u64().unwrap());
        assert_eq!([*seen.first().unwrap() as u64, *seen.last().unwrap() as u64], range, "{name}");
        // The mean over 64 instances beside the mean over ours: 99.9 % of such differences lie within.
        let counts: Vec<f64> = test.iter().map(|s| scored(s) as f64).collect();
        let mean = counts.iter().sum::<f64>() / counts.len() as f64;
        let variance = counts.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / counts.len() as f64;
        let allowed = 3.3 * (variance / 64.0 + variance / INSTANCES as f64).sqrt() + 1e-9;
        let published = golden["scored_per_seq_mean"].as_f64().unwrap();
        assert!((mean - published).abs() <= allowed, "{name}: {mean} for {published}, {allowed} allowed");
        for end in ["scored_per_seq_min", "scored_per_seq_max"] {
            let end = golden[end].as_f64().unwrap();
            assert!((end - mean).abs() <= 4.5 * variance.sqrt() + 1e-9, "{name}: {end} is far from {mean}");
        }
    }
}

#[test]
fn the_published_instances_have_the_structure_that_is_asked_of_ours() {
    for (name, golden) in golden() {
        let task = task(&name);
        for (part, inputs, targets) in
            [(Part::Train, "train0_inputs", "train0_targets"), (Part::Test, "test0_inputs", "test0_targets")]
        {
            let answers = array(&golden, targets).into_iter().map(|n| usize::try_from(n).ok());
            let inputs = array(&golden, inputs).into_iter().map(|n| usize::try_from(n).unwrap());
            let sequence: Sequence = inputs.zip(answers).collect();
            structure(&task, &sequence, part, true);
        }
    }
}

#[test]
fn every_instance_of_ours_has_it_too_at_every_published_setting() {
    for (_, spec) in published() {
        let task = Mad::new(spec).unwrap();
        for part in [Part::Train, Part::Validation, Part::Test] {
            (0..12).for_each(|i| structure(&task, &task.instance(part, i), part, false));
        }
    }
    for spec in MINI {
        let task = Mad::new(spec).unwrap();
        (0..50).for_each(|i| structure(&task, &task.instance(Part::Test, i), Part::Test, false));
    }
}

/// The invariants of a task; the map of memorization is the generator's own, so `foreign` instances are held against none.
fn structure(task: &Mad, sequence: &[(usize, Option<usize>)], part: Part, foreign: bool) {
    let spec = &task.spec;
    let (read, whole) = (tokens(sequence), part == Part::Train);
    assert_eq!(sequence.len(), task.length());
    assert!(sequence.iter().all(|(token, answer)| (*token).max(answer.unwrap_or(0)) < spec.vocabulary));
    let answers: Vec<(usize, usize)> =
        sequence.iter().enumerate().filter_map(|(i, (_, answer))| answer.map(|a| (i, a))).collect();
    let next_tokens = || {
        assert_eq!(answers.len(), read.len());
        assert!(answers[..read.len() - 1].iter().all(|&(i, answer)| answer == read[i + 1]));
    };
    match spec.puzzle {
        Puzzle::InContextRecall | Puzzle::NoisyInContextRecall { .. } if whole => next_tokens(),
        Puzzle::FuzzyInContextRecall { .. } if whole => {
            next_tokens();
            let pads = read.iter().take_while(|&&token| token == spec.vocabulary - 1).count();
            assert!(read[pads..].iter().all(|&token| token < spec.vocabulary - 1));
        }
        Puzzle::InContextRecall => recall(spec, 0, &read, &answers),
        Puzzle::NoisyInContextRecall { noise_vocabulary, .. } => recall(spec, noise_vocabulary, &read, &answers),
        Puzzle::FuzzyInContextRecall { key, value } => fuzzy(spec, key, value, &read, &answers),
        Puzzle::Memorization => {
            let known = spec.vocabulary - 1;
            for (i, pair) in sequence.chunks(2).enumerate() {
                let (key, value) = (pair[0].0, pair[1].1.unwrap());
                assert!(pair[0].1.is_none() && pair[1].0 == known, "{i}");
                assert!(key < known / 2 && (known / 2..known).contains(&value));
                assert!(foreign || task.map[key] == value);
            }
        }
        Puzzle::Compression => {
            assert!(sequence.iter().all(|(token, answer)| *answer == Some(*token)));
            assert_eq!(read.iter().position(|&token| token == spec.vocabulary - 1), Some(spec.length - 1));
        }
        Puzzle::SelectiveCopying { copied } => {
            let (blank, copy) = (spec.vocabulary - 2, spec.vocabulary - 1);
            let at = spec.length - copied - 1;
            assert_eq!(read.iter().enumerate().filter(|(_, t)| **t == copy).map(|(i, _)| i).collect::<Vec<_>>(), [at]);
            let data: Vec<usize> = read[..at].iter().copied().filter(|&token| token != blank).collect();
            assert_eq!(data.len(), copied);
            assert!(read[at - 1] != blank && read[at + 1..].iter().all(|&token| token == blank));
            assert_eq!(answers, (at + 1..).zip(data).collect::<Vec<_>>());
        }
    }
}

fn recall(spec: &MadSpec, noise_vocabulary: usize, read: &[usize], answers: &[(usize, usize)]) {
    let known = spec.vocabulary - noise_vocabulary;
    let mut shown = BTreeMap::new();
    let mut expected = Vec::new();
    for (i, slot) in read.chunks(2).enumerate() {
        let key = slot[0];
        if key >= known {
            assert!(slot[1] >= known, "noise comes in twos");
            continue;
        }
        assert!(key < known / 2);
        match (shown.get(&key).copied(), slot.get(1)) {
            (known_value, Some(&value)) => {
                assert!((known / 2..known).contains(&value) && known_value.is_none_or(|known| known == value));
                expected.extend(known_value.map(|value| (2 * i, value)));
                shown.insert(key, value);
            }
            (known_value, None) => expected.push((2 * i, known_value.unwrap())),
        }
    }
    assert_eq!(answers, expected);
}

/// At the test all keys have the same number of tokens, so pairs can be told apart: keys and values have tokens of their own.
fn fuzzy(spec: &MadSpec, key: usize, value: usize, read: &[usize], answers: &[(usize, usize)]) {
    let (pad, half) = (spec.vocabulary - 1, (spec.vocabulary - 1) / 2);
    let pads = read.iter().take_while(|&&token| token == pad).count();
    assert!(read[pads..].iter().all(|&token| token != pad));
    let distinct = |motif: &[usize]| motif.iter().collect::<BTreeSet<_>>().len() == motif.len();
    let last = answers.last().unwrap();
    assert_eq!(last.0, read.len() - 1);
    let mut whole = read.to_vec();
    whole.push(last.1);
    let mut shown: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    let mut expected = Vec::new();
    let mut at = pads;
    while at < whole.len() {
        let motif = whole[at..at + key].to_vec();
        let size = whole[at + key..].iter().take_while(|&&token| token >= half).count();
        let answer = whole[at + key..at + key + size].to_vec();
        assert!(motif.iter().all(|&token| token < half) && (1..=value).contains(&size));
        assert!(distinct(&motif) && distinct(&answer));
        let known = shown.insert(motif, answer.clone());
        assert!(known.as_ref().is_none_or(|known| *known == answer));
        at += key + size;
        // The probe counts even where it was not shown before.
        if known.is_some() || at == whole.len() {
            expected.extend((at - size..at).map(|i| (i - 1, whole[i])));
        }
    }
    assert_eq!(answers, expected);
}

#[test]
fn keys_values_and_noise_are_drawn_evenly() {
    let near = |share: f64, expected: f64, n: usize| {
        let error = (expected * (1.0 - expected) / n as f64).sqrt();
        assert!((share - expected).abs() < 5.0 * error, "{share} for {expected}");
    };
    let noisy = instances(&task("noisy-in-context-recall"), Part::Test);
    let slots: Vec<usize> = noisy.iter().flat_map(|s| tokens(s).chunks(2).map(|c| c[0]).collect::<Vec<_>>()).collect();
    let noise = slots.iter().filter(|&&token| token >= 16).count();
    // Of 64 slots the final one is never noise, nor is the protected one, 63 times in 64 another.
    near(noise as f64 / slots.len() as f64, 0.2 * (63.0 - 63.0 / 64.0) / 64.0, slots.len());
    for key in 0..8 {
        let share = slots.iter().filter(|&&token| token == key).count() as f64 / (slots.len() - noise) as f64;
        near(share, 0.125, slots.len() - noise);
    }
    // Where the first blanks end: each of 223 blanks lies before the first of 16 tokens with probability 1/16.
    let copying = instances(&task("selective-copying"), Part::Test);
    let before: usize = copying.iter().map(|s| tokens(s).iter().take_while(|&&token| token == 14).count()).sum();
    near(before as f64 / (223 * INSTANCES) as f64, 1.0 / 16.0, 223 * INSTANCES);
    let fuzzy = instances(&task("fuzzy-in-context-recall"), Part::Train);
    let runs: Vec<usize> = fuzzy.iter().flat_map(|s| motifs(&tokens(s))).collect();
    for size in 1..=3 {
        // Sequences end where no longest pair fits, which hardly favours any size.
        near(runs.iter().filter(|&&n| n == size).count() as f64 / runs.len() as f64, 1.0 / 3.0, runs.len() / 4);
    }
}

/// Sizes of the value motifs of an instance of fuzzy recall, the first and the last left out.
fn motifs(read: &[usize]) -> Vec<usize> {
    let runs = read.chunk_by(|a, b| (*a < 7) == (*b < 7)).filter(|run| (7..15).contains(&run[0]));
    let sizes: Vec<usize> = runs.map(<[usize]>::len).collect();
    sizes[1..sizes.len() - 1].to_vec()
}

#[test]
fn an_epoch_deals_every_training_instance_once_in_an_order_of_its_seed() {
    let spec = MadSpec { puzzle: Puzzle::Compression, vocabulary: 16, length: 8, instances: 10 };
    let task = Mad::new(spec).unwrap();
    let rows = |seed, steps: std::ops::RangeInclusive<u32>| -> Vec<Vec<i64>> {
        steps
            .flat_map(|step| task.training(seed, step, 4).tokens.chunks(8).map(<[i64]>::to_vec).collect::<Vec<_>>())
            .collect()
    };
    let two_epochs = rows(7, 1..=5);
    let set = |rows: &[Vec<i64>]| rows.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(set(&two_epochs[..10]).len(), 10);
    assert_eq!(set(&two_epochs[..10]), set(&two_epochs[10..]));
    assert_ne!(two_epochs[..10], two_epochs[10..]);
    assert_eq!(set(&rows(8, 1..=5)), set(&two_epochs));
    assert_ne!(rows(8, 1..=5), two_epochs);
    assert_eq!(two_epochs, rows(7, 1..=5));
}

#[test]
fn parts_differ_and_do_not_depend_on_the_size_of_batches() {
    let task = task("in-context-recall");
    let all = |part, rows| task.held_out(part, 12, rows).into_iter().flat_map(|b| b.tokens).collect::<Vec<_>>();
    assert_eq!(all(Part::Test, 5), all(Part::Test, 12));
    assert_ne!(all(Part::Test, 12), all(Part::Validation, 12));
    let shorter = Mad::new(MadSpec { length: 64, ..task.spec }).unwrap();
    assert_ne!(task.data_hash(), shorter.data_hash());
}

#[test]
fn settings_without_room_are_refused_in_one_sentence() {
    let refused = |spec: MadSpec| Mad::new(spec).unwrap_err().to_string();
    let base = task("selective-copying").spec;
    assert!(refused(MadSpec { length: 33, ..base }).ends_with("selective-copying needs a length of more than 33"));
    assert!(refused(MadSpec { instances: 0, ..base }).ends_with("needs at least one training instance"));
    let noisy = task("noisy-in-context-recall").spec;
    assert!(refused(MadSpec { vocabulary: 17, ..noisy }).ends_with("needs a vocabulary of at least 18"));
    let fuzzy = task("fuzzy-in-context-recall").spec;
    assert!(refused(MadSpec { vocabulary: 6, ..fuzzy }).ends_with("needs a vocabulary of at least 7"));
    assert!(refused(MadSpec { length: 18, ..fuzzy }).ends_with("needs a length of more than 18"));
}
