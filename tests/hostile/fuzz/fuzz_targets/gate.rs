//! Texts against the gate, guided by coverage. Half of the mutations know the language.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use move37_core::{Draw, ExperimentId};
use move37_hostile::{Mutator, judge, layers};

fuzz_target!(|bytes: &[u8]| {
    let judged = judge(&String::from_utf8_lossy(bytes));
    assert_eq!(judged.fault, None);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    static MUTATOR: OnceLock<Mutator> = OnceLock::new();
    if seed % 2 == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mutator = MUTATOR.get_or_init(|| Mutator::new(layers().unwrap_or_default()));
    let mut draw = Draw::new(u64::from(seed), ExperimentId(0), "fuzz", "text", 0);
    let text = mutator.mutated(&String::from_utf8_lossy(&data[..size]), &mut draw);
    let length = text.len().min(max_size);
    data[..length].copy_from_slice(&text.as_bytes()[..length]);
    length
});
