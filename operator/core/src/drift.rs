//! Whether an object has to be applied: its intent has changed, or somebody has changed what we intend.

use crate::{names::APPLIED, units::quantity};
use alloy_primitives::{hex, keccak256};
use serde_json::{Map, Value};

/// Puts the hash of the intent into the object's annotations; returns the hash.
pub fn stamp(desired: &mut Value) -> String {
    let hash = hex::encode(&keccak256(desired.to_string())[..8]);
    let metadata = child(desired, "metadata");
    let annotations =
        metadata.and_then(|metadata| child(metadata, "annotations")).and_then(Value::as_object_mut);
    if let Some(annotations) = annotations {
        annotations.insert(APPLIED.to_owned(), Value::String(hash.clone()));
    }
    hash
}

fn child<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    Some(value.as_object_mut()?.entry(key).or_insert_with(|| Value::Object(Map::new())))
}

/// Whether `live` already is what `desired` (stamped) says: same intent applied, and every field of it still there.
/// Fields that others added are theirs.
#[must_use]
pub fn is_applied(desired: &Value, live: &Value) -> bool {
    let intent = |object: &Value| object.pointer("/metadata/annotations")?.get(APPLIED).cloned();
    intent(desired) == intent(live) && carries(live, desired)
}

/// Objects are built by us, so their depth bounds the recursion.
fn carries(live: &Value, desired: &Value) -> bool {
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) => {
            desired.iter().all(|(key, value)| live.get(key).is_some_and(|live| carries(live, value)))
        }
        (Value::Array(live), Value::Array(desired)) => {
            live.len() == desired.len()
                && live.iter().zip(desired).all(|(live, desired)| carries(live, desired))
        }
        (Value::String(live), Value::String(desired)) => live == desired || same_quantity(live, desired),
        (live, desired) => live == desired,
    }
}

/// The API server writes quantities in their shortest form: `1000m` comes back as `1`.
fn same_quantity(left: &str, right: &str) -> bool {
    match (quantity(left), quantity(right)) {
        (Some(left), Some(right)) => (left - right).abs() <= f64::EPSILON * left.abs(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_applied, stamp};
    use serde_json::json;

    #[test]
    fn an_applied_object_is_left_alone_until_intent_or_object_changes() {
        let intent =
            || json!({ "metadata": { "name": "a" }, "spec": { "cpu": "1000m", "list": [{ "a": 1 }] } });
        let mut desired = intent();
        stamp(&mut desired);
        let mut live = desired.clone();
        live["spec"]["cpu"] = json!("1");
        live["spec"]["list"][0]["defaulted"] = json!(true);
        live["metadata"]["uid"] = json!("u");
        assert!(is_applied(&desired, &live), "defaults and shortest quantities are not drift");
        let mut edited = live.clone();
        edited["spec"]["list"][0]["a"] = json!(2);
        assert!(!is_applied(&desired, &edited), "an edited field is drift");
        let mut removed = json!({ "metadata": { "name": "a" }, "spec": { "cpu": "1000m" } });
        stamp(&mut removed);
        assert!(!is_applied(&removed, &live), "a field that is no longer intended must go");
    }
}
