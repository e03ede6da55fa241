//! Everything about one fleet.

use super::network::{NodePod, genesis, key, pods, public_keys, secret};
use crate::{context::Context, error::Error};
use operator_core::{
    api::{Validator, validator::Role},
    cache::{Cache, Kind, NetworkKey},
    names::NodeName,
    observed::{FleetObserved, NodeObserved},
    validate::ValidFleet,
};
use std::collections::{BTreeMap, BTreeSet};

/// Gathers it: from the cache, and from the API server what that does not hold.
pub(crate) async fn fleet(
    context: &Context,
    object: &Validator,
    valid: &ValidFleet,
) -> Result<FleetObserved, Error> {
    let network = key(&valid.namespace, &valid.consortium);
    let genesis = genesis(context, &network).await?.and_then(Result::ok);
    let mut observed = FleetObserved {
        genesis: genesis.map(|genesis| (*genesis).clone()),
        recorded_image: object.status.as_ref().and_then(|status| status.image.clone()),
        ..cached(&context.cache(), &network, valid)
    };
    place_keys(context, valid, &mut observed).await?;
    Ok(observed)
}

fn cached(cache: &Cache, network: &NetworkKey, valid: &ValidFleet) -> FleetObserved {
    let sets: BTreeMap<NodeName, _> = cache
        .children_of(Kind::StatefulSet, network)
        .filter_map(|(_, child)| Some((child.node_name()?, child.statefulset()?)))
        .collect();
    let running: BTreeSet<&NodeName> = sets.keys().collect();
    let wanted =
        |name: &NodeName| name.fleet == valid.name.0 && name.index < valid.replicas && !valid.deleting;
    let pods = pods(cache, network);
    let keys = public_keys(cache, network);
    let mut observed = FleetObserved {
        consortium_exists: cache.consortium(&network.namespace, &network.name).is_some(),
        peers: keys
            .nodes
            .into_iter()
            .filter(|peer| wanted(&peer.name) || running.contains(&peer.name))
            .collect(),
        network: pods.iter().filter_map(|pod| pod.status.as_deref().cloned()).collect(),
        nodes: (0..valid.replicas).map(|index| (index, NodeObserved::default())).collect(),
        ..FleetObserved::default()
    };
    for (name, set) in sets.iter().filter(|(name, _)| name.fleet == valid.name.0) {
        observed.nodes.entry(name.index).or_default().statefulset = Some((*set).clone());
    }
    place_pods(valid, pods, &mut observed);
    for (index, node) in &mut observed.nodes {
        let volume = valid.name.node(*index).volume();
        node.volume = cache.child(Kind::PersistentVolumeClaim, &valid.namespace, &volume).is_some();
    }
    observed
}

fn place_pods(valid: &ValidFleet, pods: Vec<NodePod>, observed: &mut FleetObserved) {
    for NodePod { name, pod, status } in pods.into_iter().filter(|pod| pod.name.fleet == valid.name.0) {
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
        if valid.role == Role::Validator {
            node.identity = secret(context, &valid.namespace, &name.identity()).await?;
        }
        node.p2p = secret(context, &valid.namespace, &name.p2p()).await?;
    }
    Ok(())
}
