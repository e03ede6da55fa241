//! The disruption controller's part: how many evictions a budget allows now.

use super::{Controllers, of_kind, text};
use crate::{faults::history::Objects, players::pod::is_ready};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The real controller's two minutes, in the time of these networks.
const GIVEN_UP: SignedDuration = SignedDuration::from_secs(120 / 8);

/// How often evictions that were let through are looked at.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// Whether an eviction that was let through is still counted.
pub(super) fn is_waiting(objects: &Objects) -> bool {
    of_kind(objects, "PodDisruptionBudget").any(|(_, budget)| waits(budget))
}

/// Whether this budget counts one.
pub(in crate::faults) fn waits(budget: &Value) -> bool {
    budget["status"]["disruptedPods"].as_object().is_some_and(|all| !all.is_empty())
}

impl Controllers {
    pub(super) async fn budgets(&self, objects: &Objects) {
        for (name, budget) in of_kind(objects, "PodDisruptionBudget") {
            let status = status(budget, objects);
            let found = &budget["status"];
            let same = [
                "currentHealthy",
                "desiredHealthy",
                "disruptionsAllowed",
                "expectedPods",
                "observedGeneration",
                "conditions",
            ]
            .iter()
            .all(|field| found[field] == status[field]);
            let waiting = |status: &Value| status["disruptedPods"].as_object().map_or(0, Map::len);
            if !same || waiting(found) != waiting(&status) {
                let mut patch = status.clone();
                // A merge removes only what is named.
                for pod in found["disruptedPods"].as_object().into_iter().flat_map(Map::keys) {
                    if status["disruptedPods"][pod].is_null() {
                        patch["disruptedPods"][pod] = Value::Null;
                    }
                }
                self.patch_status("PodDisruptionBudget", name, patch).await;
            }
        }
    }
}

fn status(budget: &Value, objects: &Objects) -> Value {
    let selected = |pod: &Value| {
        let mut labels = budget["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten();
        labels.all(|(label, value)| pod["metadata"]["labels"][label] == *value)
    };
    let pods: Vec<(&str, &Value)> = of_kind(objects, "Pod").filter(|(_, pod)| selected(pod)).collect();
    // An eviction that was let through counts until its pod is being deleted.
    let disrupted: Map<String, Value> = budget["status"]["disruptedPods"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, at)| pods.iter().any(|(pod, object)| pod == name && is_still(object, at)))
        .map(|(name, at)| (name.clone(), at.clone()))
        .collect();
    let healthy = |(name, pod): &&(&str, &Value)| {
        is_ready(pod) && pod["metadata"]["deletionTimestamp"].is_null() && !disrupted.contains_key(*name)
    };
    // Every pod is the one of its set.
    let sets = of_kind(objects, "StatefulSet").filter(|(_, set)| selected(&set["spec"]["template"]));
    let (expected, current) = (count(sets.count()), count(pods.iter().filter(healthy).count()));
    let allowed_down = budget["spec"]["maxUnavailable"].as_i64().unwrap_or_default();
    let least = budget["spec"]["minAvailable"].as_i64().unwrap_or((expected - allowed_down).max(0));
    let allowed = (current - least).max(0);
    json!({
        "observedGeneration": budget["metadata"]["generation"], "expectedPods": expected, "currentHealthy": current,
        "desiredHealthy": least, "disruptionsAllowed": allowed, "disruptedPods": disrupted,
        "conditions": [condition(budget, allowed > 0)],
    })
}

/// The API server writes it with an eviction, the controller with everything: without it one eviction would show for ever.
fn condition(budget: &Value, is_allowed: bool) -> Value {
    let (is, reason) = if is_allowed { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let mut all = budget["status"]["conditions"].as_array().into_iter().flatten();
    let before = all.find(|one| one["type"] == "DisruptionAllowed" && one["status"] == is);
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default().to_string();
    let since = before.map_or_else(|| json!(now), |before| before["lastTransitionTime"].clone());
    json!({
        "type": "DisruptionAllowed", "status": is, "reason": reason, "message": "", "lastTransitionTime": since,
        "observedGeneration": budget["metadata"]["generation"],
    })
}

/// The very pod that was evicted, not yet being deleted: neither its successor nor one that goes. An eviction whose deletion
/// never came (its precondition named another pod) is given up after a while, as the real controller does.
fn is_still(pod: &Value, evicted_at: &Value) -> bool {
    let made = text(pod, "/metadata/creationTimestamp");
    let Some(at) = evicted_at.as_str() else { return false };
    let given_up = at.parse::<Timestamp>().is_ok_and(|at| Timestamp::now().duration_since(at) > GIVEN_UP);
    pod["metadata"]["deletionTimestamp"].is_null() && made < at && !given_up
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::condition;
    use serde_json::json;

    #[test]
    fn the_condition_follows_what_is_allowed_and_keeps_the_time_of_its_last_change() {
        let before = "2026-01-01T00:00:00Z";
        let refused = json!({ "type": "DisruptionAllowed", "status": "False", "lastTransitionTime": before });
        let budget = json!({ "metadata": { "generation": 3 }, "status": { "conditions": [refused] } });
        let (still, allowed) = (condition(&budget, false), condition(&budget, true));
        assert_eq!(
            (&still["reason"], &still["lastTransitionTime"]),
            (&json!("InsufficientPods"), &json!(before))
        );
        assert_eq!((&allowed["reason"], &allowed["status"]), (&json!("SufficientPods"), &json!("True")));
        assert_ne!(allowed["lastTransitionTime"], before);
        let first = condition(&json!({ "metadata": {} }), true);
        assert_eq!(first["status"], "True", "a new budget has none");
    }
}
