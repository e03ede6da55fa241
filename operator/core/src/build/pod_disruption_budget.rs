//! At most one node of the fleet is evicted at a time; an unhealthy one never blocks a drain.

use super::owned;
use crate::{
    api::validator::Role,
    names::{FLEET, NETWORK, labels},
    validate::ValidFleet,
};
use k8s_openapi::{
    api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};
use std::collections::BTreeMap;

/// `None` for observers: they hold no seat, so nothing but a drain's own order protects them.
pub(super) fn pod_disruption_budget(fleet: &ValidFleet) -> Option<PodDisruptionBudget> {
    if fleet.role == Role::Observer {
        return None;
    }
    let labels = labels([(NETWORK, fleet.consortium.0.as_str()), (FLEET, fleet.name.0.as_str())]);
    Some(PodDisruptionBudget {
        metadata: owned(fleet, fleet.name.0.clone(), labels),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(LabelSelector {
                match_labels: Some(BTreeMap::from([(FLEET.to_owned(), fleet.name.0.clone())])),
                match_expressions: None,
            }),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    })
}
