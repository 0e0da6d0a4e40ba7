use std::collections::HashMap;

use serde_json::json;

use super::*;

#[test]
fn members_are_in_order_at_every_depth() {
    let value = json!({"b": [{"z": 1, "a": 2}], "a": {"d": null, "c": true}});
    assert_eq!(canonical_json(&value).expect("JSON"), r#"{"a":{"c":true,"d":null},"b":[{"a":2,"z":1}]}"#);
}

#[test]
fn one_value_has_one_text() {
    let keys: Vec<String> = (0..50).map(|n| format!("key {n}")).collect();
    let forwards: HashMap<_, _> = keys.iter().map(|key| (key, 1)).collect();
    let backwards: HashMap<_, _> = keys.iter().rev().map(|key| (key, 1)).collect();
    assert_eq!(canonical_hash(&forwards).expect("JSON"), canonical_hash(&backwards).expect("JSON"));
    assert_ne!(canonical_hash(&1).expect("JSON"), canonical_hash(&2).expect("JSON"));
}

#[test]
fn numbers_keep_every_bit() {
    for number in [0.1 + 0.2, 1e-300, f64::MAX, -0.0] {
        let text = canonical_json(&number).expect("JSON");
        assert_eq!(text.parse::<f64>().expect("a number").to_bits(), number.to_bits(), "{text}");
    }
}

#[test]
fn a_map_without_text_keys_has_no_form() {
    assert!(canonical_json(&HashMap::from([((1, 2), 3)])).is_err());
}
