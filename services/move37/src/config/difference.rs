//! Where two campaigns' configurations part.

use move37_events::facts::Campaign;
use serde_json::Value;

/// The first difference as a phrase, or none where they are equal: ``training.steps is 300 there, not 200``.
pub fn difference(there: &Campaign, wished: &Campaign) -> Option<String> {
    let value = |campaign: &Campaign| serde_json::to_value(campaign).unwrap_or(Value::Null);
    first(String::new(), &value(there), &value(wished))
}

fn first(path: String, there: &Value, wished: &Value) -> Option<String> {
    match (there, wished) {
        (Value::Object(a), Value::Object(b)) => a.iter().find_map(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            first(path, value, b.get(name).unwrap_or(&Value::Null))
        }),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(i, (a, b))| first(format!("{path}[{i}]"), a, b))
        }
        (Value::Array(a), Value::Array(b)) => Some(format!("{path} has {} entries there, not {}", a.len(), b.len())),
        (there, wished) if there == wished => None,
        (Value::String(text), _) if text.contains('\n') => Some(format!("{path} is another text there")),
        (there, wished) => Some(format!("{path} is {there} there, not {wished}")),
    }
}
