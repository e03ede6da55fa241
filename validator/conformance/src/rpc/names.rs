//! Names for what a node chooses itself, such as the id of a filter: an answer that is `"$filter"` takes any quantity and names
//! it, later requests and answers of the file have it where they say `"$filter"`.

use serde_json::Value;
use std::collections::BTreeMap;

/// What was named so far in one file.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// The text of a request with values where it has names.
    #[must_use]
    pub fn filled(&self, request: &str) -> String {
        let mut filled = request.to_string();
        for (name, value) in &self.0 {
            filled = filled.replace(&quoted(name), &quoted(value));
        }
        filled
    }

    /// Puts values where an expected answer has names; a name that has no value yet takes the quantity that was answered there.
    pub fn settle(&mut self, want: &mut Value, got: &Value) {
        match (want, got) {
            (Value::Object(want), Value::Object(got)) => {
                for (key, want) in want {
                    self.settle(want, got.get(key).unwrap_or(&Value::Null));
                }
            }
            (Value::Array(want), Value::Array(got)) => {
                want.iter_mut().zip(got).for_each(|(want, got)| self.settle(want, got));
            }
            (Value::String(name), got) if name.starts_with('$') => {
                if let Some(value) = got.as_str().filter(|value| is_quantity(value)) {
                    self.0.entry(name.clone()).or_insert_with(|| value.to_string());
                }
                if let Some(value) = self.0.get(name) {
                    name.clone_from(value);
                }
            }
            _ => {}
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// `0x` and digits, without zeros before them.
fn is_quantity(text: &str) -> bool {
    let Some(digits) = text.strip_prefix("0x") else { return false };
    let plain = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    plain && !digits.is_empty() && (digits == "0" || !digits.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_quantity_answered_is_meant_by_its_name_from_then_on() {
        let mut names = Names::default();
        let settled = |names: &mut Names, got: Value| {
            let mut want = json!({"result": ["$filter", "0x1"]});
            names.settle(&mut want, &got);
            want
        };
        assert_eq!(names.filled(r#"["$filter"]"#), r#"["$filter"]"#);
        let got = json!({"result": ["0xa1", "0x1"]});
        assert_eq!(settled(&mut names, got.clone()), got);
        assert_eq!(names.filled(r#"["$filter","$filters"]"#), r#"["0xa1","$filters"]"#);
        assert_eq!(settled(&mut names, json!({"result": ["0xb2", "0x1"]})), got, "not another one");
    }

    #[test]
    fn only_a_quantity_can_be_named() {
        for bad in [json!("0x"), json!("0x01"), json!("0xA"), json!("a"), json!(1), json!(null)] {
            let mut want = json!({"result": "$filter"});
            Names::default().settle(&mut want, &json!({"result": bad}));
            assert_eq!(want["result"], "$filter", "{bad}");
        }
        let mut want = json!({"result": "$filter"});
        Names::default().settle(&mut want, &json!({"error": {}}));
        assert_eq!(want["result"], "$filter");
        Names::default().settle(&mut want, &json!({"result": "0x0"}));
        assert_eq!(want["result"], "0x0");
    }
}
