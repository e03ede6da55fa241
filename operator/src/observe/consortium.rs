//! Everything about one consortium.

use super::{
    network::{NodePod, genesis, key, pods, public_keys, secret},
    sources::sources,
};
use crate::{chain_access::Chain, context::Context, error::Error};
use chain::status::NodeStatus;
use k8s_openapi::jiff::Timestamp;
use operator_core::{
    api::validator::Role,
    cache::Fleet,
    names::{FleetName, NodeName},
    observed::{ConsortiumObserved, FleetSummary},
    validate::ValidConsortium,
};
use std::collections::BTreeMap;

/// What was read, and through which pod the chain is reached.
pub(crate) struct Observation {
    /// The values.
    pub(crate) observed: ConsortiumObserved,
    /// Address of the most advanced ready node.
    pub(crate) entry: Option<String>,
}

/// Reads it.
pub(crate) async fn consortium(context: &Context, valid: &ValidConsortium) -> Result<Observation, Error> {
    let (namespace, network) = (&valid.namespace, key(&valid.namespace, &valid.name));
    let admin = secret(context, namespace, &valid.admin_secret).await?;
    let operator = secret(context, namespace, &valid.operator_secret).await?;
    let genesis = genesis(context, &network).await?;
    let stored = genesis.as_ref().and_then(|genesis| genesis.as_deref().ok());
    let sources = sources(context, valid, &network, stored).await?;
    let (keys, pods, fleets) = {
        let cache = context.cache();
        let keys = public_keys(&cache, &network);
        let fleets = cache.fleets_of(&network);
        let summaries = fleets.filter_map(|(name, fleet)| summary(name, fleet, &keys.identities));
        let fleets: Vec<_> = summaries.collect();
        (keys, pods(&cache, &network, Timestamp::now()), fleets)
    };
    let wanted = |name: &NodeName| {
        fleets.iter().any(|fleet| fleet.name.0 == name.fleet && name.index < fleet.replicas)
    };
    let mut observed = ConsortiumObserved {
        admin,
        operator,
        genesis: genesis.map(|genesis| genesis.map(|stored| (*stored).clone())),
        peers: keys.nodes.into_iter().filter(|peer| wanted(&peer.name)).collect(),
        running: running(&pods, &fleets),
        nodes: pods.iter().filter_map(|pod| pod.status.as_deref().cloned()).collect(),
        fleets,
        sources,
        governance: None,
        in_flight: false,
    };
    // Only a node of this very chain is believed.
    let hash =
        observed.genesis.as_ref().and_then(|genesis| genesis.as_ref().ok()).map(|genesis| genesis.hash);
    observed.nodes.retain(|node| Some(node.genesis_hash) == hash);
    let entry = hash.and_then(|hash| entry(&pods, |status| status.genesis_hash == hash));
    if let Some(ip) = &entry {
        read_chain(context, ip, &mut observed).await;
    }
    Ok(Observation { observed, entry })
}

/// A node that answers its status but not its RPC leaves the chain unknown for this pass; nothing is decided without it.
async fn read_chain(context: &Context, ip: &str, observed: &mut ConsortiumObserved) {
    let chain = Chain { nodes: &context.nodes, ip };
    match chain.governance().await {
        Ok(governance) => observed.governance = Some(governance),
        Err(error) => tracing::warn!(%error, ip, "governance contract not read"),
    }
    let Some(operator) = observed.operator.key() else { return };
    match chain.in_flight(operator.key.address).await {
        Ok(in_flight) => observed.in_flight = in_flight,
        Err(error) => {
            tracing::warn!(%error, ip, "nonce not read");
            observed.governance = None;
        }
    }
}

/// A pod whose fleet is refused or gone counts: it may hold a seat.
fn running(pods: &[NodePod], fleets: &[FleetSummary]) -> usize {
    let observes = |pod: &&NodePod| fleets.iter().any(|fleet| fleet.name.0 == pod.name.fleet && !fleet.seats);
    pods.iter().filter(|pod| !observes(pod)).count()
}

fn entry(pods: &[NodePod], ours: impl Fn(&NodeStatus) -> bool) -> Option<String> {
    let ready = pods
        .iter()
        .filter_map(|pod| Some((pod, pod.status.as_deref().filter(|status| status.ready && ours(status))?)));
    let best = ready.max_by_key(|(_, status)| status.head.number)?;
    best.0.pod.ip.clone()
}

/// A fleet whose spec is refused says so itself; here it does not exist.
fn summary(
    name: &str,
    fleet: &Fleet,
    identities: &BTreeMap<NodeName, alloy_primitives::Address>,
) -> Option<FleetSummary> {
    let shape = fleet.shape?;
    let own = identities.iter().filter(|(node, _)| node.fleet == name);
    Some(FleetSummary {
        name: FleetName(name.to_owned()),
        replicas: shape.replicas,
        seats: fleet.role == Role::Validator,
        deleting: shape.deleting,
        skip_unseat: shape.skip_unseat,
        identities: own.map(|(name, address)| (name.index, *address)).collect(),
    })
}
