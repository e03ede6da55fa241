//! Everything about one consortium.

mod votes;

use super::{
    fleet::turn,
    network::{NodePod, genesis, key, object_of, pods, public_keys, secret, stays},
    sources::sources,
};
use crate::{
    chain_access::{Chain, ChainError},
    context::Context,
    error::Error,
};
use alloy_primitives::B512;
use chain::status::NodeStatus;
use k8s_openapi::jiff::Timestamp;
use operator_core::{
    api::{Consortium, validator::Role},
    cache::{Cache, Fleet, Kind, NetworkKey},
    names::{FleetName, NodeName},
    observed::{ConsortiumObserved, FleetSummary, SecretState},
    validate::{AccountKey, AdminAccount, ValidConsortium},
};
use std::collections::{BTreeMap, BTreeSet};

/// What was read, and through which pod the chain is reached.
pub(crate) struct Observation {
    /// The values.
    pub(crate) observed: ConsortiumObserved,
    /// Address of the most advanced ready node.
    pub(crate) entry: Option<String>,
}

/// Reads it.
pub(crate) async fn consortium(
    context: &Context,
    object: &Consortium,
    valid: &ValidConsortium,
) -> Result<Observation, Error> {
    let (namespace, network) = (&valid.namespace, key(&valid.namespace, &valid.name));
    let admin = match &valid.admin {
        AdminAccount::Held(key) => account(context, namespace, key).await?,
        AdminAccount::Address(_) => SecretState::Absent,
    };
    let operator = account(context, namespace, &valid.operator).await?;
    let genesis = genesis(context, &network).await?;
    let stored = genesis.as_ref().and_then(|genesis| genesis.as_deref().ok());
    let sources = sources(context, valid, &network, stored).await?;
    let now = Timestamp::now();
    let is_deleted = object.metadata.deletion_timestamp.is_some();
    let (keys, pods, fleets, named_by, sets, idle_eviction) = {
        let cache = context.cache();
        let keys = public_keys(&cache, &network);
        let fleets = cache.fleets_of(&network);
        let summaries = fleets.filter_map(|(name, fleet)| summary(name, fleet, &keys.identities));
        let fleets: Vec<_> = summaries.collect();
        let named_by = is_deleted.then(|| named_by(&cache, &network));
        let sets = cache.children_of(Kind::StatefulSet, &network).filter_map(|(_, set)| set.node_name());
        let sets: BTreeSet<NodeName> = sets.collect();
        let idle_eviction = idle_eviction(&cache, valid, now);
        (keys, pods(&cache, &network, now), fleets, named_by, sets, idle_eviction)
    };
    let wanted =
        |name: &NodeName| fleets.iter().any(|fleet| fleet.name.0 == name.fleet && fleet.wants(name.index));
    let mut observed = ConsortiumObserved {
        admin,
        operator,
        genesis: genesis.map(|genesis| genesis.map(|stored| (*stored).clone())),
        former: keys
            .nodes
            .iter()
            .filter(|peer| !wanted(&peer.name) && !sets.contains(&peer.name))
            .cloned()
            .collect(),
        allowed: None,
        peers: keys.nodes.into_iter().filter(|peer| wanted(&peer.name)).collect(),
        running: running(&pods, &fleets),
        broken: broken(&pods, &fleets),
        spares: sets.iter().filter(|name| name.is_spare()).count(),
        nodes: pods.iter().filter_map(|pod| pod.status.as_deref().cloned()).collect(),
        fleets,
        sources,
        governance: None,
        in_flight: false,
        admin_account: None,
        vault: context.vaults.reports(&object_of(object)),
        positions: object.status.as_ref().map(|status| status.positions.clone()).unwrap_or_default(),
        idle_eviction,
        deleting: named_by,
        turn: None,
    };
    // Only a node of this very chain is believed.
    let hash =
        observed.genesis.as_ref().and_then(|genesis| genesis.as_ref().ok()).map(|genesis| genesis.hash);
    observed.nodes.retain(|node| Some(node.genesis_hash) == hash);
    let member =
        observed.genesis.as_ref().and_then(|genesis| genesis.as_ref().ok()).map(|stored| stored.member);
    observed.turn = member.and_then(|member| turn(object, member));
    let entry = hash.and_then(|hash| entry(&pods, |status| status.genesis_hash == hash));
    if let Some((ip, head)) = &entry {
        read_chain(context, valid, (ip, *head), &mut observed).await;
    }
    Ok(Observation { observed, entry: entry.map(|(ip, _)| ip) })
}

/// An eviction, as a drain's, that came to nothing.
fn idle_eviction(cache: &Cache, valid: &ValidConsortium, now: Timestamp) -> Option<String> {
    let budget = cache.child(Kind::PodDisruptionBudget, &valid.namespace, &valid.name.disruption_budget())?;
    budget.budget()?.idle_eviction(now, |pod| stays(cache, &valid.namespace, pod))
}

/// An account's key, where the spec says that it is.
async fn account(context: &Context, namespace: &str, key: &AccountKey) -> Result<SecretState, Error> {
    Ok(secret(context, namespace, &key.secret).await?.at(key.place(), &key.secret))
}

/// A node that answers its status but not its RPC leaves the chain unknown for this pass; nothing is decided without it.
async fn read_chain(
    context: &Context,
    valid: &ValidConsortium,
    (ip, head): (&str, u64),
    observed: &mut ConsortiumObserved,
) {
    let chain = Chain { nodes: &context.nodes, ip };
    if let Err(error) = read(context, valid, (&chain, head), observed).await {
        tracing::warn!(%error, ip, "governance contract not read");
        (observed.governance, observed.admin_account) = (None, None);
    }
}

/// The accounts before the contract: a transaction that has counted in a nonce shows in what is read after it.
async fn read(
    context: &Context,
    valid: &ValidConsortium,
    (chain, head): (&Chain<'_>, u64),
    observed: &mut ConsortiumObserved,
) -> Result<(), ChainError> {
    let admin = valid.admin.address(&observed.admin);
    let account = match admin {
        Some(admin) => Some((admin, chain.account(admin).await?)),
        None => None,
    };
    let genesis = observed.genesis.as_ref().and_then(|genesis| genesis.as_ref().ok());
    let genesis = genesis.map(|genesis| genesis.hash).unwrap_or_default();
    let operator = match observed.operator.key() {
        Some(operator) => Some((operator.key.address, chain.account(operator.key.address).await?)),
        None => None,
    };
    let governance = chain.governance().await?;
    let network = key(&valid.namespace, &valid.name);
    let is_waiting = |(of, seen)| context.cache().is_waiting(&network, of, seen, governance.height);
    let moving = operator.is_some_and(|(_, (_, waits))| waits);
    context.cache().remember_moving(&network, moving);
    observed.in_flight = operator.is_some_and(is_waiting);
    if let Some((admin, (nonce, waits))) = account {
        let in_flight = is_waiting((admin, (nonce, waits)));
        let before = votes::Before { genesis, admin, nonce, in_flight, head };
        observed.admin_account =
            told("votes", votes::read(context, valid, chain, &governance, &before).await);
    }
    if let Some(us) = governance.members.iter().find(|member| Some(member.admin) == admin) {
        observed.allowed = told("node ids", peering(context, valid, chain, us.id, observed).await).flatten();
    }
    observed.governance = Some(governance);
    Ok(())
}

/// What seats do not depend on is left out for this pass when it is not read.
fn told<T>(what: &str, read: Result<T, ChainError>) -> Option<T> {
    read.inspect_err(|error| tracing::warn!(%error, "{what} not read")).ok()
}

/// The list of our nodes that may peer: read until it has been seen to be as wanted, and again once something else is wanted.
async fn peering(
    context: &Context,
    valid: &ValidConsortium,
    chain: &Chain<'_>,
    member: u32,
    observed: &ConsortiumObserved,
) -> Result<Option<BTreeSet<B512>>, ChainError> {
    let wanted = (observed.peers.clone(), observed.former.clone());
    let network = key(&valid.namespace, &valid.name);
    if context.cache().is_peering(&network, &wanted) {
        return Ok(None);
    }
    let ids = chain.node_ids(member).await?;
    let is_so = wanted.0.iter().all(|peer| ids.contains(&peer.node_id))
        && wanted.1.iter().all(|peer| !ids.contains(&peer.node_id));
    if is_so {
        context.cache().remember_peering(&network, wanted);
    }
    Ok(Some(ids))
}

/// Fleets that name it, those too whose spec is refused.
pub(crate) fn named_by(cache: &Cache, network: &NetworkKey) -> Vec<String> {
    cache.fleets_of(network).map(|(name, _)| name.to_string()).collect()
}

/// A pod whose fleet is refused or gone counts: it may hold a seat. Spares are counted by their sets.
fn counts(pod: &NodePod, fleets: &[FleetSummary]) -> bool {
    let fleet = fleets.iter().find(|fleet| fleet.name.0 == pod.name.fleet);
    let counts = fleet.is_none_or(|fleet| fleet.counts(pod.name.index, pod.pod.terminating));
    counts && !pod.name.is_spare()
}

fn running(pods: &[NodePod], fleets: &[FleetSummary]) -> usize {
    pods.iter().filter(|pod| counts(pod, fleets)).count()
}

/// Those of them that somebody must help. One that restarts is none: it comes back by itself.
fn broken(pods: &[NodePod], fleets: &[FleetSummary]) -> Vec<(NodeName, &'static str)> {
    let down = pods.iter().filter(|pod| counts(pod, fleets) && !pod.pod.is_up());
    let reason = |pod: &NodePod| pod.pod.trouble.as_ref()?.reason;
    down.filter_map(|pod| Some((pod.name.clone(), reason(pod)?))).collect()
}

/// The most advanced ready node's address, and the head that it has at least.
fn entry(pods: &[NodePod], ours: impl Fn(&NodeStatus) -> bool) -> Option<(String, u64)> {
    let ready = pods
        .iter()
        .filter_map(|pod| Some((pod, pod.status.as_deref().filter(|status| status.ready && ours(status))?)));
    let best = ready.max_by_key(|(_, status)| status.head.number)?;
    Some((best.0.pod.ip.clone()?, best.1.head.number))
}

/// A fleet whose spec is refused says so itself; here it does not exist.
fn summary(
    name: &str,
    fleet: &Fleet,
    identities: &BTreeMap<NodeName, alloy_primitives::Address>,
) -> Option<FleetSummary> {
    let shape = fleet.shape.clone()?;
    let own = identities.iter().filter(|(node, _)| node.fleet == name);
    Some(FleetSummary {
        name: FleetName(name.to_owned()),
        replicas: shape.replicas,
        standbys: shape.standbys,
        stands_by: shape.stands_by,
        seats: fleet.role == Role::Validator,
        deleting: shape.deleting,
        skip_unseat: shape.skip_unseat,
        replaces: shape.replaces.map(|name| FleetName(name.to_string())),
        identities: own.map(|(name, address)| (name.index, *address)).collect(),
    })
}
