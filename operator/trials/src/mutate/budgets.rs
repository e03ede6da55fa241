//! Plays the part of disruption controller in all namespaces: every budget lets one pod go, again and again.

use futures::StreamExt;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher as watch},
    },
};
use serde_json::json;

/// Plays until the process ends.
pub fn play(client: Client) {
    tokio::spawn(async move {
        let all: Api<PodDisruptionBudget> = Api::all(client.clone());
        let mut changes = watch(all, watcher::Config::default()).default_backoff().boxed();
        // A failed watch begins again by itself, and tells everything anew.
        while let Some(event) = changes.next().await {
            if let Ok(Event::Apply(budget) | Event::InitApply(budget)) = event {
                look(&client, &budget).await;
            }
        }
    });
}

/// Opens a budget that is new, was edited, or has just let one go. One that has meanwhile changed or gone is told of again.
async fn look(client: &Client, budget: &PodDisruptionBudget) {
    let status = budget.status.as_ref();
    let is_open = status.is_some_and(|status| {
        status.observed_generation == budget.metadata.generation && status.disruptions_allowed == Some(1)
    });
    if is_open {
        return;
    }
    let status = json!({
        "observedGeneration": budget.metadata.generation, "disruptionsAllowed": 1, "disruptedPods": null,
        "currentHealthy": 1, "desiredHealthy": 0, "expectedPods": 1,
    });
    let patch = json!({ "metadata": { "resourceVersion": budget.resource_version() }, "status": status });
    let budgets: Api<PodDisruptionBudget> =
        Api::namespaced(client.clone(), &budget.namespace().unwrap_or_default());
    let _ = budgets.patch_status(&budget.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await;
}
