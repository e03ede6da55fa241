//! A namespace with both objects, brought to rest.

use super::{
    children::{Kinds, Snapshot},
    judge::Outcome,
    kubelet::Kubelet,
    tap::Tap,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use operator_core::api::{Condition, GROUP, VERSION, conditions::ConditionStatus};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// No write for so long is silence: longer than the operator's own pause after a pass that failed.
const QUIET: Duration = Duration::from_millis(4500);
/// What needs longer than this does not settle.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// What all stages share.
#[derive(Clone)]
pub struct Arena {
    /// The API server, not by way of the tap.
    pub client: Client,
    /// What the operator writes.
    pub tap: Arc<Tap>,
    /// The nodes.
    pub kubelet: Arc<Kubelet>,
    /// Kinds of children.
    pub kinds: Arc<Kinds>,
}

/// One namespace.
pub struct Stage {
    /// What it shares with the others.
    pub arena: Arena,
    /// Its name.
    pub namespace: String,
    /// Manifests as applied last.
    pub manifests: BTreeMap<String, Value>,
}

/// The part of a status that every kind has.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Common {
    observed_generation: Option<i64>,
    conditions: Vec<Condition>,
}

/// What kstatus makes of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Everything for this generation is done.
    Current,
    /// It goes on.
    InProgress(String),
    /// A person must act.
    Failed(String),
}

/// The rules of kstatus (its README, "conditions") for kinds that it does not know.
#[must_use]
pub fn kstatus(object: &Value) -> Reading {
    let status: Common = serde_json::from_value(object["status"].clone()).unwrap_or_default();
    let is = |kind: &str, wanted: ConditionStatus| {
        status.conditions.iter().find(|condition| condition.kind == kind && condition.status == wanted)
    };
    let generation = object["metadata"]["generation"].as_i64();
    if status.observed_generation != generation {
        return Reading::InProgress(format!(
            "observedGeneration {:?} of {generation:?}",
            status.observed_generation
        ));
    }
    if let Some(condition) = is("Reconciling", ConditionStatus::True) {
        return Reading::InProgress(format!("Reconciling: {}", condition.message));
    }
    if let Some(condition) = is("Stalled", ConditionStatus::True) {
        return Reading::Failed(condition.message.clone());
    }
    match is("Ready", ConditionStatus::True) {
        Some(_) => Reading::Current,
        None => Reading::InProgress("Ready is not True".to_owned()),
    }
}

impl Stage {
    /// A fresh namespace in which the manifests are applied; refused ones say why.
    ///
    /// # Errors
    /// The API server refuses a manifest.
    ///
    /// # Panics
    /// There can be no namespace.
    pub async fn new(
        arena: &Arena,
        name: &str,
        manifests: &BTreeMap<String, Value>,
    ) -> Result<Self, kube::Error> {
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        let namespaces: Api<Namespace> = Api::all(arena.client.clone());
        namespaces.create(&PostParams::default(), &namespace).await.expect("a namespace");
        let seats = manifests["Validator"]["spec"]["replicas"].as_u64().unwrap_or(1);
        arena.kubelet.play(name, usize::try_from(seats).unwrap_or(1));
        let stage = Self { arena: arena.clone(), namespace: name.to_owned(), manifests: manifests.clone() };
        for manifest in manifests.values() {
            stage.apply(manifest).await?;
        }
        Ok(stage)
    }

    /// Objects of one of our kinds.
    #[must_use]
    pub fn api(&self, kind: &str) -> Api<DynamicObject> {
        let gvk = GroupVersionKind::gvk(GROUP, VERSION, kind);
        let plural = if kind == "Consortium" { "consortia" } else { "validators" };
        Api::namespaced_with(
            self.arena.client.clone(),
            &self.namespace,
            &ApiResource::from_gvk_with_plural(&gvk, plural),
        )
    }

    /// Applies a manifest as a user does with `kubectl apply --server-side`.
    ///
    /// # Errors
    /// The API server refuses it.
    pub async fn apply(&self, manifest: &Value) -> Result<(), kube::Error> {
        let kind = manifest["kind"].as_str().unwrap_or_default();
        let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
        let params = PatchParams::apply("user").force().validation_strict();
        self.api(kind).patch(name, &params, &Patch::Apply(manifest)).await.map(drop)
    }

    /// Writes a status as somebody who is not the operator.
    ///
    /// # Errors
    /// The API server refuses it.
    pub async fn write_status(&self, kind: &str, before: &Value, after: &Value) -> Result<(), kube::Error> {
        let params = PatchParams { field_manager: Some("somebody".to_owned()), ..PatchParams::default() }
            .validation_strict();
        let patch = json!({ "status": changes(before, after) });
        self.api(kind).patch_status(&self.name(kind), &params, &Patch::Merge(&patch)).await.map(drop)
    }

    /// The object as it is.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn object(&self, kind: &str) -> Result<Value, kube::Error> {
        let object = self.api(kind).get(&self.name(kind)).await?;
        Ok(serde_json::to_value(&object).unwrap_or_default())
    }

    fn name(&self, kind: &str) -> String {
        self.manifests[kind]["metadata"]["name"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits until both objects are current or stalled and nothing is written any more; returns what came of it.
    ///
    /// # Errors
    /// The objects cannot be read.
    pub async fn rest(&self) -> Result<Outcome, kube::Error> {
        let start = Instant::now();
        loop {
            let last = self.arena.tap.writes(&self.namespace).last;
            let since = last.as_ref().map_or(start, |(at, ..)| (*at).max(start));
            let said = if since.elapsed() >= QUIET { Some(self.reading().await?) } else { None };
            match said {
                Some(Reading::Current) => return Ok(Outcome::Settled),
                Some(Reading::Failed(message)) => return Ok(Outcome::Stalled(message)),
                said if start.elapsed() > PATIENCE => {
                    let last = last.map_or_else(String::new, |(_, what, answer)| {
                        format!("; last write: {what}: {answer}")
                    });
                    let said = match said {
                        Some(Reading::InProgress(message)) => message,
                        _ => format!("writes go on: {} so far", self.arena.tap.writes(&self.namespace).count),
                    };
                    return Ok(Outcome::Restless(format!("{said}{last}")));
                }
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// The worse of both objects: what waits for a stalled one goes on waiting.
    async fn reading(&self) -> Result<Reading, kube::Error> {
        let mut worst = Reading::Current;
        for kind in self.manifests.keys() {
            match kstatus(&self.object(kind).await?) {
                failed @ Reading::Failed(_) => return Ok(failed),
                Reading::InProgress(message) => worst = Reading::InProgress(format!("{kind}: {message}")),
                Reading::Current => {}
            }
        }
        Ok(worst)
    }

    /// Everything that the operator made here.
    ///
    /// # Errors
    /// It cannot be listed.
    pub async fn children(&self) -> Result<Snapshot, kube::Error> {
        self.arena.kinds.snapshot(&self.arena.client, &self.namespace).await
    }

    /// Deletes both objects and lets the seats go: the operator has nothing to do here any more.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn end(&self) -> Result<(), kube::Error> {
        let skip = json!({ "metadata": { "annotations": { operator_core::names::SKIP_UNSEAT: "true" } } });
        for kind in ["Validator", "Consortium"] {
            let (api, name) = (self.api(kind), self.name(kind));
            if api.get_metadata_opt(&name).await?.is_some() {
                api.patch(&name, &PatchParams::default(), &Patch::Merge(&skip)).await?;
                api.delete(&name, &DeleteParams::default()).await?;
            }
        }
        self.arena.kubelet.stop(&self.namespace);
        Ok(())
    }
}

/// The merge patch between two values: what is no longer there is null. Our own documents bound the recursion.
fn changes(before: &Value, after: &Value) -> Value {
    let (Some(old), Some(new)) = (before.as_object(), after.as_object()) else { return after.clone() };
    let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let changed = new.iter().filter(|(key, value)| old.get(*key) != Some(*value));
    let changed =
        changed.map(|(key, value)| (key.clone(), changes(old.get(key).unwrap_or(&Value::Null), value)));
    Value::Object(gone.chain(changed).collect())
}

#[cfg(test)]
mod tests {
    use super::{Reading, changes, kstatus};
    use serde_json::{Value, json};

    #[test]
    fn a_patch_takes_away_what_is_no_longer_there() {
        let (before, after) =
            (json!({ "a": { "b": 1, "c": 2 }, "d": 3 }), json!({ "a": { "b": 4 }, "d": 3 }));
        assert_eq!(changes(&before, &after), json!({ "a": { "b": 4, "c": null } }));
    }

    #[test]
    fn an_object_reads_as_kstatus_reads_it() {
        let object = |observed: i64, conditions: &[(&str, &str)]| {
            let conditions: Vec<Value> = conditions
                .iter()
                .map(|(kind, status)| json!({ "type": kind, "status": status, "reason": "R", "message": "m", "lastTransitionTime": "t" }))
                .collect();
            json!({ "metadata": { "generation": 2 }, "status": { "observedGeneration": observed, "conditions": conditions } })
        };
        let ready = [("Ready", "True"), ("Reconciling", "False"), ("Stalled", "False")];
        assert_eq!(kstatus(&object(2, &ready)), Reading::Current);
        assert!(matches!(kstatus(&object(1, &ready)), Reading::InProgress(_)), "of another generation");
        assert!(matches!(
            kstatus(&object(2, &[("Ready", "False"), ("Reconciling", "True")])),
            Reading::InProgress(_)
        ));
        assert_eq!(
            kstatus(&object(2, &[("Ready", "False"), ("Stalled", "True")])),
            Reading::Failed("m".to_owned())
        );
        assert!(
            matches!(kstatus(&json!({ "metadata": { "generation": 1 } })), Reading::InProgress(_)),
            "no status yet"
        );
    }
}
