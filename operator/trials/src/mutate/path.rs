//! Where a field stands in an object: `spec.create.accounts[].address`, `spec.pod.labels{}` for the values of a map.

use serde_json::{Map, Value};
use std::fmt;

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Into a named field.
    Field(String),
    /// Into the first item of a list.
    Item,
    /// Into the first value of a map.
    Entry,
}

/// Steps from the root of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<Step>);

/// Key under which a map gets its first value: one that labels, annotations and selectors may all have.
pub const ENTRY: &str = "example.com/entry";

impl Path {
    /// One step further.
    #[must_use]
    pub fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// One step back; the root is its own parent.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// The object that the field, or the list or map of which it is an item, stands in.
    #[must_use]
    pub fn enclosing(&self) -> Self {
        let named = self.0.iter().rposition(|step| matches!(step, Step::Field(_))).unwrap_or_default();
        Self(self.0[..named].to_vec())
    }

    /// Whether the last steps are these, as `matchExpressions[].key`.
    #[must_use]
    pub fn ends_with(&self, suffix: &str) -> bool {
        let shown = self.to_string();
        shown.strip_suffix(suffix).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    }

    /// Names of the fields alone, as an API server's message has them once indices are taken out.
    #[must_use]
    pub fn names(&self) -> String {
        let names = self.0.iter().filter_map(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            Step::Item | Step::Entry => None,
        });
        names.collect::<Vec<_>>().join(".")
    }

    /// The value there, if there is one.
    #[must_use]
    pub fn get<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(object, |value, step| match step {
            Step::Field(name) => value.get(name),
            Step::Item => value.get(0),
            Step::Entry => value.as_object().and_then(|map| map.values().next()),
        })
    }

    /// Takes the value away.
    pub fn remove(&self, object: &mut Value) {
        let Some(parent) = self.parent().get_mut(object) else { return };
        match (self.0.last(), parent) {
            (Some(Step::Field(name)), Value::Object(fields)) => drop(fields.remove(name)),
            (Some(Step::Item), Value::Array(items)) if !items.is_empty() => drop(items.remove(0)),
            (Some(Step::Entry), Value::Object(map)) => {
                if let Some(first) = map.keys().next().cloned() {
                    map.remove(&first);
                }
            }
            _ => {}
        }
    }

    fn get_mut<'a>(&self, object: &'a mut Value) -> Option<&'a mut Value> {
        self.0.iter().try_fold(object, |value, step| match step {
            Step::Field(name) => value.get_mut(name),
            Step::Item => value.get_mut(0),
            Step::Entry => value.as_object_mut().and_then(|map| map.values_mut().next()),
        })
    }

    /// The place itself; what is missing on the way is made by `make`, which is told where.
    pub fn place<'a, E>(
        &self,
        object: &'a mut Value,
        make: &mut dyn FnMut(&Path) -> Result<Value, E>,
    ) -> Result<&'a mut Value, E> {
        let (mut value, mut at) = (object, Path::default());
        for step in &self.0 {
            at = at.then(step.clone());
            value = match step {
                Step::Field(name) => {
                    let fields = fields_of(value);
                    if fields.get(name).is_none_or(Value::is_null) {
                        fields.insert(name.clone(), make(&at)?);
                    }
                    fields.entry(name.clone()).or_insert(Value::Null)
                }
                Step::Item => {
                    if value.as_array().is_none_or(Vec::is_empty) {
                        *value = Value::Array(vec![make(&at)?]);
                    }
                    &mut value[0]
                }
                Step::Entry => {
                    let map = fields_of(value);
                    if map.is_empty() {
                        map.insert(ENTRY.to_owned(), make(&at)?);
                    }
                    let first = map.keys().next().cloned().unwrap_or_default();
                    map.entry(first).or_insert(Value::Null)
                }
            };
        }
        Ok(value)
    }
}

fn fields_of(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(fields) => fields,
        _ => unreachable!("was just made an object"),
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if index == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Item => f.write_str("[]")?,
                Step::Entry => f.write_str("{}")?,
            }
        }
        Ok(())
    }
}

impl From<&str> for Path {
    /// Reads what `Display` writes.
    fn from(text: &str) -> Self {
        let mut steps = Vec::new();
        for part in text.split('.').filter(|part| !part.is_empty()) {
            let name = part.trim_end_matches(['[', ']', '{', '}']);
            steps.push(Step::Field(name.to_owned()));
            let mut rest = &part[name.len()..];
            while let Some(after) = rest.get(2..) {
                steps.push(if rest.starts_with("[]") { Step::Item } else { Step::Entry });
                rest = after;
            }
        }
        Self(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::{Path, Step};
    use serde_json::{Value, json};
    use std::convert::Infallible;

    #[test]
    fn a_path_is_read_as_it_is_shown() {
        for text in ["spec.create.accounts[].address", "spec.pod.labels{}", "spec.a[][].b", "status"] {
            assert_eq!(Path::from(text).to_string(), text);
        }
        assert_eq!(Path::from("spec.create.accounts[].address").names(), "spec.create.accounts.address");
        assert_eq!(Path::from("spec.term.namespaces[]").enclosing().to_string(), "spec.term");
        assert!(Path::from("spec.pod.affinity.a.matchExpressions[].key").ends_with("matchExpressions[].key"));
        assert!(!Path::from("spec.ab").ends_with("b"));
    }

    #[test]
    fn what_is_missing_on_the_way_is_made_and_what_is_there_is_kept() {
        let mut object = json!({ "spec": { "kept": 1 } });
        let path = Path::from("spec.list[].name");
        let mut made = Vec::new();
        let mut make = |at: &Path| -> Result<Value, Infallible> {
            made.push(at.to_string());
            Ok(match at.0.last() {
                Some(Step::Item) => json!({ "sibling": true }),
                _ => Value::Null,
            })
        };
        *path.place(&mut object, &mut make).expect("infallible") = json!("x");
        assert_eq!(object, json!({ "spec": { "kept": 1, "list": [{ "sibling": true, "name": "x" }] } }));
        assert_eq!(made, ["spec.list", "spec.list[]", "spec.list[].name"]);
        assert_eq!(path.get(&object), Some(&json!("x")));
        path.remove(&mut object);
        assert_eq!(path.get(&object), None);
    }
}
