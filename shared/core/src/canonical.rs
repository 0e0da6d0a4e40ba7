//! One text for one value: the JSON that state hashes and decision hashes are made of.

use serde::Serialize;
use serde_json::Value;

use crate::Hash;

/// JSON with object keys in order and without white space.
///
/// # Errors
/// The value has no JSON form (a map whose keys are no strings).
pub fn canonical_json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    // serde_json's map is ordered by key, so going through `Value` sorts every object.
    serde_json::to_value(value).map(|v: Value| v.to_string())
}

/// Digest of [`canonical_json`].
///
/// # Errors
/// As there.
pub fn canonical_hash(value: &impl Serialize) -> Result<Hash, serde_json::Error> {
    canonical_json(value).map(|text| Hash::of(text.as_bytes()))
}
