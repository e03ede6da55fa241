//! Whether an answer is the one wanted, and where it is not.

use serde_json::{Map, Value};

/// How alike two answers must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// The same JSON, whatever the order of keys.
    Whole,
    /// The same, but where both are errors their texts may differ: clients word them in their own ways.
    ButMessages,
    /// The same keys and kinds of values.
    Shape,
}

/// Compares two whole answers; the error names the first place where they differ.
pub fn answers(got: &Value, want: &Value, strictness: Strictness) -> Result<(), String> {
    if strictness == Strictness::Shape {
        return shape(got, want, "");
    }
    let (mut got, mut want) = (got.clone(), want.clone());
    if strictness == Strictness::ButMessages
        && let (Some(got), Some(want)) = (error_of(&mut got), error_of(&mut want))
    {
        got.remove("message");
        want.remove("message");
    }
    whole(&got, &want, "")
}

fn error_of(answer: &mut Value) -> Option<&mut Map<String, Value>> {
    answer.get_mut("error").and_then(Value::as_object_mut)
}

fn whole(got: &Value, want: &Value, at: &str) -> Result<(), String> {
    match (got, want) {
        (Value::Object(got), Value::Object(want)) => keys(got, want, at, whole),
        (Value::Array(got), Value::Array(want)) if got.len() == want.len() => {
            let mut rows = got.iter().zip(want).enumerate();
            rows.try_for_each(|(index, (got, want))| whole(got, want, &format!("{at}[{index}]")))
        }
        (got, want) if got == want => Ok(()),
        // 0 and 0.0 are one number.
        (Value::Number(got), Value::Number(want)) if got.as_f64() == want.as_f64() => Ok(()),
        (got, want) => Err(format!("{at} is {got:.300}, expected {want:.300}")),
    }
}

fn shape(got: &Value, want: &Value, at: &str) -> Result<(), String> {
    match (got, want) {
        (Value::Object(got), Value::Object(want)) => keys(got, want, at, shape),
        // Rows of a list may be of several shapes: each must be that of some row, and the first says what is missing.
        (Value::Array(got), Value::Array(want)) => match want.split_first() {
            Some((first, more)) => got.iter().try_for_each(|got| {
                let differs = shape(got, first, &format!("{at}[]"));
                if more.iter().any(|want| shape(got, want, at).is_ok()) { Ok(()) } else { differs }
            }),
            None => Ok(()),
        },
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, Value::Null) => Ok(()),
        (got, want) => Err(format!("{at} is {got:.300}, expected something like {want:.300}")),
    }
}

type Compare = fn(&Value, &Value, &str) -> Result<(), String>;

fn keys(
    got: &Map<String, Value>,
    want: &Map<String, Value>,
    at: &str,
    compare: Compare,
) -> Result<(), String> {
    if let Some((key, value)) = got.iter().find(|(key, _)| !want.contains_key(*key)) {
        return Err(format!("{at}.{key} is {value:.300}, expected no such key"));
    }
    // A hash differs whenever what it is over does, so that is named first.
    let (hashes, fields): (Vec<_>, Vec<_>) =
        want.iter().partition(|(key, _)| key.to_lowercase().ends_with("hash"));
    for (key, want) in fields.into_iter().chain(hashes) {
        let Some(got) = got.get(key) else {
            return Err(format!("{at}.{key} is missing, expected {want:.300}"));
        };
        compare(got, want, &format!("{at}.{key}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_difference_is_named_by_its_place() {
        let want = json!({"result": {"logs": [{"data": "0x1"}], "type": "0x2"}});
        let differs = |got: Value| answers(&got, &want, Strictness::Whole).unwrap_err();
        let got = json!({"result": {"type": "0x2", "logs": [{"data": "0x2"}]}});
        assert_eq!(differs(got), r#".result.logs[0].data is "0x2", expected "0x1""#);
        let got = json!({"result": {"type": "0x2", "logs": [{"data": "0x1"}], "more": null}});
        assert_eq!(differs(got), ".result.more is null, expected no such key");
        assert_eq!(
            differs(json!({})),
            r#".result is missing, expected {"logs":[{"data":"0x1"}],"type":"0x2"}"#
        );
        let same = json!({"result": {"type": "0x2", "logs": [{"data": "0x1"}]}});
        assert_eq!(answers(&same, &want, Strictness::Whole), Ok(()));
        let block = |hash: &str, size: f64| json!({"hash": hash, "size": size});
        let got = answers(&block("0x1", 7.5), &block("0x2", 7.0), Strictness::Whole);
        assert_eq!(got.unwrap_err(), ".size is 7.5, expected 7.0");
        assert_eq!(answers(&json!({"ratio": 0.0}), &json!({"ratio": 0}), Strictness::Whole), Ok(()));
    }

    #[test]
    fn texts_of_errors_may_differ_unless_they_are_asked_for_but_codes_and_data_may_not() {
        let error = |code: i64, message: &str| json!({"error": {"code": code, "message": message}});
        let compare = |strictness| answers(&error(-32000, "a"), &error(-32000, "b"), strictness).is_ok();
        assert!(compare(Strictness::ButMessages) && !compare(Strictness::Whole));
        assert!(answers(&error(3, "a"), &error(-32000, "a"), Strictness::ButMessages).is_err());
        assert!(answers(&json!({"result": null}), &error(3, "a"), Strictness::ButMessages).is_err());
    }

    #[test]
    fn a_shape_has_the_same_keys_and_kinds_whatever_the_values() {
        let want = json!({"result": [{"a": "0x1", "b": 1}]});
        let compare = |got: Value| answers(&got, &want, Strictness::Shape).is_ok();
        assert!(compare(json!({"result": [{"a": "0x2", "b": 7}, {"a": "", "b": 0}]})));
        assert!(!compare(json!({"result": [{"a": "0x2", "b": "7"}]})));
        assert!(!compare(json!({"result": [{"a": "0x2"}]})));
        assert!(!compare(json!({"error": {"code": 1}})));
        let want = json!({"steps": [{"op": "ADD"}, {"op": "SLOAD", "storage": {}}]});
        let compare = |got: Value| answers(&got, &want, Strictness::Shape).is_ok();
        assert!(compare(json!({"steps": [{"op": "SLOAD", "storage": {}}, {"op": "MUL"}]})));
        assert!(!compare(json!({"steps": [{"op": "ADD", "more": 1}]})));
    }
}
