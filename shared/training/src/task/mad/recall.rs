//! In-context recall, with and without noise.

use std::collections::BTreeMap;

use move37_tensor::rng::Stream;

use super::{MadSpec, Sequence, shifted};

/// What the settings lack, as words that follow "needs".
pub(super) fn check(spec: &MadSpec, noise_vocabulary: usize, noise: f64) -> Result<(), String> {
    let need = |fits: bool, what: String| if fits { Ok(()) } else { Err(what) };
    let least = noise_vocabulary + 2;
    need(spec.vocabulary >= least, format!("a vocabulary of at least {least}"))?;
    need((0.0..1.0).contains(&noise), "a share of noise of at least 0 and below 1".to_owned())?;
    need(spec.length >= 4 && spec.length.is_multiple_of(2), "an even length of at least 4".to_owned())
}

/// Slots of a key and its value or of two tokens of noise, then a key that was shown, with its value. The first half of the
/// vocabulary are keys, the second values, the last tokens noise. Values of different keys may be equal. One slot, drawn
/// among all, is never noise; since the last of them is taken by the final key, noise alone is possible, and drawn anew.
pub(super) fn instance(
    spec: &MadSpec,
    noise_vocabulary: usize,
    noise: f64,
    whole: bool,
    stream: &mut Stream,
) -> Sequence {
    let known = spec.vocabulary - noise_vocabulary;
    let (keys, slots) = (known / 2, spec.length / 2);
    loop {
        let mut map = BTreeMap::new();
        let mut shown: Sequence = Vec::with_capacity(spec.length);
        let clean = stream.below(slots);
        for slot in 0..slots - 1 {
            if noise > 0.0 && slot != clean && stream.uniform64() < noise {
                (0..2).for_each(|_| shown.push((known + stream.below(noise_vocabulary), None)));
                continue;
            }
            let key = stream.below(keys);
            let known_value = map.get(&key).copied();
            let value = known_value.unwrap_or_else(|| keys + stream.below(known - keys));
            map.insert(key, value);
            shown.extend([(key, None), (value, known_value)]);
        }
        if map.is_empty() {
            continue;
        }
        let asked = stream.below(map.len());
        let (&key, &value) = map.iter().nth(asked).expect("below their number");
        shown.extend([(key, None), (value, Some(value))]);
        return shifted(&shown, whole);
    }
}
