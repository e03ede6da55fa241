//! What both kinds read: the network's pods with what they say, and the public parts of its keys.

use crate::{calls::call, context::Context, error::Error, watches::Own};
use alloy_primitives::Address;
use chain::status::NodeStatus;
use k8s_openapi::{
    api::core::v1::{ConfigMap, Pod, Secret},
    jiff::Timestamp,
};
use kube::ResourceExt;
use operator_core::{
    cache::{Cache, Child, Genesis, Kind, NetworkKey, ObjectKey},
    genesis,
    names::{ConsortiumName, FleetName, MANAGED_BY, MANAGER, NodeName},
    observed::{PeerNode, PodObserved, SecretState},
};
use std::{collections::BTreeMap, sync::Arc};

/// A network in a namespace.
pub(crate) fn key(namespace: &str, network: &ConsortiumName) -> NetworkKey {
    NetworkKey { namespace: namespace.into(), name: network.0.as_str().into() }
}

/// An object of ours.
pub(crate) fn object_of<K: Own + ResourceExt>(object: &K) -> ObjectKey {
    let namespace = object.namespace().unwrap_or_default();
    ObjectKey { kind: K::KIND, namespace: namespace.into(), name: object.name_any().into() }
}

/// A pod of the network and what its node says.
pub(super) struct NodePod {
    pub(super) name: NodeName,
    pub(super) pod: PodObserved,
    pub(super) status: Option<Arc<NodeStatus>>,
    /// When it was made, while it waits for its volumes.
    pub(super) awaits_volumes_since: Option<Timestamp>,
}

/// All pods of the network, each with what its node said last under its present address.
pub(super) fn pods(cache: &Cache, network: &NetworkKey, now: Timestamp) -> Vec<NodePod> {
    let heard = cache.heard(network);
    let pod = |child: &Child| {
        let (name, kept) = (child.node_name()?, child.pod()?);
        let whole = kept.whole.as_deref();
        let pod = whole.map_or_else(|| kept.observed.clone(), |whole| PodObserved::read(whole, now));
        let waiting = whole.filter(|whole| PodObserved::awaits_volumes(whole));
        let made = |pod: &Pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let answer = heard.and_then(|heard| heard.get(&name));
        let status = answer.filter(|answer| pod.ip.as_ref() == Some(&answer.ip));
        Some(NodePod {
            status: status.and_then(|answer| answer.status.clone()),
            name,
            pod,
            awaits_volumes_since: waiting.and_then(made),
        })
    };
    cache.children_of(Kind::Pod, network).filter_map(|(_, child)| pod(child)).collect()
}

/// Whether a pod is there and not about to go.
pub(crate) fn stays(cache: &Cache, namespace: &str, pod: &str) -> bool {
    let found = cache.child(Kind::Pod, namespace, pod).and_then(Child::pod);
    found.is_some_and(|pod| !pod.observed.terminating)
}

/// Public parts of the network's keys: private keys never leave the API server for this.
#[derive(Default)]
pub(super) struct PublicKeys {
    pub(super) identities: BTreeMap<NodeName, Address>,
    pub(super) nodes: Vec<PeerNode>,
}

/// Gathers them.
pub(super) fn public_keys(cache: &Cache, network: &NetworkKey) -> PublicKeys {
    let mut keys = PublicKeys::default();
    for (secret, child) in cache.children_of(Kind::Secret, network) {
        let Some(name) = child.node_name() else { continue };
        let Some(key) = child.secret().and_then(SecretState::key).map(|stored| stored.key) else { continue };
        if secret == name.identity() {
            keys.identities.insert(name, key.address);
        } else if let Some(node_id) = key.public {
            let outside = outside(cache, network, &name);
            keys.nodes.push(PeerNode { name, node_id, outside });
        }
    }
    keys.nodes.sort_by(|left, right| left.name.cmp(&right.name));
    keys
}

/// Where the load balancer of a node's fleet answers, if the fleet has one for its peers.
fn outside(cache: &Cache, network: &NetworkKey, name: &NodeName) -> Option<String> {
    let service = FleetName(name.fleet.clone()).peers_service();
    let ingress =
        cache.child(Kind::Service, &network.namespace, &service)?.load_balancer()?.ingress.as_ref()?;
    let first = ingress.first()?;
    first.ip.clone().or_else(|| first.hostname.clone())
}

/// A key Secret: as known, while nobody but us has written to it; read otherwise.
pub(super) async fn secret(context: &Context, namespace: &str, name: &str) -> Result<SecretState, Error> {
    let known = |cache: &Cache| {
        let child = cache.child(Kind::Secret, namespace, name).filter(|child| child.is_verified())?;
        child.secret().cloned()
    };
    if let Some(state) = known(&context.cache()) {
        return Ok(state);
    }
    let asked = context.mark(Kind::Secret, namespace);
    let found = call("read Secret", context.api::<Secret>(namespace).get_opt(name)).await?;
    // What the watch does not select is not kept: nobody would tell of its changes.
    let selected = |secret: &&Secret| secret.labels().get(MANAGED_BY).is_some_and(|by| by == MANAGER);
    if let Some(secret) = found.as_ref().filter(selected) {
        context.learn_written(secret, asked);
    }
    Ok(SecretState::read(found.as_ref()))
}

/// The stored genesis, if there is one; read again only when its ConfigMap has changed.
pub(super) async fn genesis(context: &Context, network: &NetworkKey) -> Result<Option<Genesis>, Error> {
    let name = ConsortiumName(network.name.to_string()).genesis();
    let known = |cache: &Cache| {
        let version = cache.child(Kind::ConfigMap, &network.namespace, &name)?.version;
        cache.genesis(network, version).cloned()
    };
    if let Some(genesis) = known(&context.cache()) {
        return Ok(Some(genesis));
    }
    let found = call("read genesis", context.api::<ConfigMap>(&network.namespace).get_opt(&name)).await?;
    let Some(stored) = found else { return Ok(None) };
    let genesis: Genesis = genesis::read(&stored).map(Arc::new).map_err(|error| error.to_string());
    if let Some(version) = stored.resource_version().and_then(|version| version.parse().ok()) {
        context.cache().remember_genesis(network, version, genesis.clone());
    }
    Ok(Some(genesis))
}
