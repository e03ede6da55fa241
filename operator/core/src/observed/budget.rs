//! A disruption budget, and what an eviction that came to nothing leaves in it.

use k8s_openapi::{api::policy::v1::PodDisruptionBudget, jiff::Timestamp};

/// Kubernetes forgets an eviction that stopped nobody after so long.
const FORGOTTEN_AFTER_S: i64 = 120;

/// An eviction that the budget still counts, although its pod is there and stays: until Kubernetes forgets it every other
/// eviction is refused, and nothing that may be done about it is safe.
#[must_use]
pub fn idle_eviction(budget: &PodDisruptionBudget, stays: impl Fn(&str) -> bool) -> Option<String> {
    let counted = budget.status.as_ref()?.disrupted_pods.as_ref()?;
    let (pod, at) = counted.iter().filter(|(pod, _)| stays(pod)).max_by_key(|(_, at)| at.0)?;
    let until = Timestamp::from_second(at.0.as_second().saturating_add(FORGOTTEN_AFTER_S)).ok()?;
    Some(format!(
        "an eviction of {pod} came to nothing, and the disruption budget counts it until {}",
        crate::status::rfc3339(until)
    ))
}

#[cfg(test)]
mod tests {
    use super::idle_eviction;
    use k8s_openapi::api::policy::v1::PodDisruptionBudget;
    use serde_json::json;

    #[test]
    fn an_eviction_whose_pod_stays_is_named_with_the_time_at_which_it_is_forgotten() {
        let budget: PodDisruptionBudget = serde_json::from_value(json!({
            "status": {
                "currentHealthy": 4, "desiredHealthy": 3, "disruptionsAllowed": 0, "expectedPods": 4,
                "disruptedPods": { "bank-a-1-0": "2026-01-01T00:00:30Z", "bank-a-2-0": "2026-01-01T00:00:40Z" },
            },
        }))
        .expect("a budget");
        let said = idle_eviction(&budget, |pod| pod == "bank-a-1-0").expect("one came to nothing");
        assert!(said.contains("bank-a-1-0") && said.contains("2026-01-01T00:02:30Z"), "{said}");
        assert_eq!(idle_eviction(&budget, |_| false), None, "those pods are going");
        assert_eq!(idle_eviction(&PodDisruptionBudget::default(), |_| true), None);
    }
}
