//! Plays the part of binder and storage driver in all namespaces: every claim is bound, has what it asks for, and grows.

use crate::players::claim::given;
use futures::StreamExt;
use k8s_openapi::api::{core::v1::PersistentVolumeClaim, storage::v1::StorageClass};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher as watch},
    },
};
use serde_json::json;

/// The class of claims that name none; its disks may grow.
const CLASS: &str = "trials";

/// Makes the class, and plays until the process ends.
///
/// # Errors
/// The class is refused.
pub async fn play(client: Client) -> Result<(), kube::Error> {
    let class = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": { "name": CLASS, "annotations": { "storageclass.kubernetes.io/is-default-class": "true" } },
        "provisioner": "trials.example/none", "allowVolumeExpansion": true,
    });
    let classes: Api<StorageClass> = Api::all(client.clone());
    classes.patch(CLASS, &PatchParams::apply("trials").force(), &Patch::Apply(&class)).await?;
    tokio::spawn(async move {
        let all: Api<PersistentVolumeClaim> = Api::all(client.clone());
        let mut changes = watch(all, watcher::Config::default()).default_backoff().boxed();
        // A failed watch begins again by itself, and tells everything anew.
        while let Some(event) = changes.next().await {
            if let Ok(Event::Apply(claim) | Event::InitApply(claim)) = event {
                give(&client, &claim).await;
            }
        }
    });
    Ok(())
}

/// Gives a claim what it asks for. A claim that has meanwhile changed or gone is told of again.
async fn give(client: &Client, claim: &PersistentVolumeClaim) {
    let Some(status) = given(&serde_json::to_value(claim).unwrap_or_default()) else { return };
    let claims: Api<PersistentVolumeClaim> =
        Api::namespaced(client.clone(), &claim.namespace().unwrap_or_default());
    let patch = json!({ "metadata": { "resourceVersion": claim.resource_version() }, "status": status });
    let _ = claims.patch_status(&claim.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await;
}
