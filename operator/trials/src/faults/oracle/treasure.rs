//! Keys, disks, genesis and the records of identities: nothing that was once there may go or become another, at any moment of a run.

use crate::faults::history::{Change, Kind};
use serde_json::Value;
use std::collections::BTreeMap;

/// Resource versions between which a person took things away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByHand {
    /// From, exclusive.
    pub from: u64,
    /// To, inclusive.
    pub to: u64,
}

/// What was lost or rewritten, one line each.
#[must_use]
pub fn lost(changes: &[Change], by_hand: &[ByHand]) -> Vec<String> {
    let mut ordered: Vec<&Change> =
        changes.iter().filter(|change| treasure(change.kind, &change.name).is_some()).collect();
    ordered.sort_by_key(|change| change.version);
    let mut before: BTreeMap<(Kind, &str), Value> = BTreeMap::new();
    let mut remembered: BTreeMap<&str, bool> = BTreeMap::new();
    let mut lines = Vec::new();
    for change in ordered {
        let place = (change.kind, change.name.as_str());
        let shown = format!("{} {} at {}", change.kind.kind, change.name, change.version);
        let allowed = by_hand.iter().any(|hand| change.version > hand.from && change.version <= hand.to);
        let contents = treasure(change.kind, &change.name)
            .and_then(|field| change.object.pointer(field).cloned())
            .unwrap_or_default();
        if change.kind.kind == "Secret" && !change.deleted {
            let now = change.object.pointer(REMEMBERED).is_some();
            let then = remembered.insert(change.name.as_str(), now);
            if then == Some(true) && !now && !allowed {
                lines.push(format!("{shown}: that its identity has a record is forgotten"));
            }
        }
        match before.get(&place) {
            _ if change.deleted => {
                before.remove(&place);
                remembered.remove(change.name.as_str());
                if !allowed {
                    lines.push(format!("{shown}: deleted"));
                }
            }
            Some(was) if is_worse(change.kind, was, &contents) => {
                lines.push(format!("{shown}: rewritten"));
                before.insert(place, contents);
            }
            Some(_) | None => {
                before.insert(place, contents);
            }
        }
        if !change.object["metadata"]["deletionTimestamp"].is_null() && !change.deleted && !allowed {
            lines.push(format!("{shown}: being deleted"));
        }
    }
    lines
}

/// Says of an identity that it has a record; once there, for ever.
const REMEMBERED: &str = "/metadata/annotations/quorate.dev~1fence";

/// A record goes on from epoch to epoch, by its nodes; everything else stays as it is.
fn is_worse(kind: Kind, was: &Value, now: &Value) -> bool {
    if kind.kind != "Lease" || was.is_null() {
        return kind.kind != "Lease" && was != now;
    }
    let epoch = |record: &Value| record.as_str()?.split(' ').next()?.parse::<u64>().ok();
    was != now && epoch(now) <= epoch(was)
}

/// The field that is worth something. A claim's spec gets a volume and may grow, so only its being there counts.
fn treasure(kind: Kind, name: &str) -> Option<&'static str> {
    match kind.kind {
        "Secret" => Some("/data"),
        "ConfigMap" if name.ends_with("-genesis") => Some("/data"),
        "PersistentVolumeClaim" => Some("/kind"),
        "Lease" => Some("/metadata/annotations/quorate.dev~1fence-record"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{ByHand, lost};
    use crate::faults::history::{Change, Kind};
    use serde_json::json;
    use std::sync::Arc;

    fn change(version: u64, kind: &str, name: &str, data: &str, deleted: bool) -> Change {
        let object = Arc::new(json!({ "data": { "key": data }, "metadata": {} }));
        Change { version, kind: Kind::named(kind).expect("a kind"), name: name.to_owned(), deleted, object }
    }

    #[test]
    fn a_key_that_is_rewritten_or_deleted_is_found_even_when_it_is_there_again_at_the_end() {
        let made = change(1, "Secret", "a-0-identity", "1", false);
        assert!(lost(&[made.clone(), change(2, "Secret", "a-0-identity", "1", false)], &[]).is_empty());
        assert!(
            lost(&[made.clone(), change(3, "Secret", "a-0-identity", "2", false)], &[])[0]
                .contains("rewritten")
        );
        let again = [
            made.clone(),
            change(3, "Secret", "a-0-identity", "1", true),
            change(4, "Secret", "a-0-identity", "1", false),
        ];
        assert!(lost(&again, &[])[0].contains("deleted"));
        assert!(lost(&again, &[ByHand { from: 1, to: 3 }]).is_empty(), "a person may");
        assert!(!lost(&again, &[ByHand { from: 3, to: 9 }]).is_empty(), "but not the operator before");
        let genesis = [
            change(1, "ConfigMap", "n-genesis", "1", false),
            change(2, "ConfigMap", "n-genesis", "2", false),
        ];
        assert_eq!(lost(&genesis, &[]).len(), 1);
        let config = [
            change(1, "ConfigMap", "a-0-config", "1", false),
            change(2, "ConfigMap", "a-0-config", "2", false),
        ];
        assert!(lost(&config, &[]).is_empty(), "a configuration may change");
    }

    #[test]
    fn a_record_goes_on_by_epochs_and_is_never_set_back_emptied_or_deleted() {
        let lease = |version: u64, record: Option<&str>, deleted: bool| {
            let mut change = change(version, "Lease", "a-0-ff", "", deleted);
            let annotations = json!({ "quorate.dev/fence-record": record });
            let annotations = if record.is_some() { annotations } else { json!({}) };
            change.object = Arc::new(json!({ "metadata": { "annotations": annotations } }));
            change
        };
        let begun = [lease(1, None, false), lease(2, Some("1 a-0"), false), lease(3, Some("2 spare"), false)];
        assert_eq!(lost(&begun, &[]), Vec::<String>::new());
        for bad in [
            lease(4, Some("1 a-0"), false),
            lease(4, Some("2 a-0"), false),
            lease(4, None, false),
            lease(4, Some("2 spare"), true),
        ] {
            let all: Vec<Change> = begun.iter().cloned().chain([bad.clone()]).collect();
            assert_eq!(lost(&all, &[]).len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn that_an_identity_has_had_a_record_is_not_forgotten() {
        let secret = |version: u64, annotations: serde_json::Value| {
            let object = json!({ "data": { "key": "1" }, "metadata": { "annotations": annotations } });
            Change { object: Arc::new(object), ..change(version, "Secret", "a-0-identity", "1", false) }
        };
        let recorded = || json!({ "quorate.dev/fence": "recorded" });
        assert!(lost(&[secret(1, json!({})), secret(2, recorded())], &[]).is_empty());
        assert_eq!(lost(&[secret(1, recorded()), secret(2, json!({}))], &[]).len(), 1);
    }
}
