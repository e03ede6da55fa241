//! What `metadata.managedFields` tells of an object's body without reading it: who has written which fields.

use crate::names::MANAGER;
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta},
    jiff::Timestamp,
};
use serde_json::Value;
use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    num::NonZeroU64,
};

/// Who has written an object, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Writers {
    /// Changes with every change of who owns which field, status aside: an edit of a field of ours moves it from us to its
    /// editor, the removal of one takes it from us.
    pub(super) print: NonZeroU64,
    /// Nobody has written after us, by the server's clock.
    pub(super) ours_last: bool,
}

impl Writers {
    /// Reads the entries; those of subresources do not touch what we apply.
    #[must_use]
    pub(super) fn of(metadata: &ObjectMeta) -> Self {
        let mut hasher = DefaultHasher::new();
        let (mut ours, mut others) = (None, None);
        let entries = metadata.managed_fields.iter().flatten();
        for entry in entries.filter(|entry| entry.subresource.as_ref().is_none_or(String::is_empty)) {
            (&entry.manager, &entry.operation).hash(&mut hasher);
            if let Some(fields) = &entry.fields_v1 {
                hash_fields(&fields.0, &mut hasher);
            }
            let latest = if entry.manager.as_deref() == Some(MANAGER) { &mut ours } else { &mut others };
            *latest = Ord::max(*latest, Some(time(entry)));
        }
        let print = NonZeroU64::new(hasher.finish()).unwrap_or(NonZeroU64::MIN);
        Self { print, ours_last: ours.is_some() && ours > others }
    }
}

fn time(entry: &ManagedFieldsEntry) -> Timestamp {
    entry.time.as_ref().map_or(Timestamp::MIN, |time| time.0)
}

/// Sets of fields are objects within objects; their depth is that of the object, which the API server bounds.
fn hash_fields(fields: &Value, hasher: &mut DefaultHasher) {
    let Value::Object(entries) = fields else { return };
    entries.len().hash(hasher);
    for (name, below) in entries {
        name.hash(hasher);
        hash_fields(below, hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::Writers;
    use crate::names::MANAGER;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use serde_json::{Value, json};

    fn writers(entries: &Value) -> Writers {
        let metadata: ObjectMeta =
            serde_json::from_value(json!({ "managedFields": entries })).expect("metadata");
        Writers::of(&metadata)
    }

    fn entry(manager: &str, time: &str, subresource: &str, fields: &Value) -> Value {
        json!({ "manager": manager, "operation": "Apply", "time": time, "subresource": subresource, "fieldsV1": fields })
    }

    #[test]
    fn an_edit_and_a_removal_show_and_a_status_does_not() {
        let (spec, less) = (json!({ "f:a": { "f:b": {}, "f:c": {} } }), json!({ "f:a": { "f:b": {} } }));
        let ours = |fields: &Value| entry(MANAGER, "2026-01-01T00:00:10Z", "", fields);
        let before = writers(&json!([ours(&spec)]));
        assert!(before.ours_last);
        let status = entry("kube-controller-manager", "2026-01-01T00:00:30Z", "status", &less);
        assert_eq!(writers(&json!([ours(&spec), status])), before, "a status is not ours to watch");
        let removed = writers(&json!([ours(&less)]));
        assert!(removed.ours_last && removed.print != before.print, "a removal moves nothing to anybody");
        let edit = |time| entry("kubectl-edit", time, "", &json!({ "f:a": { "f:c": {} } }));
        let edited = writers(&json!([ours(&less), edit("2026-01-01T00:00:11Z")]));
        assert!(!edited.ours_last && edited.print != removed.print);
        let same_second = writers(&json!([ours(&less), edit("2026-01-01T00:00:10Z")]));
        assert!(!same_second.ours_last, "who was last within a second cannot be told");
        assert!(writers(&json!([ours(&less), edit("2026-01-01T00:00:09Z")])).ours_last);
        assert!(!writers(&json!([])).ours_last, "nobody's fields are known");
    }
}
