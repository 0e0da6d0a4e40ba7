//! One text for one value: the JSON that state hashes and decision hashes are made of.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::Hash;

/// JSON with object keys in order and without white space.
///
/// # Errors
/// The value has no JSON form (a map whose keys are no strings).
pub fn canonical_json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_value(value).map(|value| sorted(value).to_string())
}

/// Every object's members in the order of their keys, whatever order serde_json's map keeps: that is a feature which
/// any crate of a build may switch on.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<String, Value> = members.into_iter().collect();
            Value::Object(members.into_iter().map(|(name, value)| (name, sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// Digest of [`canonical_json`].
///
/// # Errors
/// As there.
pub fn canonical_hash(value: &impl Serialize) -> Result<Hash, serde_json::Error> {
    canonical_json(value).map(|text| Hash::of(text.as_bytes()))
}

#[cfg(test)]
mod tests;
