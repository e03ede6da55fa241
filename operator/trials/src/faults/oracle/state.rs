//! The cluster's state without what differs between two runs that went the same way: times, uids, versions, generated keys
//! and all that follows from them.

use crate::faults::history::{Kind, Objects};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Annotation by which trials make the operator look at an object.
pub const NUDGE: &str = "trials.quorate.dev/nudge";

/// Objects by kind and name, masked.
pub type Masked = BTreeMap<String, Value>;

/// Masks a namespace.
#[must_use]
pub fn masked(objects: &Objects) -> Masked {
    let tokens = tokens(objects);
    let shown = objects.iter().filter(|((kind, name), _)| !is_foreign(*kind, name));
    let named = |kind: &Kind, name: &String| format!("{}/{}", kind.kind, mask_text(name, &tokens));
    shown.map(|((kind, name), object)| (named(kind, name), mask(object, &tokens))).collect()
}

/// What every namespace gets from the control plane.
fn is_foreign(kind: Kind, name: &str) -> bool {
    (kind.kind, name) == ("ConfigMap", "kube-root-ca.crt")
        || (kind.kind, name) == ("ServiceAccount", "default")
}

/// Addresses, node ids and journals of generated keys, each with the name of its Secret.
fn tokens(objects: &Objects) -> Vec<(String, String)> {
    let mut tokens = Vec::new();
    for ((kind, name), object) in objects {
        if let (true, Some(namespace)) = (tokens.is_empty(), object["metadata"]["namespace"].as_str()) {
            tokens.push((namespace.to_owned(), "<namespace>".to_owned()));
        }
        if kind.kind != "Secret" {
            continue;
        }
        for (key, value) in object["metadata"]["annotations"].as_object().into_iter().flatten() {
            let short = key.strip_prefix("quorate.dev/");
            if let (Some(short), Some(value)) = (short, value.as_str().filter(|value| value.len() >= 40)) {
                tokens.push((value.to_lowercase(), format!("<{short} of {name}>")));
            }
        }
    }
    tokens
}

fn mask(object: &Value, tokens: &[(String, String)]) -> Value {
    let mut object = object.clone();
    let metadata = &mut object["metadata"];
    let keep = |from: &Value, key: &str| from.get(key).cloned().unwrap_or_default();
    let owners = metadata["ownerReferences"].as_array().cloned().unwrap_or_default();
    let owners: Vec<Value> =
        owners.iter().map(|owner| json!([owner["kind"], owner["name"], owner["controller"]])).collect();
    let (mut labels, mut annotations) = (keep(metadata, "labels"), keep(metadata, "annotations"));
    for (map, key) in [(&mut annotations, NUDGE), (&mut labels, "controller-revision-hash")] {
        let left = map.as_object_mut().map(|map| (map.remove(key), map.is_empty()).1);
        if left == Some(true) {
            *map = Value::Null;
        }
    }
    *metadata = json!({
        "labels": labels, "annotations": annotations, "finalizers": keep(metadata, "finalizers"), "owners": owners,
        "deleting": !metadata["deletionTimestamp"].is_null(),

    });
    walk(&mut object, "", tokens);
    object
}

/// Fields whose value says when, or which number was drawn.
const WHEN_OR_WHICH: &[&str] = &[
    "lastTransitionTime",
    "observedAt",
    "height",
    "observedGeneration",
    "podIP",
    "podIPs",
    "ip",
    "hostIP",
    "hostIPs",
    "clusterIP",
    "clusterIPs",
    "nodePort",
    "healthCheckNodePort",
    "startTime",
    "currentRevision",
    "updateRevision",
    "volumeName",
    "uid",
    "startedAt",
    "lastProbeTime",
    "issuedAt",
    "genesis.json",
    "quorate.dev/applied",
    "quorate.dev/config",
    "quorate.dev/fence-record",
];

fn walk(value: &mut Value, field: &str, tokens: &[(String, String)]) {
    if WHEN_OR_WHICH.contains(&field) && !value.is_null() {
        *value = json!("<masked>");
        return;
    }
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| walk(value, key, tokens)),
        Value::Array(list) => list.iter_mut().for_each(|value| walk(value, "", tokens)),
        // A document in a document: a node's configuration, the network info.
        Value::String(text) if text.starts_with('{') && text.ends_with(['}', '\n']) => {
            match serde_json::from_str::<Value>(text) {
                Ok(_) if field == "genesis" => *value = json!("<masked>"),
                Ok(mut inner) => {
                    walk(&mut inner, "", tokens);
                    *value = inner;
                }
                Err(_) => *text = mask_text(text, tokens),
            }
        }
        Value::String(text) => *text = mask_text(text, tokens),
        _ => {}
    }
}

/// Known keys by name; any other long run of hexadecimal digits, or base64 of a Secret, by its length.
fn mask_text(text: &str, tokens: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (value, token) in tokens {
        let lower = text.to_lowercase();
        if let Some(bare) = value.strip_prefix("0x") {
            if lower.contains(value) || lower.contains(bare) {
                text = replace_ignoring_case(&replace_ignoring_case(&text, value, token), bare, token);
            }
        } else if lower.contains(value) {
            text = replace_ignoring_case(&text, value, token);
        }
    }
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for letter in text.chars().chain(['\0']) {
        if letter.is_ascii_alphanumeric() || letter == '=' {
            run.push(letter);
            continue;
        }
        // Secrets' data: 32, 42, 64 or 128 bytes and their base64.
        out.push_str(if run.len() >= 40 { "<drawn>" } else { &run });
        run.clear();
        if letter != '\0' {
            out.push(letter);
        }
    }
    out
}

fn replace_ignoring_case(text: &str, from: &str, to: &str) -> String {
    let lower = text.to_lowercase();
    if lower.len() != text.len() || from.is_empty() {
        return text.to_owned();
    }
    let (mut out, mut at) = (String::new(), 0);
    while let Some(found) = lower[at..].find(from) {
        out.push_str(&text[at..at + found]);
        out.push_str(to);
        at += found + from.len();
    }
    out.push_str(&text[at..]);
    out
}

/// What differs, one line each, at most a dozen.
#[must_use]
pub fn differences(wanted: &Masked, found: &Masked) -> Vec<String> {
    let mut lines = Vec::new();
    for name in wanted.keys().chain(found.keys().filter(|name| !wanted.contains_key(*name))) {
        match (wanted.get(name), found.get(name)) {
            (Some(_), None) => lines.push(format!("{name} is missing")),
            (None, Some(_)) => lines.push(format!("{name} should not be there")),
            (Some(wanted), Some(found)) => differ(name, wanted, found, &mut lines),
            (None, None) => {}
        }
    }
    lines.truncate(12);
    lines
}

fn differ(path: &str, wanted: &Value, found: &Value, lines: &mut Vec<String>) {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            for key in wanted.keys().chain(found.keys().filter(|key| !wanted.contains_key(*key))) {
                let null = Value::Null;
                let (wanted, found) = (wanted.get(key).unwrap_or(&null), found.get(key).unwrap_or(&null));
                differ(&format!("{path}.{key}"), wanted, found, lines);
            }
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            for (index, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                differ(&format!("{path}[{index}]"), wanted, found, lines);
            }
        }
        (wanted, found) if wanted != found => {
            let short = |value: &Value| value.to_string().chars().take(200).collect::<String>();
            lines.push(format!("{path}: {} instead of {}", short(found), short(wanted)));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{differences, masked};
    use crate::faults::history::{Kind, Objects};
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn objects(list: &[(&str, &str, Value)]) -> Objects {
        let key = |kind: &str, name: &str| (Kind::named(kind).expect("a kind"), name.to_owned());
        list.iter().map(|(kind, name, object)| (key(kind, name), Arc::new(object.clone()))).collect()
    }

    fn run(digit: char, uid: &str, image: &str) -> Objects {
        let address = format!("0x{}", digit.to_string().repeat(40));
        objects(&[
            (
                "Secret",
                "a-0-identity",
                json!({
                    "metadata": { "uid": uid, "annotations": { "quorate.dev/address": address } },
                    "data": { "key": format!("{digit}K").repeat(44) },
                }),
            ),
            ("StatefulSet", "a-0", json!({ "metadata": { "uid": uid }, "spec": { "image": image } })),
            (
                "Validator",
                "a",
                json!({
                    "metadata": { "uid": uid, "generation": 3 },
                    "status": { "nodes": [{ "name": "a-0", "address": address.to_uppercase().replace("0X", "0x") }] },
                }),
            ),
        ])
    }

    #[test]
    fn two_runs_that_drew_other_keys_are_equal_and_one_with_another_image_is_not() {
        let (one, other) = (masked(&run('a', "1", "x:1")), masked(&run('b', "2", "x:1")));
        assert_eq!(differences(&one, &other), Vec::<String>::new());
        assert_eq!(one, other);
        let changed = differences(&one, &masked(&run('b', "2", "x:2")));
        assert!(changed[0].contains("StatefulSet/a-0.spec.image"), "{changed:?}");
        let mut less = run('a', "1", "x:1");
        less.retain(|(kind, _), _| kind.kind != "Secret");
        assert!(differences(&one, &masked(&less))[0].contains("missing"));
    }

    #[test]
    fn the_address_of_another_nodes_key_is_a_difference() {
        let swapped = |first: char, second: char| {
            let mut all = run(first, "1", "x");
            let other = format!("0x{}", second.to_string().repeat(40));
            let secret = json!({ "metadata": { "annotations": { "quorate.dev/address": other } } });
            all.extend(objects(&[("Secret", "a-1-identity", secret)]));
            all
        };
        let mut wrong = swapped('a', 'b');
        let status = json!({
            "metadata": { "generation": 3 },
            "status": { "nodes": [{ "name": "a-0", "address": format!("0x{}", "b".repeat(40)) }] },
        });
        wrong.extend(objects(&[("Validator", "a", status)]));
        assert!(!differences(&masked(&swapped('a', 'b')), &masked(&wrong)).is_empty());
    }
}
