//! Selective copying: repeat the tokens that lie scattered among blanks.

use move37_tensor::rng::Stream;

use super::{MadSpec, Sequence};

/// The tokens to copy, with blanks (the last token but one) put before tokens drawn at random, so that none lies behind the
/// last of them; then the last token of the vocabulary, and a blank for each answer.
pub(super) fn instance(spec: &MadSpec, copied: usize, stream: &mut Stream) -> Sequence {
    let (blank, copy) = (spec.vocabulary - 2, spec.vocabulary - 1);
    let tokens: Vec<usize> = (0..copied).map(|_| stream.below(blank)).collect();
    let mut before = vec![0; copied];
    (0..spec.length - 2 * copied - 1).for_each(|_| before[stream.below(copied)] += 1);
    let mut sequence = Vec::with_capacity(spec.length);
    for (&token, blanks) in tokens.iter().zip(before) {
        sequence.extend(std::iter::repeat_n((blank, None), blanks));
        sequence.push((token, None));
    }
    sequence.push((copy, None));
    sequence.extend(tokens.iter().map(|&token| (blank, Some(token))));
    sequence
}
