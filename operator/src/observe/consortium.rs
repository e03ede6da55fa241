//! Everything about one consortium.

use super::network::{NodePod, genesis, pods, public_keys};
use crate::{calls::call, chain_access::Chain, context::Context, error::Error};
use chain::status::NodeStatus;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::{ResourceExt, api::ListParams};
use operator_core::{
    api::Validator,
    names::{FleetName, NodeName, ROLE, VALIDATOR_ROLE},
    observed::{ConsortiumObserved, FleetSummary, SecretState},
    validate::{self, ValidConsortium},
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
    let namespace = &valid.namespace;
    let secrets = context.api::<Secret>(namespace);
    let admin = call("read Secret", secrets.get_opt(&valid.admin_secret)).await?;
    let operator = call("read Secret", secrets.get_opt(&valid.operator_secret)).await?;
    let genesis = genesis(context, namespace, &valid.name).await?;
    let keys = public_keys(context, namespace, &valid.name).await?;
    let fleets = fleets(context, valid, &keys.identities).await?;
    let pods = pods(context, namespace, &valid.name).await?;
    let wanted = |name: &NodeName| {
        fleets.iter().any(|fleet| fleet.name.0 == name.fleet && name.index < fleet.replicas)
    };
    let mut observed = ConsortiumObserved {
        admin: SecretState::read(admin.as_ref()),
        operator: SecretState::read(operator.as_ref()),
        genesis: genesis.map(|read| read.map_err(|error| error.to_string())),
        peers: keys.nodes.into_iter().filter(|peer| wanted(&peer.name)).collect(),
        running: pods.iter().filter(|pod| votes(&pod.pod)).count(),
        nodes: pods.iter().filter_map(|pod| pod.status.clone()).collect(),
        fleets,
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

fn votes(pod: &Pod) -> bool {
    pod.labels().get(ROLE).is_some_and(|role| role == VALIDATOR_ROLE)
}

fn entry(pods: &[NodePod], ours: impl Fn(&NodeStatus) -> bool) -> Option<String> {
    let ready = pods
        .iter()
        .filter_map(|pod| Some((pod, pod.status.as_ref().filter(|status| status.ready && ours(status))?)));
    let best = ready.max_by_key(|(_, status)| status.head.number)?;
    best.0.pod.status.as_ref()?.pod_ip.clone()
}

async fn fleets(
    context: &Context,
    valid: &ValidConsortium,
    identities: &BTreeMap<NodeName, alloy_primitives::Address>,
) -> Result<Vec<FleetSummary>, Error> {
    let referring =
        ListParams::default().fields(&format!("spec.consortiumRef.name={}", valid.name.0)).limit(500);
    let listed = call("list Validators", context.api::<Validator>(&valid.namespace).list(&referring)).await?;
    Ok(listed.items.iter().filter_map(|object| summary(object, identities)).collect())
}

/// A fleet whose spec is refused says so itself; here it does not exist.
fn summary(
    object: &Validator,
    identities: &BTreeMap<NodeName, alloy_primitives::Address>,
) -> Option<FleetSummary> {
    let fleet = validate::fleet(object).ok()?;
    let own = identities.iter().filter(|(name, _)| name.fleet == fleet.name.0);
    Some(FleetSummary {
        name: FleetName(object.name_any()),
        replicas: fleet.replicas,
        seats: fleet.role == operator_core::api::validator::Role::Validator,
        deleting: fleet.deleting,
        skip_unseat: fleet.skip_unseat,
        identities: own.map(|(name, address)| (name.index, *address)).collect(),
    })
}
