//! Where a node's pod may run: pool, taints, hosts, zones.

use crate::{
    api::validator::{HostSpread, Role, TaintEffect, Toleration as WantedToleration, TolerationOperator},
    names::{FLEET, NETWORK, POOL_TAINT, ROLE},
    validate::ValidFleet,
};
use k8s_openapi::{
    api::core::v1::{
        Affinity, PodAffinityTerm, PodAntiAffinity, Toleration, TopologySpreadConstraint,
        WeightedPodAffinityTerm,
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use std::collections::BTreeMap;

/// Set by AKS on every node of a pool.
const POOL_LABEL: &str = "kubernetes.azure.com/agentpool";

pub(super) fn node_selector(fleet: &ValidFleet) -> Option<BTreeMap<String, String>> {
    let pool = fleet.node_pool.as_ref()?;
    Some(BTreeMap::from([(POOL_LABEL.to_owned(), pool.name.clone())]))
}

pub(super) fn zones(fleet: &ValidFleet) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew: 1,
        topology_key: "topology.kubernetes.io/zone".to_owned(),
        // With zonal disks DoNotSchedule wedges as soon as a zone is short.
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(fleet_selector(fleet)),
        ..TopologySpreadConstraint::default()
    }
}

pub(super) fn tolerations(fleet: &ValidFleet) -> Option<Vec<Toleration>> {
    let mut tolerations: Vec<_> = fleet.pod.tolerations.iter().map(toleration).collect();
    if fleet.node_pool.is_some() {
        tolerations.push(Toleration {
            key: Some(POOL_TAINT.to_owned()),
            operator: Some("Exists".to_owned()),
            ..Toleration::default()
        });
    }
    (!tolerations.is_empty()).then_some(tolerations)
}

fn toleration(wanted: &WantedToleration) -> Toleration {
    let operator = wanted.operator.map(|operator| match operator {
        TolerationOperator::Exists => "Exists",
        TolerationOperator::Equal => "Equal",
    });
    let effect = wanted.effect.map(|effect| match effect {
        TaintEffect::NoSchedule => "NoSchedule",
        TaintEffect::PreferNoSchedule => "PreferNoSchedule",
        TaintEffect::NoExecute => "NoExecute",
    });
    Toleration {
        key: wanted.key.clone(),
        operator: operator.map(str::to_owned),
        value: wanted.value.clone(),
        effect: effect.map(str::to_owned),
        toleration_seconds: None,
    }
}

/// The user's affinity, else a preference; beside either, a host of its own where the spec requires one.
pub(super) fn affinity(fleet: &ValidFleet) -> Affinity {
    let required = fleet.node_pool.as_ref().and_then(|pool| pool.host_spread) == Some(HostSpread::Required);
    let mut affinity = match (&fleet.pod.affinity, required) {
        (Some(affinity), _) => affinity.clone(),
        (None, true) => Affinity::default(),
        (None, false) => spread_over_hosts(fleet),
    };
    if required {
        let apart = affinity.pod_anti_affinity.get_or_insert_default();
        let terms = apart.required_during_scheduling_ignored_during_execution.get_or_insert_default();
        terms.push(host_of_its_own(fleet));
    }
    affinity
}

/// Preferred only: a single-node cluster must be able to run the whole fleet.
fn spread_over_hosts(fleet: &ValidFleet) -> Affinity {
    Affinity {
        pod_anti_affinity: Some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![WeightedPodAffinityTerm {
                weight: 100,
                pod_affinity_term: same_host(fleet_selector(fleet)),
            }]),
            required_during_scheduling_ignored_during_execution: None,
        }),
        ..Affinity::default()
    }
}

/// A host takes one seat of the member, of whichever fleet; observers only keep out of each other's way.
fn host_of_its_own(fleet: &ValidFleet) -> PodAffinityTerm {
    let seats = || LabelSelector {
        match_labels: Some(BTreeMap::from([
            (NETWORK.to_owned(), fleet.consortium.0.clone()),
            (ROLE.to_owned(), "validator".to_owned()),
        ])),
        match_expressions: None,
    };
    same_host(match fleet.role {
        Role::Validator => seats(),
        Role::Observer => fleet_selector(fleet),
    })
}

fn same_host(selector: LabelSelector) -> PodAffinityTerm {
    PodAffinityTerm {
        topology_key: "kubernetes.io/hostname".to_owned(),
        label_selector: Some(selector),
        ..PodAffinityTerm::default()
    }
}

fn fleet_selector(fleet: &ValidFleet) -> LabelSelector {
    LabelSelector {
        match_labels: Some(BTreeMap::from([(FLEET.to_owned(), fleet.name.0.clone())])),
        match_expressions: None,
    }
}
