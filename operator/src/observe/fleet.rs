//! Everything about one fleet.

mod leases;
mod mounts;

use super::{
    network::{NodePod, PublicKeys, genesis, key, object_of, pods, public_keys, secret},
    sources::learned,
};
use crate::{context::Context, error::Error};
use alloy_primitives::Address;
use k8s_openapi::jiff::Timestamp;
use operator_core::{
    api::{
        Consortium, Validator,
        conditions::{ConditionStatus, JOINED},
        validator::Role,
    },
    cache::{Cache, Kind, NetworkKey},
    names::NodeName,
    observed::{FleetObserved, Neighbour, NodeObserved, StatefulSetObserved},
    policy::Turn,
    validate::ValidFleet,
};
use std::collections::{BTreeMap, BTreeSet};

/// Gathers it: from the cache, and from the API server what that does not hold.
pub(crate) async fn fleet(
    context: &Context,
    object: &Validator,
    valid: &ValidFleet,
) -> Result<FleetObserved, Error> {
    let now = Timestamp::now();
    let network = key(&valid.namespace, &valid.consortium);
    let genesis = genesis(context, &network).await?;
    let is_stored = genesis.is_some();
    let genesis = genesis.and_then(Result::ok);
    let (waiting, mut observed) = {
        let cache = context.cache();
        let pods = pods(&cache, &network, now);
        let waiting = mounts::overdue(&pods, &valid.name, now);
        let consortium = cache.consortium(&network.namespace, &network.name);
        let turn = genesis
            .as_ref()
            .zip(consortium)
            .and_then(|(genesis, consortium)| turn(consortium, genesis.member));
        let moving = cache.moving(&network);
        (waiting, FleetObserved { turn, moving, ..cached(&cache, &network, valid, pods) })
    };
    observed.vault = context.vaults.reports(&object_of(object));
    observed.bootnodes = learned(context, &network, genesis.as_deref()).await?.bootnodes();
    observed.member = is_member(&context.cache(), &network);
    observed.founds &= !is_stored;
    observed.genesis = genesis.map(|genesis| (*genesis).clone());
    observed.recorded_image = object.status.as_ref().and_then(|status| status.image.clone());
    mounts::place_failures(context, valid, &waiting, &mut observed).await;
    place_keys(context, valid, &mut observed).await?;
    leases::place(context, valid, &mut observed).await?;
    Ok(observed)
}

/// Our place among the members, as the Consortium's pass last read them from the chain.
pub(super) fn turn(consortium: &Consortium, member: Address) -> Option<Turn> {
    let status = consortium.status.as_ref()?;
    Turn::among(&status.members, member, status.member.as_ref().and_then(|accounts| accounts.region))
}

/// Whether this member is one, as the Consortium's pass last read it from the chain.
fn is_member(cache: &Cache, network: &NetworkKey) -> Option<bool> {
    let consortium = cache.consortium(&network.namespace, &network.name)?;
    let conditions = &consortium.status.as_ref()?.conditions;
    match conditions.iter().find(|condition| condition.kind == JOINED)?.status {
        ConditionStatus::True => Some(true),
        ConditionStatus::False => Some(false),
        ConditionStatus::Unknown => None,
    }
}

fn cached(cache: &Cache, network: &NetworkKey, valid: &ValidFleet, pods: Vec<NodePod>) -> FleetObserved {
    let sets: BTreeMap<NodeName, _> = cache
        .children_of(Kind::StatefulSet, network)
        .filter_map(|(_, child)| Some((child.node_name()?, child.statefulset()?)))
        .collect();
    let running: BTreeSet<&NodeName> = sets.keys().collect();
    let wanted = |name: &NodeName| name.fleet == valid.name.0 && valid.wants(name.index) && !valid.deleting;
    let keys = public_keys(cache, network);
    let consortium = cache.consortium(&network.namespace, &network.name);
    let mut observed = FleetObserved {
        consortium_exists: consortium.is_some(),
        // A pinned genesis has been made before.
        founds: consortium
            .and_then(|consortium| consortium.spec.create.as_ref())
            .is_some_and(|create| create.genesis_hash.is_none()),
        admission: consortium.map(|consortium| consortium.spec.admission).unwrap_or_default(),
        neighbours: neighbours(cache, network, valid, &sets, &pods, &keys),
        peers: keys
            .nodes
            .into_iter()
            .filter(|peer| wanted(&peer.name) || running.contains(&peer.name))
            .collect(),
        network: pods.iter().filter_map(|pod| pod.status.as_deref().cloned()).collect(),
        nodes: valid.indices().map(|index| (index, NodeObserved::default())).collect(),
        ..FleetObserved::default()
    };
    for (name, set) in sets.iter().filter(|(name, _)| name.fleet == valid.name.0) {
        observed.nodes.entry(name.index).or_default().statefulset = Some((*set).clone());
    }
    place_pods(valid, pods, &mut observed);
    let configured = cache.children_of(Kind::ConfigMap, network).filter_map(|(_, child)| child.node_name());
    let of_fleet = configured.filter(|name| name.fleet == valid.name.0);
    observed.configured = of_fleet.filter(|name| !observed.nodes.contains_key(&name.index)).collect();
    for (index, node) in &mut observed.nodes {
        let volume = valid.name.node(*index).volume();
        let claim = cache.child(Kind::PersistentVolumeClaim, &valid.namespace, &volume);
        node.volume = claim.map(|claim| claim.volume().cloned().unwrap_or_default());
    }
    observed
}

/// Nodes of the member's other fleets. Those that hold no seats have no address here.
fn neighbours(
    cache: &Cache,
    network: &NetworkKey,
    valid: &ValidFleet,
    sets: &BTreeMap<NodeName, &StatefulSetObserved>,
    pods: &[NodePod],
    keys: &PublicKeys,
) -> Vec<Neighbour> {
    let votes = |name: &NodeName| {
        let fleet = cache.fleet(&network.namespace, &name.fleet);
        let stands_by =
            |fleet: &operator_core::cache::Fleet| fleet.shape.as_ref().is_some_and(|shape| shape.stands_by);
        fleet.is_none_or(|fleet| fleet.role == Role::Validator && !stands_by(fleet))
    };
    let others = sets.keys().filter(|name| name.fleet != valid.name.0);
    let neighbour = |name: &NodeName| Neighbour {
        address: keys.identities.get(name).copied().filter(|_| votes(name)),
        pod: pods.iter().find(|pod| pod.name == *name).map(|pod| pod.pod.clone()),
        name: name.clone(),
    };
    others.map(neighbour).collect()
}

fn place_pods(valid: &ValidFleet, pods: Vec<NodePod>, observed: &mut FleetObserved) {
    for NodePod { name, pod, status, .. } in pods.into_iter().filter(|pod| pod.name.fleet == valid.name.0) {
        let node = observed.nodes.entry(name.index).or_default();
        node.pod = Some(pod);
        node.status = status.map(|status| (*status).clone());
    }
}

/// Keys by name: one that a person restored has the name, perhaps not the labels by which the cache would hold it.
async fn place_keys(
    context: &Context,
    valid: &ValidFleet,
    observed: &mut FleetObserved,
) -> Result<(), Error> {
    for (index, node) in &mut observed.nodes {
        let name = valid.name.node(*index);
        if valid.role == Role::Validator && !name.is_spare() {
            let found = secret(context, &valid.namespace, &name.identity()).await?;
            let place = valid.keys.vault().map(|vault| vault.place(*index));
            node.identity = found.at(place.as_ref(), &name.identity());
        }
        node.p2p = secret(context, &valid.namespace, &name.p2p()).await?;
    }
    Ok(())
}
