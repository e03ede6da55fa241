//! Rights that a chart grants, rights that an audit log shows as used, and the difference.
//!
//! The log is the API server's, one JSON event a line, at level `Metadata` or above; the rights are `Role` and `ClusterRole`
//! documents as Helm renders them.

use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::BufRead,
};

/// Rights that are used without a request of their own, each with its reason.
pub const UNSEEN: [(&str, &str, &str, &str); 3] = [
    ("quorate.dev", "consortia/finalizers", "update", OWNER_REFERENCES),
    ("quorate.dev", "validators/finalizers", "update", OWNER_REFERENCES),
    ("coordination.k8s.io", "leases", "patch", GIVEN_ON),
];

const OWNER_REFERENCES: &str = "asked by the admission plugin OwnerReferencesPermissionEnforcement when a child that blocks the deletion of its owner is made";
const GIVEN_ON: &str =
    "asked by the API server's check against escalation when the Role of a fleet's nodes is made";

/// Why rights cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    /// The log cannot be read.
    #[error("audit log: {0}")]
    Log(#[from] std::io::Error),
    /// A line is no event.
    #[error("audit log, line {line}: {source}")]
    Event {
        /// Counted from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// A document is no YAML.
    #[error("manifest {number}: {reason}")]
    Manifest {
        /// Counted from 1.
        number: usize,
        /// Why.
        reason: String,
    },
}

/// One verb on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// API group, empty for the core.
    pub group: String,
    /// Resource, with `/` and the subresource if there is one.
    pub resource: String,
    /// Verb.
    pub verb: String,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = if self.group.is_empty() { "core" } else { &self.group };
        write!(f, "{:<8} {group}/{}", self.verb, self.resource)
    }
}

/// Rights by where they hold: everywhere (`None`) or in one namespace.
#[derive(Clone, Debug, Default)]
pub struct Granted(BTreeMap<Option<String>, BTreeSet<Right>>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default)]
    api_groups: Vec<String>,
    #[serde(default)]
    resources: Vec<String>,
    verbs: Vec<String>,
}

impl Granted {
    /// Reads every `Role` and `ClusterRole` of a multi-document YAML text; other documents are passed over.
    pub fn read(manifests: &str) -> Result<Self, RightsError> {
        let mut granted = Self::default();
        for (index, text) in manifests.split("\n---").enumerate() {
            let refuse = |reason: String| RightsError::Manifest { number: index + 1, reason };
            let Some(document) =
                serde_saphyr::from_str::<Option<Value>>(text).map_err(|e| refuse(e.to_string()))?
            else {
                continue;
            };
            let namespace = match document["kind"].as_str() {
                Some("ClusterRole") => None,
                Some("Role") => document["metadata"]["namespace"].as_str().map(ToOwned::to_owned),
                _ => continue,
            };
            let rules: Vec<Rule> =
                serde_json::from_value(document["rules"].clone()).map_err(|e| refuse(e.to_string()))?;
            granted.0.entry(namespace).or_default().extend(rules.iter().flat_map(rights));
        }
        Ok(granted)
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }
}

fn rights(rule: &Rule) -> Vec<Right> {
    let mut rights = Vec::new();
    for group in &rule.api_groups {
        for resource in &rule.resources {
            rights.extend(rule.verbs.iter().map(|verb| Right {
                group: group.clone(),
                resource: resource.clone(),
                verb: verb.clone(),
            }));
        }
    }
    rights
}

/// What one user asked for.
#[derive(Clone, Debug, Default)]
pub struct Used {
    /// Requests of the user in the log.
    pub requests: usize,
    /// Rights that a request needed, by namespace; cluster-wide requests have none.
    pub rights: BTreeSet<(Option<String>, Right)>,
    /// What authorisation refused, with the first request that was.
    pub refused: BTreeMap<Right, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    user: User,
    verb: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    object_ref: Option<ObjectRef>,
    response_status: Option<ResponseStatus>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectRef {
    #[serde(default)]
    api_group: String,
    resource: String,
    #[serde(default)]
    subresource: String,
    namespace: Option<String>,
}

#[derive(Deserialize)]
struct ResponseStatus {
    code: Option<u16>,
    #[serde(default)]
    message: String,
}

impl Used {
    /// Adds what a log says of `user`. A line that was cut off by the end of the API server is the last one, and is passed over.
    pub fn read(&mut self, log: impl BufRead, user: &str) -> Result<(), RightsError> {
        let mut cut_off = None;
        for (index, line) in log.lines().enumerate() {
            if let Some(error) = cut_off.take() {
                return Err(error);
            }
            match serde_json::from_str::<Event>(&line?) {
                Ok(event) if event.user.username == user => self.add(&event),
                Ok(_) => {}
                Err(source) => cut_off = Some(RightsError::Event { line: index + 1, source }),
            }
        }
        Ok(())
    }

    fn add(&mut self, event: &Event) {
        self.requests += 1;
        let Some(object) = &event.object_ref else { return };
        let slash = if object.subresource.is_empty() { "" } else { "/" };
        let right = |verb: &str| Right {
            group: object.api_group.clone(),
            resource: format!("{}{slash}{}", object.resource, object.subresource),
            verb: verb.to_owned(),
        };
        if is_refused(event) {
            self.refused.entry(right(&event.verb)).or_insert_with(|| event.request_uri.clone());
            return;
        }
        let namespace = object.namespace.clone().filter(|namespace| !namespace.is_empty());
        self.rights.insert((namespace.clone(), right(&event.verb)));
        // An apply that makes the object is authorised a second time, as its creation.
        let made = event.response_status.as_ref().is_some_and(|status| status.code == Some(201));
        if event.verb == "patch" && made {
            self.rights.insert((namespace, right("create")));
        }
    }
}

fn is_refused(event: &Event) -> bool {
    let forbidden =
        event.annotations.get("authorization.k8s.io/decision").is_some_and(|said| said == "forbid");
    let owner =
        |status: &ResponseStatus| status.code == Some(403) && status.message.contains("blockOwnerDeletion");
    forbidden || event.response_status.as_ref().is_some_and(owner)
}

/// What is granted and nobody used.
#[must_use]
pub fn unused(granted: &Granted, used: &Used) -> Vec<(Option<String>, Right)> {
    let seen = |namespace: &Option<String>, right: &Right| match namespace {
        None => used.rights.iter().any(|(_, one)| one == right),
        Some(_) => used.rights.contains(&(namespace.clone(), right.clone())),
    };
    let unseen = |right: &Right| {
        UNSEEN.iter().any(|(group, resource, verb, _)| {
            right.group == *group && right.resource == *resource && right.verb == *verb
        })
    };
    let all =
        granted.0.iter().flat_map(|(namespace, rights)| rights.iter().map(move |right| (namespace, right)));
    all.filter(|(namespace, right)| !unseen(right) && !seen(namespace, right))
        .map(|(namespace, right)| (namespace.clone(), right.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Granted, Used, unused};

    const ROLES: &str = r#"
apiVersion: v1
kind: ServiceAccount
---
# Source: a comment only
---
kind: ClusterRole
rules:
  - { apiGroups: [""], resources: [secrets], verbs: [create, patch] }
  - { apiGroups: [quorate.dev], resources: [validators/finalizers], verbs: [update] }
---
kind: Role
metadata: { namespace: quorate-system }
rules:
  - { apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get] }
"#;

    fn event(verb: &str, resource: &str, namespace: &str, code: u16, decision: &str) -> String {
        serde_json::json!({
            "user": { "username": "operator" }, "verb": verb, "requestURI": "/x",
            "objectRef": { "resource": resource, "namespace": namespace, "apiGroup": if resource == "leases" { "coordination.k8s.io" } else { "" } },
            "responseStatus": { "code": code }, "annotations": { "authorization.k8s.io/decision": decision },
        })
        .to_string()
    }

    fn used(lines: &[String]) -> Used {
        let mut used = Used::default();
        used.read(lines.join("\n").as_bytes(), "operator").expect("a log");
        used
    }

    #[test]
    fn an_apply_that_makes_its_object_uses_the_right_to_create_it_and_one_that_does_not_leaves_it_unused() {
        let granted = Granted::read(ROLES).expect("roles");
        assert_eq!(granted.count(), 4);
        let lease = event("get", "leases", "quorate-system", 200, "allow");
        let made = used(&[event("patch", "secrets", "a", 201, "allow"), lease.clone()]);
        assert!(unused(&granted, &made).is_empty());
        let changed = used(&[event("patch", "secrets", "a", 200, "allow"), lease]);
        let left: Vec<_> = unused(&granted, &changed).iter().map(|(_, right)| right.verb.clone()).collect();
        assert_eq!(left, ["create"]);
    }

    #[test]
    fn a_right_in_one_namespace_is_not_used_by_a_request_in_another() {
        let granted = Granted::read(ROLES).expect("roles");
        let elsewhere =
            used(&[event("patch", "secrets", "a", 201, "allow"), event("get", "leases", "a", 200, "allow")]);
        assert_eq!(unused(&granted, &elsewhere).len(), 1);
    }

    #[test]
    fn a_refusal_is_named_and_uses_nothing_and_other_users_do_not_count() {
        let refused = used(&[event("delete", "secrets", "a", 403, "forbid")]);
        assert_eq!((refused.refused.len(), refused.rights.len()), (1, 0));
        let other = event("get", "secrets", "a", 200, "allow").replace("\"operator\"", "\"other\"");
        assert_eq!(used(&[other]).requests, 0);
    }

    #[test]
    fn a_line_cut_off_by_the_end_of_the_server_is_passed_over_and_one_in_the_middle_is_not() {
        let whole = event("get", "secrets", "a", 200, "allow");
        let cut = whole[..20].to_owned();
        assert_eq!(used(&[whole.clone(), cut.clone()]).requests, 1);
        assert!(Used::default().read([cut, whole].join("\n").as_bytes(), "operator").is_err());
    }
}
