//! What an edit would cost with an operator that takes no time: the same calls to the same API server, made by this process.
//! An object is edited; a watch tells it; a StatefulSet like ours is applied, and a status is written while the next begins.

use super::{Failure, applied::Applied};
use futures::StreamExt;
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::ConfigMap};
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A namespace where the operator has nothing.
const NAMESPACE: &str = "other-000";
const NAME: &str = "floor";
/// Memory limits that follow each other.
const MEMORY: [&str; 2] = ["1100Mi", "1200Mi"];

/// Milliseconds from the answer to an edit until the StatefulSet is seen, and of the apply alone.
pub struct Floor {
    /// Of the whole.
    pub edits: Vec<f64>,
    /// Of the call that applies the StatefulSet.
    pub applies: Vec<f64>,
}

/// Measures `count` of them; `like` is a StatefulSet of the operator's.
pub async fn measure(client: &Client, like: &StatefulSet, count: usize) -> Result<Floor, Failure> {
    let (configs, sets) =
        (Api::<ConfigMap>::namespaced(client.clone(), NAMESPACE), Api::namespaced(client.clone(), NAMESPACE));
    let metadata = ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() };
    configs.create(&PostParams::default(), &ConfigMap { metadata, ..ConfigMap::default() }).await?;
    let mut set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": { "name": NAME, "namespace": NAMESPACE, "annotations": like.metadata.annotations },
        "spec": like.spec,
    });
    apply(&sets, &mut set, "1Gi").await?;
    let applied = Applied::watch(client.clone(), Some(NAMESPACE)).await?;
    let mut told = tell(configs.clone());
    let mut floor = Floor { edits: Vec::with_capacity(count), applies: Vec::with_capacity(count) };
    for number in 0..count {
        let edit = edited(&configs, "edit", number).await?;
        let answered = Instant::now();
        tokio::time::timeout(Duration::from_mins(2), told.wait_for(|seen| *seen >= Some(edit))).await??;
        let memory = MEMORY[number % MEMORY.len()];
        let began = Instant::now();
        apply(&sets, &mut set, memory).await?;
        floor.applies.push(ms(began.elapsed()));
        let seen = applied.seen(&(NAMESPACE.to_owned(), NAME.to_owned()), memory).await?;
        floor.edits.push(ms(seen.saturating_duration_since(answered)));
        let configs = configs.clone();
        tokio::spawn(async move { edited(&configs, "status", number).await.map(drop) });
    }
    Ok(floor)
}

/// A duration in milliseconds.
#[must_use]
pub fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}

/// The version that the edit made.
async fn edited(configs: &Api<ConfigMap>, key: &str, number: usize) -> Result<u64, Failure> {
    let patch = Patch::Merge(json!({ "data": { key: number.to_string() } }));
    let made = configs.patch(NAME, &PatchParams::default(), &patch).await?;
    Ok(made.metadata.resource_version.ok_or("an object without a version")?.parse()?)
}

async fn apply(sets: &Api<StatefulSet>, set: &mut Value, memory: &str) -> Result<(), Failure> {
    set["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = json!(memory);
    sets.patch(NAME, &PatchParams::apply(NAME).force(), &Patch::Apply(&set)).await?;
    Ok(())
}

/// The newest version that a watch has told.
fn tell(configs: Api<ConfigMap>) -> watch::Receiver<Option<u64>> {
    let (sender, receiver) = watch::channel(None);
    tokio::spawn(async move {
        let config = watcher::Config::default().fields(&format!("metadata.name={NAME}"));
        let mut objects = std::pin::pin!(watcher(configs, config).default_backoff().applied_objects());
        while let Some(event) = objects.next().await {
            let version =
                event.ok().and_then(|config: ConfigMap| config.metadata.resource_version?.parse().ok());
            if version.is_some() && sender.send(version).is_err() {
                return;
            }
        }
    });
    receiver
}
