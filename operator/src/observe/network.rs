//! What both kinds read: the network's pods with what they say, and the public parts of its keys.

use crate::{calls::call, context::Context, error::Error};
use alloy_primitives::{Address, B512};
use chain::status::NodeStatus;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::{ResourceExt, api::ListParams};
use operator_core::{
    genesis::{self, GenesisRefused, StoredGenesis},
    names::{ADDRESS, ConsortiumName, FLEET, NETWORK, NODE, NODE_ID, NodeName},
    observed::PeerNode,
};
use std::collections::BTreeMap;

/// A page of a list; a network has at most 512 seats.
const PAGE: u32 = 500;

/// Objects of one network.
pub(super) fn of_network(network: &ConsortiumName) -> ListParams {
    ListParams::default().labels(&format!("{NETWORK}={}", network.0)).limit(PAGE)
}

/// Objects of one fleet.
pub(super) fn of_fleet(fleet: &str) -> ListParams {
    ListParams::default().labels(&format!("{FLEET}={fleet}")).limit(PAGE)
}

/// A pod of the network and what its node says.
pub(super) struct NodePod {
    pub(super) pod: Pod,
    pub(super) status: Option<NodeStatus>,
}

/// All pods of the network in this namespace, each asked for its status.
pub(super) async fn pods(
    context: &Context,
    namespace: &str,
    network: &ConsortiumName,
) -> Result<Vec<NodePod>, Error> {
    let listed = call("list pods", context.api::<Pod>(namespace).list(&of_network(network))).await?;
    let ips = listed.items.iter().map(|pod| pod.status.as_ref()?.pod_ip.clone().filter(|ip| !ip.is_empty()));
    let statuses = context.nodes.statuses(ips.collect()).await;
    Ok(listed.items.into_iter().zip(statuses).map(|(pod, status)| NodePod { pod, status }).collect())
}

/// The node that an object belongs to, by its labels.
pub(super) fn node_of(object: &impl ResourceExt) -> Option<NodeName> {
    let labels = object.labels();
    NodeName::parse(labels.get(FLEET)?, labels.get(NODE)?)
}

/// Public parts of the network's keys, read from annotations: private keys of other fleets never leave the API server.
#[derive(Default)]
pub(super) struct PublicKeys {
    pub(super) identities: BTreeMap<NodeName, Address>,
    pub(super) nodes: Vec<PeerNode>,
}

/// Reads them.
pub(super) async fn public_keys(
    context: &Context,
    namespace: &str,
    network: &ConsortiumName,
) -> Result<PublicKeys, Error> {
    let api = context.api::<Secret>(namespace);
    let listed = call("list Secrets", api.list_metadata(&of_network(network))).await?;
    let mut keys = PublicKeys::default();
    for secret in &listed.items {
        let Some(name) = node_of(secret) else { continue };
        let annotation = |key: &str| secret.annotations().get(key);
        if let Some(address) = annotation(ADDRESS).and_then(|text| text.parse().ok()) {
            keys.identities.insert(name.clone(), address);
        }
        if let Some(node_id) = annotation(NODE_ID).and_then(|text| text.parse::<B512>().ok()) {
            keys.nodes.push(PeerNode { name, node_id });
        }
    }
    keys.nodes.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(keys)
}

/// The stored genesis, if there is one.
pub(super) async fn genesis(
    context: &Context,
    namespace: &str,
    network: &ConsortiumName,
) -> Result<Option<Result<StoredGenesis, GenesisRefused>>, Error> {
    let api = context.api::<ConfigMap>(namespace);
    let stored = call("read genesis", api.get_opt(&network.genesis())).await?;
    Ok(stored.as_ref().map(genesis::read))
}
