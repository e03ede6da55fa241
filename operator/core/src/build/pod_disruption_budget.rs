//! One budget over all nodes of the member that hold seats: two of them on one Kubernetes node, of whichever fleets, are
//! evicted one after the other, and none while the network could not spare it. An unhealthy one never blocks a drain.

use super::owned_by_consortium;
use crate::{
    names::{NETWORK, ROLE, VALIDATOR_ROLE},
    validate::ValidConsortium,
};
use k8s_openapi::{
    api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};
use std::collections::BTreeMap;

/// The budget. A number of pods that must be up, not one that may be down: that one Kubernetes counts from the pods that
/// exist, and an evicted pod that is not yet made again would free a second eviction.
#[must_use]
pub fn disruption_budget(consortium: &ValidConsortium, min_available: i32) -> PodDisruptionBudget {
    let selected = [(NETWORK, consortium.name.0.as_str()), (ROLE, VALIDATOR_ROLE)];
    PodDisruptionBudget {
        metadata: owned_by_consortium(consortium, consortium.name.disruption_budget()),
        spec: Some(PodDisruptionBudgetSpec {
            min_available: Some(IntOrString::Int(min_available)),
            selector: Some(LabelSelector {
                match_labels: Some(BTreeMap::from(
                    selected.map(|(key, value)| (key.to_owned(), value.to_owned())),
                )),
                match_expressions: None,
            }),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    }
}
