//! Texts that broke the gate once, and a few fresh ones, are answered.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use move37_hostile::{Mutator, judge, layers, texts_of};

#[test]
fn every_text_that_broke_the_gate_once_is_answered() {
    let cases = texts_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")).unwrap();
    assert!(!cases.is_empty());
    for (path, text) in cases {
        let judged = judge(&text);
        assert_eq!(judged.fault, None, "{}", path.display());
        assert!(!judged.admitted, "{}: a hostile text was admitted", path.display());
    }
}

#[test]
fn a_fresh_text_of_each_sort_is_answered() {
    let mutator = Mutator::new(layers().unwrap());
    for number in 1..=200 {
        assert_eq!(judge(&mutator.text(number)).fault, None, "text {number}");
    }
}
