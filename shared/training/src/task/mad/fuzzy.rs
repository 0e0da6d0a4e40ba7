//! Fuzzy in-context recall: keys and values of several tokens.

use std::collections::HashMap;

use move37_tensor::rng::Stream;

use super::{MadSpec, Sequence, shifted};

/// Pairs of motifs, then the probe: a pair that is put in once at or behind a place drawn for it, and asked for at the end.
/// All tokens of a motif differ. Keys have 1 to `key` tokens in training and always `key` otherwise; values have 1 to
/// `value`. The last token of the vocabulary fills the sequence up from the left.
///
/// The loop over pairs ends where the longest pair would leave no room for the probe, so that a probe whose place lies in
/// the last few positions is asked for without having been shown, as published.
pub(super) fn instance(spec: &MadSpec, key: usize, value: usize, whole: bool, stream: &mut Stream) -> Sequence {
    let pad = spec.vocabulary - 1;
    let half = pad / 2;
    let size = |most: usize, stream: &mut Stream| 1 + stream.below(most);
    let key_size = |stream: &mut Stream| if whole { size(key, stream) } else { key };
    let new_key = |size: usize, stream: &mut Stream| motif(0, half, size, stream);
    let new_value = |size: usize, stream: &mut Stream| motif(half, pad - half, size, stream);

    let (probe_key, probe_value) = (key_size(stream), size(value, stream));
    let (probe_key, probe_value) = (new_key(probe_key, stream), new_value(probe_value, stream));
    let probe = probe_key.len() + probe_value.len();
    let place = stream.below(spec.length - 2 * probe);

    let mut map: HashMap<Vec<usize>, Vec<usize>> = HashMap::new();
    let mut shown: Sequence = Vec::with_capacity(spec.length + 1);
    let mut probed = false;
    let room = spec.length.saturating_sub(probe + key + value);
    while shown.len() < room {
        let pair = if shown.len() >= place && !probed {
            probe_key.clone()
        } else {
            let size = key_size(stream);
            new_key(size, stream)
        };
        probed |= pair == probe_key;
        let known = map.get(&pair).cloned();
        let answer = match &known {
            Some(known) => known.clone(),
            None if pair == probe_key => probe_value.clone(),
            None => {
                let size = size(value, stream);
                new_value(size, stream)
            }
        };
        shown.extend(pair.iter().map(|&token| (token, None)));
        shown.extend(answer.iter().map(|&token| (token, known.is_some().then_some(token))));
        map.insert(pair, answer);
    }
    shown.extend(probe_key.iter().map(|&token| (token, None)));
    shown.extend(probe_value.iter().map(|&token| (token, Some(token))));
    let missing = (spec.length + 1).saturating_sub(shown.len());
    let padded: Sequence = std::iter::repeat_n((pad, None), missing).chain(shown).collect();
    shifted(&padded, whole)
}

/// `size` distinct tokens among the `n` from `first` on, in random order: each such motif is equally likely.
fn motif(first: usize, n: usize, size: usize, stream: &mut Stream) -> Vec<usize> {
    let mut motif = Vec::with_capacity(size);
    while motif.len() < size {
        let token = first + stream.below(n);
        if !motif.contains(&token) {
            motif.push(token);
        }
    }
    motif
}
