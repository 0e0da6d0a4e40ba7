//! Texts made for tests.

use move37_tensor::rng::Stream;

/// `n` bytes of words drawn at random: easy to learn a little of.
pub(crate) fn text(seed: u64, n: usize) -> Vec<u8> {
    let words = ["the ", "king ", "and ", "queen ", "speak ", "no ", "more ", "of ", "love,\n", "night.\n"];
    let mut stream = Stream::new(seed, "fixture text");
    let mut text = Vec::with_capacity(n + 8);
    while text.len() < n {
        text.extend(words[stream.below(words.len())].as_bytes());
    }
    text.truncate(n);
    text
}
