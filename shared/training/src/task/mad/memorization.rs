//! Memorization: a fixed map that no sequence shows.

use move37_tensor::rng::Stream;

use super::{MadSpec, Sequence};

/// The value of each key: keys are the first half of all tokens but the last, values the second, one for each key.
pub(super) fn map(spec: &MadSpec, stream: &mut Stream) -> Vec<usize> {
    let known = spec.vocabulary - 1;
    let mut values: Vec<usize> = (known / 2..known).collect();
    stream.shuffle(&mut values);
    values.truncate(known / 2);
    values
}

/// Keys, each followed by the last token of the vocabulary, where its value is the answer.
pub(super) fn instance(spec: &MadSpec, map: &[usize], stream: &mut Stream) -> Sequence {
    let mut sequence = Vec::with_capacity(spec.length);
    for _ in 0..spec.length / 2 {
        let key = stream.below(map.len());
        sequence.extend([(key, None), (spec.vocabulary - 1, Some(map[key]))]);
    }
    sequence
}
