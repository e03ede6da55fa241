//! A namespace with both objects, brought to rest.

use super::{
    judge::Outcome,
    kubelet::Kubelet,
    manifests::{Beginning, Words},
    mirror::{Mirror, Snapshot},
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
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// No write for so long is silence: longer than the pause between two passes over what is not settled, a quarter added.
const QUIET: Duration = Duration::from_millis(1500);
/// The same after a write that was refused: longer than the operator's pause after passes that failed.
const QUIET_AFTER_REFUSAL: Duration = Duration::from_millis(4500);
/// Nothing bad is said of the operator before it was silent for so long: rounds of questions to the nodes are within,
/// also when the machine is busy with other things.
const LATE: Duration = Duration::from_secs(40);
/// What needs longer than this does not settle.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks at the clock when nothing happens.
const LOOK: Duration = Duration::from_secs(1);
/// Our own two kinds: no children.
const OURS: [&str; 2] = ["Consortium", "Validator"];

/// What all stages share.
#[derive(Clone)]
pub struct Arena {
    /// The API server, not by way of the tap.
    pub client: Client,
    /// What the operator writes.
    pub tap: Arc<Tap>,
    /// The nodes.
    pub kubelet: Arc<Kubelet>,
    /// What there is.
    pub mirror: Arc<Mirror>,
}

/// One namespace.
pub struct Stage {
    /// What it shares with the others.
    pub arena: Arena,
    /// Its name.
    pub namespace: String,
    /// What is there, unedited.
    pub beginning: Beginning,
    /// Versions of our own last writes, by kind.
    written: Mutex<BTreeMap<String, u64>>,
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
    /// A fresh namespace with what others have made; the manifests are not there yet.
    ///
    /// # Panics
    /// There can be no namespace.
    pub async fn new(arena: &Arena, name: &str, beginning: &Beginning) -> Self {
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        let namespaces: Api<Namespace> = Api::all(arena.client.clone());
        arena.mirror.open(name);
        namespaces.create(&PostParams::default(), &namespace).await.expect("a namespace");
        for object in &beginning.given {
            give(&arena.client, name, object).await.expect("what others have made");
        }
        let seats = beginning.manifests["Validator"]["spec"]["replicas"].as_u64().unwrap_or(1);
        arena.kubelet.play(name, usize::try_from(seats).unwrap_or(1), beginning.founder.clone());
        Self {
            arena: arena.clone(),
            namespace: name.to_owned(),
            beginning: beginning.clone(),
            written: Mutex::default(),
        }
    }

    /// What words stand for here, with the hash of the network that runs.
    #[must_use]
    pub fn words(&self) -> Words {
        let object = self.object("Consortium");
        let hash = object.as_ref().and_then(|object| object["status"]["genesisHash"].as_str());
        let running = hash.map(|hash| ("running", hash.to_owned()));
        self.beginning.words.clone().into_iter().chain(running).collect()
    }

    /// Applies all manifests; refused ones say why.
    ///
    /// # Errors
    /// The API server refuses a manifest.
    pub async fn begin(&self) -> Result<(), kube::Error> {
        for manifest in self.beginning.manifests.values() {
            self.apply(manifest).await?;
        }
        Ok(())
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
        let written = self.api(kind).patch(name, &params, &Patch::Apply(manifest)).await?;
        self.wrote(kind, &written);
        Ok(())
    }

    fn wrote(&self, kind: &str, object: &DynamicObject) {
        let version =
            object.metadata.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
        self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(kind.to_owned(), version);
    }

    /// Writes a status as somebody who is not the operator.
    ///
    /// # Errors
    /// The API server refuses it.
    pub async fn write_status(&self, kind: &str, before: &Value, after: &Value) -> Result<(), kube::Error> {
        let params = PatchParams { field_manager: Some("somebody".to_owned()), ..PatchParams::default() }
            .validation_strict();
        let patch = json!({ "status": changes(before, after) });
        let written = self.api(kind).patch_status(&self.name(kind), &params, &Patch::Merge(&patch)).await?;
        self.wrote(kind, &written);
        Ok(())
    }

    /// The object as it is, our own last write included; `None` while the watch has not told it.
    #[must_use]
    pub fn object(&self, kind: &str) -> Option<Arc<Value>> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner).get(kind).copied();
        self.arena.mirror.object(&self.namespace, kind, &self.name(kind), written.unwrap_or(0))
    }

    fn name(&self, kind: &str) -> String {
        self.beginning.manifests[kind]["metadata"]["name"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits until both objects are current or stalled and nothing is written any more, and returns what `look` makes of that.
    /// What is wrong (`Err`) stays open as long as the operator may still put it right.
    pub async fn rest<T>(&self, look: impl Fn(&Outcome) -> Result<T, T>) -> T {
        self.rest_for(QUIET, look).await
    }

    /// The same after at least so long a silence.
    pub async fn rest_for<T>(&self, least: Duration, look: impl Fn(&Outcome) -> Result<T, T>) -> T {
        let start = Instant::now();
        let news = self.arena.mirror.news(&self.namespace);
        loop {
            let told = news.notified();
            let (silent, needed) = self.silence(start);
            let needed = needed.max(least);
            if silent < needed && start.elapsed() < PATIENCE {
                tokio::time::sleep(needed.saturating_sub(silent)).await;
                continue;
            }
            let outcome = match self.reading() {
                Reading::Current => Outcome::Settled,
                Reading::Failed(message) => Outcome::Stalled(message),
                Reading::InProgress(message) => Outcome::Restless(self.restless(&message)),
            };
            let is_over = match &outcome {
                Outcome::Restless(_) => start.elapsed() >= PATIENCE,
                _ => silent >= LATE || start.elapsed() >= PATIENCE,
            };
            match look(&outcome) {
                Ok(good) if !matches!(outcome, Outcome::Restless(_)) => return good,
                Ok(said) | Err(said) if is_over => return said,
                _ => drop(tokio::time::timeout(LOOK, told).await),
            }
        }
    }

    /// How long nothing was written, and how long that has to be.
    fn silence(&self, start: Instant) -> (Duration, Duration) {
        let last = self.arena.tap.writes(&self.namespace).last.filter(|(at, ..)| *at >= start);
        match last {
            Some((at, _, answer)) if !answer.is_success() => (at.elapsed(), QUIET_AFTER_REFUSAL),
            Some((at, ..)) => (at.elapsed(), QUIET),
            None => (start.elapsed(), QUIET),
        }
    }

    fn restless(&self, message: &str) -> String {
        let writes = self.arena.tap.writes(&self.namespace);
        let last = writes
            .last
            .map_or_else(String::new, |(_, what, answer)| format!("; last write: {what}: {answer}"));
        format!("{message}{last}, the {}th here", writes.count)
    }

    /// The worse of both objects: what waits for a stalled one goes on waiting.
    fn reading(&self) -> Reading {
        let mut worst = Reading::Current;
        for kind in self.beginning.manifests.keys() {
            let read = self.object(kind).map(|object| kstatus(&object));
            match read.unwrap_or_else(|| Reading::InProgress("not told by the watch".to_owned())) {
                failed @ Reading::Failed(_) => return failed,
                Reading::InProgress(message) => worst = Reading::InProgress(format!("{kind}: {message}")),
                Reading::Current => {}
            }
        }
        worst
    }

    /// Everything that the operator made here.
    #[must_use]
    pub fn children(&self) -> Snapshot {
        self.arena.mirror.snapshot(&self.namespace, &OURS)
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
        self.arena.mirror.close(&self.namespace);
        Ok(())
    }
}

/// Makes a `ConfigMap` or a Secret.
async fn give(client: &Client, namespace: &str, object: &Value) -> Result<(), kube::Error> {
    let kind = object["kind"].as_str().unwrap_or_default();
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", kind));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let mut object = object.clone();
    object["apiVersion"] = json!("v1");
    let object = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
    api.create(&PostParams::default(), &object).await.map(drop)
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
