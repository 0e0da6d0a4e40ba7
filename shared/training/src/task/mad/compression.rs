//! Compression: random tokens and a last one whose position must hold them all.

use move37_tensor::rng::Stream;

use super::{MadSpec, Sequence};

/// Random tokens, then the last of the vocabulary; the answers are the tokens themselves.
pub(super) fn instance(spec: &MadSpec, stream: &mut Stream) -> Sequence {
    let last = spec.vocabulary - 1;
    let token = |i: usize| if i + 1 < spec.length { stream.below(last) } else { last };
    (0..spec.length).map(token).map(|token| (token, Some(token))).collect()
}
