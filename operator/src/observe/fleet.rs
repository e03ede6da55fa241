//! Everything about one fleet.

use super::network::{NodePod, genesis, node_of, of_fleet, of_network, pods, public_keys};
use crate::{calls::call, context::Context, error::Error};
use alloy_primitives::Address;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod, Secret},
    events::v1::Event,
};
use k8s_openapi::jiff::Timestamp;
use kube::{ResourceExt, api::ListParams};
use operator_core::{
    api::{Consortium, Validator, validator::Role},
    genesis::StoredGenesis,
    names::{FLEET, NodeName, ROLE, VALIDATOR_ROLE},
    observed::{
        FleetObserved, Neighbour, NodeObserved, PodObserved, SecretState, StatefulSetObserved, VolumeObserved,
    },
    policy::Turn,
    validate::ValidFleet,
};
use std::collections::{BTreeMap, BTreeSet};

/// Kubelets mount within seconds; a disk that moves with its pod takes longer, and says so.
const MOUNTED_WITHIN_S: i64 = 20;

/// Reads it.
pub(crate) async fn fleet(
    context: &Context,
    object: &Validator,
    valid: &ValidFleet,
) -> Result<FleetObserved, Error> {
    let now = Timestamp::now();
    let namespace = &valid.namespace;
    let network = &valid.consortium;
    let consortium =
        call("read Consortium", context.api::<Consortium>(namespace).get_opt(&network.0)).await?;
    let sets =
        call("list StatefulSets", context.api::<StatefulSet>(namespace).list(&of_network(network))).await?;
    let running: BTreeSet<NodeName> = sets.items.iter().filter_map(node_of).collect();
    let pods = pods(context, namespace, network).await?;
    let keys = public_keys(context, namespace, network).await?;
    let wanted =
        |name: &NodeName| name.fleet == valid.name.0 && name.index < valid.replicas && !valid.deleting;
    let own_sets = sets.items.iter().filter(|set| set.labels().get(FLEET) == Some(&valid.name.0));
    let genesis = genesis(context, namespace, network).await?.and_then(Result::ok);
    let mut observed = FleetObserved {
        consortium_exists: consortium.is_some(),
        turn: turn(consortium.as_ref(), genesis.as_ref()),
        neighbours: neighbours(valid, &sets.items, &pods, &keys.identities, now),
        genesis,
        nodes: BTreeMap::new(),
        peers: keys
            .nodes
            .into_iter()
            .filter(|peer| wanted(&peer.name) || running.contains(&peer.name))
            .collect(),
        network: pods.iter().filter_map(|pod| pod.status.clone()).collect(),
        recorded_image: object.status.as_ref().and_then(|status| status.image.clone()),
    };
    for index in 0..valid.replicas {
        observed.nodes.insert(index, NodeObserved::default());
    }
    for set in own_sets {
        if let Some(name) = node_of(set) {
            observed.nodes.entry(name.index).or_default().statefulset = Some(StatefulSetObserved::read(set));
        }
    }
    place_pods(valid, &pods, &mut observed, now);
    place_mount_failures(context, valid, &pods, &mut observed, now).await;
    place_volumes(context, valid, &mut observed).await?;
    place_keys(context, valid, &mut observed).await?;
    Ok(observed)
}

/// Our place among the members, as the Consortium's pass last read them from the chain.
fn turn(consortium: Option<&Consortium>, genesis: Option<&StoredGenesis>) -> Option<Turn> {
    Turn::among(&consortium?.status.as_ref()?.members, genesis?.member)
}

/// Nodes of the member's other fleets. Those that hold no seats have no address here.
fn neighbours(
    valid: &ValidFleet,
    sets: &[StatefulSet],
    pods: &[NodePod],
    identities: &BTreeMap<NodeName, Address>,
    now: Timestamp,
) -> Vec<Neighbour> {
    let others = sets.iter().filter_map(|set| Some((set, node_of(set)?)));
    let others = others.filter(|(_, name)| name.fleet != valid.name.0);
    others
        .map(|(set, name)| {
            let pod = pods.iter().find(|NodePod { pod, .. }| node_of(pod).as_ref() == Some(&name));
            let votes = set.labels().get(ROLE).is_some_and(|role| role == VALIDATOR_ROLE);
            Neighbour {
                address: identities.get(&name).copied().filter(|_| votes),
                pod: pod.map(|NodePod { pod, .. }| PodObserved::read(pod, now)),
                name,
            }
        })
        .collect()
}

fn place_pods(valid: &ValidFleet, pods: &[NodePod], observed: &mut FleetObserved, now: Timestamp) {
    for NodePod { pod, status } in pods {
        let Some(name) = node_of(pod).filter(|name| name.fleet == valid.name.0) else { continue };
        let node = observed.nodes.entry(name.index).or_default();
        node.pod = Some(PodObserved::read(pod, now));
        node.status.clone_from(status);
    }
}

/// Why a volume is not mounted stands only in events; they are asked for a pod that has waited long enough.
async fn place_mount_failures(
    context: &Context,
    valid: &ValidFleet,
    pods: &[NodePod],
    observed: &mut FleetObserved,
    now: Timestamp,
) {
    let old = |pod: &Pod| {
        let created = pod.metadata.creation_timestamp.as_ref().map_or(now, |time| time.0);
        now.as_second().saturating_sub(created.as_second()) >= MOUNTED_WITHIN_S
    };
    for NodePod { pod, .. } in
        pods.iter().filter(|pod| PodObserved::awaits_volumes(&pod.pod) && old(&pod.pod))
    {
        let Some(name) = node_of(pod).filter(|name| name.fleet == valid.name.0) else { continue };
        let Some(message) = mount_failure(context, valid, &pod.name_any()).await else { continue };
        if let Some(node) = observed.nodes.get_mut(&name.index) {
            node.pod = node.pod.take().map(|pod| pod.with_mount_failure(&message));
        }
    }
}

/// The newest failure to attach or mount; the fleet's status does without it when events cannot be read.
async fn mount_failure(context: &Context, valid: &ValidFleet, pod: &str) -> Option<String> {
    let about = ListParams::default().fields(&format!("regarding.name={pod},type=Warning")).limit(50);
    let listed = call("list events", context.api::<Event>(&valid.namespace).list(&about)).await;
    let events = listed.inspect_err(|error| tracing::debug!(%error, pod, "events not read")).ok()?.items;
    let mounts = events.into_iter().filter(|event| {
        event.reason.as_deref().is_some_and(|reason| ["FailedMount", "FailedAttachVolume"].contains(&reason))
    });
    mounts
        .max_by_key(|event| {
            event
                .metadata
                .resource_version
                .as_ref()
                .map(String::len)
                .zip(event.metadata.resource_version.clone())
        })?
        .note
}

async fn place_volumes(
    context: &Context,
    valid: &ValidFleet,
    observed: &mut FleetObserved,
) -> Result<(), Error> {
    let api = context.api::<PersistentVolumeClaim>(&valid.namespace);
    let listed = call("list disks", api.list(&of_fleet(&valid.name.0))).await?;
    for (index, node) in &mut observed.nodes {
        let name = valid.name.node(*index).volume();
        let claim = listed.items.iter().find(|claim| claim.name_any() == name);
        node.volume = claim.map(VolumeObserved::read);
    }
    Ok(())
}

/// Keys by label, then by name: one that a person restored has the name, perhaps not the labels.
async fn place_keys(
    context: &Context,
    valid: &ValidFleet,
    observed: &mut FleetObserved,
) -> Result<(), Error> {
    let api = context.api::<Secret>(&valid.namespace);
    let listed = call("list Secrets", api.list(&of_fleet(&valid.name.0))).await?;
    let mut found: BTreeMap<String, Secret> =
        listed.items.into_iter().map(|secret| (secret.name_any(), secret)).collect();
    for (index, node) in &mut observed.nodes {
        let name = valid.name.node(*index);
        for secret in [name.identity(), name.p2p()] {
            let wanted = valid.role == Role::Validator || secret == name.p2p();
            if wanted
                && !found.contains_key(&secret)
                && let Some(restored) = call("read Secret", api.get_opt(&secret)).await?
            {
                found.insert(secret, restored);
            }
        }
        node.identity = SecretState::read(found.get(&name.identity()));
        node.p2p = SecretState::read(found.get(&name.p2p()));
    }
    Ok(())
}
