//! Every field of a CRD, read off its schema: a field that is added is found by being there.

use super::path::{Path, Step};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

/// One field and what the schema says of it.
#[derive(Clone, Debug)]
pub struct Field {
    /// `Consortium` or `Validator`.
    pub kind: String,
    /// Where it stands.
    pub path: Path,
    /// Its own schema.
    pub schema: Value,
    /// Its object cannot be without it.
    pub required: bool,
    /// Rules in CEL that see it: its own and those of the objects around it.
    pub rules: Vec<Rule>,
}

/// A rule in CEL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it says when it refuses.
    pub message: String,
    /// It compares with what was: it makes something immutable.
    pub transition: bool,
}

impl Field {
    /// It holds a value of its own, no fields, items or entries.
    #[must_use]
    pub fn is_leaf(&self) -> bool {
        ["properties", "items", "additionalProperties"].iter().all(|key| self.schema.get(key).is_none())
    }

    /// A leaf of what a user asks for.
    #[must_use]
    pub fn is_wish(&self) -> bool {
        self.is_leaf() && !self.is_status()
    }

    /// It belongs to what the operator reports.
    #[must_use]
    pub fn is_status(&self) -> bool {
        self.path.0.first() == Some(&Step::Field("status".to_owned()))
    }

    /// Name for people and for `LEAF=`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.kind, self.path)
    }
}

/// Schema of a CRD's first version, as JSON.
///
/// # Errors
/// The CRD does not serialise.
pub fn root(crd: &CustomResourceDefinition) -> Result<Value, serde_json::Error> {
    let crd = serde_json::to_value(crd)?;
    Ok(crd.pointer("/spec/versions/0/schema/openAPIV3Schema").cloned().unwrap_or_default())
}

/// All fields below `spec` and `status`, each before those in it.
#[must_use]
pub fn fields(kind: &str, root: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    for part in ["spec", "status"] {
        if let Some(schema) = root["properties"].get(part) {
            let path = Path(vec![Step::Field(part.to_owned())]);
            let rules: Vec<Rule> = rules_of(root).into_iter().chain(rules_of(schema)).collect();
            walk(kind, &path, schema, &rules, &mut found);
        }
    }
    found
}

/// The depth of the schema, which we make, bounds the recursion.
fn walk(kind: &str, path: &Path, schema: &Value, rules: &[Rule], found: &mut Vec<Field>) {
    let mut visit = |step: Step, inner: &Value, required: bool| {
        let path = path.then(step);
        let rules: Vec<Rule> = rules.iter().cloned().chain(rules_of(inner)).collect();
        found.push(Field {
            kind: kind.to_owned(),
            path: path.clone(),
            schema: inner.clone(),
            required,
            rules: rules.clone(),
        });
        walk(kind, &path, inner, &rules, found);
    };
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        visit(Step::Field(name.clone()), property, required.contains(&name.as_str()));
    }
    if let Some(items) = schema.get("items") {
        visit(Step::Item, items, false);
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        visit(Step::Entry, values, false);
    }
}

fn rules_of(schema: &Value) -> Vec<Rule> {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules
        .map(|rule| Rule {
            message: rule["message"].as_str().unwrap_or_default().to_owned(),
            transition: rule["rule"].as_str().unwrap_or_default().contains("oldSelf"),
        })
        .collect()
}

/// Schema of the place that a path leads to.
#[must_use]
pub fn at<'a>(root: &'a Value, path: &Path) -> Option<&'a Value> {
    path.0.iter().try_fold(root, |schema, step| match step {
        Step::Field(name) => schema["properties"].get(name),
        Step::Item => schema.get("items"),
        Step::Entry => schema.get("additionalProperties"),
    })
}

#[cfg(test)]
mod tests {
    use super::{at, fields};
    use crate::mutate::path::Path;
    use serde_json::json;

    #[test]
    fn every_field_is_found_with_the_rules_that_see_it() {
        let root = json!({ "properties": { "spec": {
            "required": ["name"],
            "properties": {
                "name": { "type": "string" },
                "list": { "type": "array", "items": { "properties": { "a": { "type": "integer" } },
                    "x-kubernetes-validations": [{ "rule": "self.a > 0", "message": "positive" }] } },
                "map": { "type": "object", "additionalProperties": { "type": "string" } },
            },
            "x-kubernetes-validations": [{ "rule": "self == oldSelf", "message": "fixed" }],
        } }, "x-kubernetes-validations": [{ "rule": "oldSelf.spec == self.spec", "message": "whole" }] });
        let found = fields("Thing", &root);
        let names: Vec<String> = found.iter().map(|field| field.path.to_string()).collect();
        assert_eq!(
            names,
            ["spec.list", "spec.list[]", "spec.list[].a", "spec.map", "spec.map{}", "spec.name"]
        );
        let leaves: Vec<_> = found.iter().filter(|field| field.is_leaf()).map(super::Field::name).collect();
        assert_eq!(leaves, ["Thing.spec.list[].a", "Thing.spec.map{}", "Thing.spec.name"]);
        let inner = &found[2];
        let rules: Vec<_> = inner.rules.iter().map(|rule| (rule.message.as_str(), rule.transition)).collect();
        assert_eq!(rules, [("whole", true), ("fixed", true), ("positive", false)]);
        assert!(found[5].required && !found[3].required);
        assert_eq!(at(&root, &Path::from("spec.list[].a")), Some(&json!({ "type": "integer" })));
    }
}
