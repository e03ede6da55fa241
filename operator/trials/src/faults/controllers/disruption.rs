//! The disruption controller's part: how many evictions a budget leaves. The API server itself counts them down.

use super::{Controllers, of_kind, statefulset::is_ready};
use crate::faults::history::{Kind, Objects};
use kube::api::{Patch, PatchParams};
use serde_json::{Map, Value, json};

impl Controllers {
    pub(super) async fn budgets(&self, objects: &Objects) {
        for (name, budget) in of_kind(objects, "PodDisruptionBudget") {
            let status = status(budget, objects);
            let mut said = status.as_object().into_iter().flatten();
            if said.all(|(field, value)| same(&budget["status"][field], value)) {
                continue;
            }
            let Some(kind) = Kind::named("PodDisruptionBudget") else { return };
            // The version makes an eviction that was counted meanwhile win; its change is looked at next.
            let patch = json!({
                "metadata": { "resourceVersion": budget["metadata"]["resourceVersion"] }, "status": status,
            });
            let _ = self.api(kind).patch_status(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        }
    }
}

/// What is null in a merge patch is absent after it.
fn same(is: &Value, wanted: &Value) -> bool {
    match wanted {
        Value::Object(wanted) => wanted.iter().all(|(key, value)| same(&is[key], value)),
        wanted => is == wanted,
    }
}

fn status(budget: &Value, objects: &Objects) -> Value {
    let wanted = budget["spec"]["selector"]["matchLabels"].as_object().cloned().unwrap_or_default();
    let selected = |pod: &Value| wanted.iter().all(|(key, value)| pod["metadata"]["labels"][key] == *value);
    let pods: Vec<_> = of_kind(objects, "Pod").filter(|(_, pod)| selected(pod)).collect();
    let disrupted = budget["status"]["disruptedPods"].as_object().cloned().unwrap_or_default();
    let stays = |pod: &Value| pod["metadata"]["deletionTimestamp"].is_null();
    let healthy = pods
        .iter()
        .filter(|(name, pod)| is_ready(pod) && stays(pod) && !disrupted.contains_key(*name))
        .count();
    // A pod that goes or is gone needs no note any more.
    let done = disrupted.keys().filter(|name| !pods.iter().any(|(pod, body)| pod == name && stays(body)));
    let done: Map<String, Value> = done.map(|name| (name.clone(), Value::Null)).collect();
    let healthy = i64::try_from(healthy).unwrap_or(i64::MAX);
    let least = budget["spec"]["minAvailable"].as_i64().unwrap_or(i64::MAX);
    let mut status = json!({
        "observedGeneration": budget["metadata"]["generation"], "expectedPods": pods.len(),
        "currentHealthy": healthy, "desiredHealthy": least,
        "disruptionsAllowed": healthy.saturating_sub(least).max(0),
    });
    if !done.is_empty() {
        status["disruptedPods"] = Value::Object(done);
    }
    status
}
