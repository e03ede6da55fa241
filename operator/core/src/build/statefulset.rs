//! One StatefulSet of one replica per node: any node can be stopped, moved, upgraded or kept apart by name, and only the
//! operator restarts pods (`OnDelete`).

use super::{owned, pod::pod_spec, service::PEERS};
use crate::{
    api::validator::Role,
    names::{
        CONFIG, FLEET, NETWORK, NODE, NODES, NodeName, OBSERVER_ROLE, ROLE, SPEC, STANDBY, TEMPLATE,
        VALIDATOR_ROLE, labels,
    },
    validate::ValidFleet,
};
use k8s_openapi::{
    api::{
        apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy},
        core::v1::PodTemplateSpec,
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};
use std::collections::BTreeMap;

/// What a node's StatefulSet is made from, beside the fleet.
#[derive(Clone, Debug)]
pub struct StatefulSetInputs {
    /// The node.
    pub name: NodeName,
    /// Its image.
    pub image: String,
    /// Hash of the configuration that is read only at start.
    pub start_hash: String,
    /// Revision of the pod template.
    pub template: u32,
    /// Nodes whose identities a spare stands by for.
    pub standby_for: Vec<NodeName>,
}

pub(super) fn statefulset(fleet: &ValidFleet, inputs: &StatefulSetInputs) -> StatefulSet {
    let name = inputs.name.to_string();
    let mut own = own_labels(fleet, &name);
    if inputs.name.is_spare() {
        own.insert(STANDBY.to_owned(), "true".to_owned());
    }
    let mut annotations = fleet.pod.annotations.clone();
    annotations.insert(CONFIG.to_owned(), inputs.start_hash.clone());
    let mut pod_labels = fleet.pod.labels.clone();
    pod_labels.extend(own.clone());
    // The Services select by these: their selectors must differ.
    pod_labels.insert(NODES.to_owned(), "true".to_owned());
    pod_labels.insert("quorate.dev/rpc".to_owned(), "true".to_owned());
    if fleet.peering.is_some() {
        pod_labels.insert(format!("quorate.dev/{PEERS}"), "true".to_owned());
    }
    StatefulSet {
        metadata: ObjectMeta {
            annotations: Some(BTreeMap::from([
                (TEMPLATE.to_owned(), inputs.template.to_string()),
                (SPEC.to_owned(), fleet.pod_hash.clone()),
            ])),
            ..owned(fleet, name.clone(), own)
        },
        spec: StatefulSetSpec {
            replicas: Some(1),
            service_name: Some(fleet.name.nodes_service()),
            selector: LabelSelector {
                match_labels: Some(BTreeMap::from([
                    (FLEET.to_owned(), fleet.name.0.clone()),
                    (NODE.to_owned(), name),
                ])),
                match_expressions: None,
            },
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("OnDelete".to_owned()),
                rolling_update: None,
            }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(pod_labels),
                    annotations: Some(annotations),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod_spec(fleet, inputs)),
            },
            ..StatefulSetSpec::default()
        },
        status: None,
    }
}

fn own_labels(fleet: &ValidFleet, node: &str) -> BTreeMap<String, String> {
    let role = match fleet.role {
        Role::Validator => VALIDATOR_ROLE,
        Role::Observer => OBSERVER_ROLE,
    };
    labels([
        (NETWORK, fleet.consortium.0.as_str()),
        (FLEET, fleet.name.0.as_str()),
        (NODE, node),
        (ROLE, role),
    ])
}
