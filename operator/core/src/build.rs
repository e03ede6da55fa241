//! Objects from validated specs; one file per kind. Nothing here knows what exists already.

mod config;
mod fence;
mod genesis;
mod network_info;
mod network_policy;
mod placement;
mod pod;
mod pod_disruption_budget;
mod publisher;
mod secret;
mod service;
mod service_account;
mod statefulset;
mod volume;

pub use config::{ConfigInputs, node_config};
pub use fence::lease;
pub use genesis::genesis;
pub use network_info::{endpoint, learned, network_info, unsigned_network_info};
pub use network_policy::{ApiServer, NetworkAccess, network_policy};
pub use pod_disruption_budget::disruption_budget;
pub use publisher::{OperatorImage, Publisher, publisher};
pub use secret::{account_secret, adopted_secret, identity_secret, p2p_secret, vault_record};
pub use statefulset::StatefulSetInputs;

use crate::{
    names::NodeName,
    validate::{ValidConsortium, ValidFleet},
};
use chain::enode::Enode;
use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        core::v1::{ConfigMap, PersistentVolumeClaim, Service, ServiceAccount},
        rbac::v1::{Role, RoleBinding},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use std::{collections::BTreeMap, marker::PhantomData};

/// Objects that are built and not yet applied.
#[derive(Clone, Copy, Debug)]
pub struct Prepared;

/// Objects as the API server returned them.
#[derive(Clone, Copy, Debug)]
pub struct Applied;

/// A fleet's objects in the order in which they are applied: what a pod mounts comes before the pod.
#[derive(Clone, Debug)]
pub struct FleetResources<State> {
    /// Identity of the pods towards Kubernetes.
    pub service_account: ServiceAccount,
    /// Their right to write the records of their identities, and its binding.
    pub fence_role: Option<(Role, RoleBinding)>,
    /// Headless Service of the nodes.
    pub nodes_service: Service,
    /// JSON-RPC over ready nodes.
    pub rpc_service: Option<Service>,
    /// p2p for members in other clusters.
    pub peers_service: Option<Service>,
    /// Disks; created when absent, never changed.
    pub volumes: Vec<PersistentVolumeClaim>,
    /// Node configurations.
    pub configs: Vec<ConfigMap>,
    /// Nodes.
    pub statefulsets: Vec<StatefulSet>,
    /// Prepared or applied.
    pub state: PhantomData<State>,
}

/// Pod template of the first versions.
pub const FIRST_TEMPLATE: u32 = 1;
/// Pod template of new fleets, and of those whose spec is edited; the others keep theirs (ADR 26).
pub const NEWEST_TEMPLATE: u32 = 2;

/// What the builders of a whole fleet need beside its spec.
#[derive(Clone, Debug)]
pub struct FleetInputs {
    /// Node image.
    pub image: String,
    /// Revision of the pod template.
    pub template: u32,
    /// Nodes whose disk is to exist.
    pub volumes: Vec<u32>,
    /// Nodes that are to run.
    pub nodes: Vec<NodeInputs>,
    /// Nodes of other members, which ours dial.
    pub bootnodes: Vec<Enode>,
    /// Leases that the nodes write to; where there are none the fleet's Role stays as it is.
    pub leases: Vec<String>,
}

/// What one node's objects need.
#[derive(Clone, Debug)]
pub struct NodeInputs {
    /// Its index.
    pub index: u32,
    /// Its configuration.
    pub config: chain::config::NodeConfig,
    /// Nodes whose identities it stands by for, if it is a spare.
    pub standby_for: Vec<NodeName>,
}

/// Builds a fleet's objects.
pub fn fleet(
    fleet: &ValidFleet,
    inputs: &FleetInputs,
) -> Result<FleetResources<Prepared>, chain::config::ConfigError> {
    let mut configs = Vec::with_capacity(inputs.nodes.len());
    let mut statefulsets = Vec::with_capacity(inputs.nodes.len());
    for node in &inputs.nodes {
        let name = fleet.name.node(node.index);
        configs.push(config::config_map(fleet, &name, &node.config)?);
        let start = config::start_hash(&node.config)?;
        statefulsets.push(statefulset::statefulset(
            fleet,
            &StatefulSetInputs {
                name,
                image: inputs.image.clone(),
                template: inputs.template,
                start_hash: start,
                standby_for: node.standby_for.clone(),
            },
        ));
    }
    Ok(FleetResources {
        service_account: service_account::service_account(fleet),
        fence_role: fence::role(fleet, &inputs.leases),
        nodes_service: service::nodes(fleet),
        rpc_service: service::rpc(fleet),
        peers_service: service::peers(fleet, inputs.nodes.iter().map(|node| node.index)),
        volumes: inputs.volumes.iter().map(|index| volume::volume(fleet, &fleet.name.node(*index))).collect(),
        configs,
        statefulsets,
        state: PhantomData,
    })
}

/// Metadata of an object that goes with its fleet.
fn owned(fleet: &ValidFleet, name: String, labels: BTreeMap<String, String>) -> ObjectMeta {
    ObjectMeta {
        owner_references: Some(vec![owner("Validator", &fleet.name.0, &fleet.uid)]),
        ..kept(&fleet.namespace, name, labels)
    }
}

/// Metadata of an object that goes with its consortium.
fn owned_by_consortium(consortium: &ValidConsortium, name: String) -> ObjectMeta {
    let owner = owner("Consortium", &consortium.name.0, &consortium.uid);
    ObjectMeta {
        owner_references: Some(vec![owner]),
        ..kept(&consortium.namespace, name, consortium.name.labels())
    }
}

/// Metadata of an object that outlives everything of ours: keys, disks, genesis.
fn kept(namespace: &str, name: String, labels: BTreeMap<String, String>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels),
        ..ObjectMeta::default()
    }
}

fn owner(kind: &str, name: &str, uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: format!("{}/{}", crate::api::GROUP, crate::api::VERSION),
        kind: kind.to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}
