//! What a disruption budget counts as gone: evictions that were granted, until their pods are deleted. One whose deletion never
//! came, as that of a drain or an operator that was cut off, keeps every other eviction out until Kubernetes forgets it.

use k8s_openapi::{
    api::policy::v1::PodDisruptionBudget,
    jiff::{SignedDuration, Timestamp},
};
use std::collections::BTreeMap;

/// Kubernetes forgets an eviction that stopped nobody after so long.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_secs(120);
/// The API server deletes a pod in the same request that grants its eviction: after so long that has come to nothing.
const UNDER_WAY: SignedDuration = SignedDuration::from_secs(10);
/// How old a grant may be that is carried out after all. The rest of the time until it is forgotten is left to the deletion's
/// deadline and to clocks that differ.
const GOOD_FOR: SignedDuration = SignedDuration::from_secs(60);
/// How far ahead of ours the clock may be that wrote the grant.
const AHEAD: SignedDuration = SignedDuration::from_secs(-15);

/// Pods that a budget counts as gone, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetObserved {
    counted: BTreeMap<String, Timestamp>,
}

impl BudgetObserved {
    /// Reads a budget.
    #[must_use]
    pub fn read(budget: &PodDisruptionBudget) -> Self {
        let counted = budget.status.as_ref().and_then(|status| status.disrupted_pods.as_ref());
        Self { counted: counted.into_iter().flatten().map(|(pod, at)| (pod.clone(), at.0)).collect() }
    }

    /// It counts nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counted.is_empty()
    }

    /// An eviction that came to nothing: it is counted although its pod is there and stays. For a person.
    #[must_use]
    pub fn idle_eviction(&self, now: Timestamp, stays: impl Fn(&str) -> bool) -> Option<String> {
        let idle = |(pod, at): &(&String, &Timestamp)| now.duration_since(**at) >= UNDER_WAY && stays(pod);
        let (pod, at) = self.counted.iter().filter(idle).max_by_key(|(_, at)| **at)?;
        Some(format!(
            "an eviction of {pod} came to nothing, and the disruption budget counts it until {}",
            crate::status::rfc3339(at.checked_add(FORGOTTEN_AFTER).ok()?)
        ))
    }

    /// Whether the pod is counted as gone, and will be for long enough that it may go now: nobody else is then let go in its place.
    #[must_use]
    pub fn grants(&self, pod: &str, now: Timestamp) -> bool {
        let age = self.counted.get(pod).map(|at| now.duration_since(*at));
        age.is_some_and(|age| (AHEAD..=GOOD_FOR).contains(&age))
    }
}

#[cfg(test)]
mod tests {
    use super::BudgetObserved;
    use k8s_openapi::{api::policy::v1::PodDisruptionBudget, jiff::Timestamp};
    use serde_json::json;

    fn budget() -> BudgetObserved {
        let budget: PodDisruptionBudget = serde_json::from_value(json!({
            "status": {
                "currentHealthy": 4, "desiredHealthy": 3, "disruptionsAllowed": 0, "expectedPods": 4,
                "disruptedPods": { "bank-a-1-0": "2026-01-01T00:00:30Z", "bank-a-2-0": "2026-01-01T00:00:40Z" },
            },
        }))
        .expect("a budget");
        BudgetObserved::read(&budget)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn an_eviction_whose_pod_stays_is_named_with_the_time_at_which_it_is_forgotten() {
        let (budget, now) = (budget(), at("2026-01-01T00:00:45Z"));
        let said = budget.idle_eviction(now, |pod| pod == "bank-a-1-0").expect("one came to nothing");
        assert!(said.contains("bank-a-1-0") && said.contains("2026-01-01T00:02:30Z"), "{said}");
        assert_eq!(budget.idle_eviction(now, |_| false), None, "those pods are going");
        assert_eq!(budget.idle_eviction(now, |pod| pod == "bank-a-2-0"), None, "it is under way still");
        let later = at("2026-01-01T00:00:50Z");
        assert!(budget.idle_eviction(later, |pod| pod == "bank-a-2-0").is_some());
        let none = BudgetObserved::read(&PodDisruptionBudget::default());
        assert!(none.is_empty() && none.idle_eviction(now, |_| true).is_none());
    }

    #[test]
    fn a_pod_that_is_counted_as_gone_may_go_long_before_that_is_forgotten_and_no_other_may() {
        let budget = budget();
        let grants = |pod, now| budget.grants(pod, at(now));
        assert!(grants("bank-a-1-0", "2026-01-01T00:00:30Z") && grants("bank-a-1-0", "2026-01-01T00:01:30Z"));
        assert!(!grants("bank-a-1-0", "2026-01-01T00:01:31Z"), "a deletion might come after it is forgotten");
        assert!(grants("bank-a-1-0", "2026-01-01T00:00:15Z"), "a clock somewhat ahead of ours");
        assert!(!grants("bank-a-1-0", "2026-01-01T00:00:14Z"), "its age cannot be known");
        assert!(!grants("bank-a-3-0", "2026-01-01T00:00:30Z"));
    }
}
