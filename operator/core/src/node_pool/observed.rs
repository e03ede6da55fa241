//! A `ManagedClustersAgentPool` as found: a value of whichever version, of which only what is needed is read.

use super::GROUP;
use crate::names::{FLEET, MANAGED_BY, MANAGER};
use serde_json::Value;
use std::collections::BTreeMap;

/// The pool object as found.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolObserved {
    /// The whole object.
    pub live: Value,
    /// The operator made it.
    pub ours: bool,
    /// Fleet that it was made for.
    pub fleet: Option<String>,
    /// Version that the operator applied it by.
    pub applied_version: Option<String>,
    /// It is being deleted.
    pub deleting: bool,
    /// `spec.count`, else what Azure Service Operator last saw.
    pub count: Option<u32>,
    /// Azure Service Operator has seen the pool in Azure.
    pub exists: bool,
    /// Fields of the spec and annotations that another field manager has, and which.
    pub held: BTreeMap<String, String>,
    /// What Azure Service Operator says of it.
    pub ready: PoolReady,
}

/// The `Ready` condition of Azure Service Operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PoolReady {
    /// Azure has what the object says.
    Ready,
    /// It works on it.
    Working(String),
    /// Something is wrong; it goes on trying.
    Retrying(String),
    /// It has given up until the object is edited.
    Failed(String),
}

impl PoolObserved {
    /// Reads an object.
    #[must_use]
    pub fn read(live: Value) -> Self {
        let label = |name: &str| live.pointer("/metadata/labels")?.get(name)?.as_str().map(str::to_owned);
        let count = |path: &str| live.pointer(path)?.as_u64().and_then(|count| u32::try_from(count).ok());
        let reported = count("/status/count");
        Self {
            ours: label(MANAGED_BY).as_deref() == Some(MANAGER),
            fleet: label(FLEET),
            applied_version: applied_version(&live),
            deleting: live.pointer("/metadata/deletionTimestamp").is_some(),
            count: count("/spec/count").or(reported),
            exists: reported.is_some(),
            held: held(&live),
            ready: ready(&live),
            live,
        }
    }
}

fn managers(live: &Value) -> impl Iterator<Item = &Value> {
    live.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten()
}

fn is_ours(entry: &Value) -> bool {
    entry["manager"].as_str() == Some(MANAGER)
}

/// The managed fields under `version`, if some are under a version that is no longer served: the API server then answers
/// every apply with 500, whoever left the entry. Who holds what stays as it is.
#[must_use]
pub fn restated(live: &Value, served: &[String], version: &str) -> Option<Value> {
    let spoken = format!("{GROUP}/{version}");
    let gone = |entry: &Value| {
        let version =
            entry["apiVersion"].as_str().and_then(|spoken| spoken.strip_prefix(GROUP)?.strip_prefix('/'));
        version.is_some_and(|version| !served.iter().any(|served| served == version))
    };
    let renamed = |entry: &Value| {
        let mut entry = entry.clone();
        if gone(&entry) {
            entry["apiVersion"] = Value::String(spoken.clone());
        }
        entry
    };
    managers(live).any(gone).then(|| managers(live).map(renamed).collect())
}

/// `v20260501` of `containerservice.azure.com/v20260501`.
fn applied_version(live: &Value) -> Option<String> {
    let entry = managers(live).find(|entry| is_ours(entry) && entry["operation"] == "Apply")?;
    Some(entry["apiVersion"].as_str()?.rsplit('/').next()?.to_owned())
}

/// Fields of the spec by their name, annotations by theirs: the two share no spelling.
fn held(live: &Value) -> BTreeMap<String, String> {
    let mut held = BTreeMap::new();
    for entry in managers(live).filter(|entry| !is_ours(entry)) {
        let manager = entry["manager"].as_str().unwrap_or("an unknown manager");
        for path in ["/fieldsV1/f:spec", "/fieldsV1/f:metadata/f:annotations"] {
            let fields = entry.pointer(path).and_then(Value::as_object).into_iter().flatten();
            let names = fields.filter_map(|(field, _)| field.strip_prefix("f:"));
            held.extend(names.map(|name| (name.to_owned(), manager.to_owned())));
        }
    }
    held
}

fn ready(live: &Value) -> PoolReady {
    let mut conditions = live.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let Some(ready) = conditions.find(|condition| condition["type"] == "Ready") else {
        return PoolReady::Working("Azure Service Operator has not looked at it yet".to_owned());
    };
    let text = |field: &str| ready[field].as_str().unwrap_or_default();
    let said = format!("{}: {}", text("reason"), text("message"));
    let about = ready["observedGeneration"].as_i64();
    let behind = about.is_some() && about != live.pointer("/metadata/generation").and_then(Value::as_i64);
    match (text("status"), text("severity")) {
        _ if behind => {
            PoolReady::Working("Azure Service Operator has not looked at the last change yet".to_owned())
        }
        ("True", _) => PoolReady::Ready,
        (_, "Error") => PoolReady::Failed(said),
        (_, "Warning") => PoolReady::Retrying(said),
        _ => PoolReady::Working(said),
    }
}
