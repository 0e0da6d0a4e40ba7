//! The JSON in a text: models without structured outputs put words and fences around it.

use serde_json::{Deserializer, Value};

/// The first object in `text` as it is written there, if there is a whole one.
pub(crate) fn json(text: &str) -> Option<&str> {
    // Bounded, since every start may read to the end.
    text.match_indices('{').take(64).find_map(|(start, _)| {
        let rest = &text[start..];
        let mut values = Deserializer::from_str(rest).into_iter::<Value>();
        values.next()?.ok()?;
        Some(&rest[..values.byte_offset()])
    })
}
