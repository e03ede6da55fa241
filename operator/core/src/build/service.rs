//! The headless Service of the nodes, and the RPC Service over those that are ready.

use super::owned;
use crate::{
    names::{FLEET, NETWORK, labels},
    validate::ValidFleet,
};
use chain::config::{METRICS_PORT, P2P_PORT, RPC_PORT};
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const INTERNAL: &str = "service.beta.kubernetes.io/azure-load-balancer-internal";
pub(super) const DENY_OTHERS: &str =
    "service.beta.kubernetes.io/azure-deny-all-except-load-balancer-source-ranges";

pub(super) fn nodes(fleet: &ValidFleet) -> Service {
    Service {
        metadata: owned(fleet, fleet.name.nodes_service(), fleet_labels(fleet)),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            // Peers find each other before anybody is ready, or nobody ever would be.
            publish_not_ready_addresses: Some(true),
            selector: Some(selector(fleet, "nodes")),
            ports: Some(vec![p2p(fleet), port("metrics", METRICS_PORT)]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// Behind a load balancer traffic enters only at hosts with a ready pod, and keeps its source address: connections and waiting transactions
/// are counted by it, and all clients of one host would be one client.
pub(super) fn rpc(fleet: &ValidFleet) -> Option<Service> {
    let rpc = fleet.rpc.as_ref()?;
    let mut annotations = rpc.annotations.clone();
    if rpc.load_balancer && !rpc.public {
        keep_internal(&mut annotations, &rpc.source_ranges);
    }
    let mut metadata = owned(fleet, fleet.name.rpc_service(), fleet_labels(fleet));
    metadata.annotations = (!annotations.is_empty()).then_some(annotations);
    let kind = if rpc.load_balancer { "LoadBalancer" } else { "ClusterIP" };
    Some(Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(kind.to_owned()),
            selector: Some(selector(fleet, "rpc")),
            ports: Some(vec![port("rpc", RPC_PORT)]),
            load_balancer_source_ranges: (!rpc.source_ranges.is_empty()).then(|| rpc.source_ranges.clone()),
            external_traffic_policy: rpc.load_balancer.then(|| "Local".to_owned()),
            ..ServiceSpec::default()
        }),
        status: None,
    })
}

/// One load balancer for the fleet, one port for each node: a node's own port has a name that no other pod has. Traffic may
/// enter at any host, since with `externalTrafficPolicy: Local` a host would count as good that runs another node.
pub(super) fn peers(fleet: &ValidFleet, running: impl Iterator<Item = u32>) -> Option<Service> {
    let peering = fleet.peering.as_ref()?;
    let mut annotations = peering.annotations.clone();
    if !peering.public {
        keep_internal(&mut annotations, &peering.source_ranges);
    }
    let mut metadata = owned(fleet, fleet.name.peers_service(), fleet_labels(fleet));
    metadata.annotations = (!annotations.is_empty()).then_some(annotations);
    let indices: BTreeSet<u32> = fleet.indices().chain(running).collect();
    Some(Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some("LoadBalancer".to_owned()),
            // A node that is not ready has to be dialled all the same, or it never would be.
            publish_not_ready_addresses: Some(true),
            selector: Some(selector(fleet, PEERS)),
            ports: Some(
                indices.into_iter().map(|index| port(&p2p_port_name(index), p2p_port(index))).collect(),
            ),
            load_balancer_source_ranges: (!peering.source_ranges.is_empty())
                .then(|| peering.source_ranges.clone()),
            ..ServiceSpec::default()
        }),
        status: None,
    })
}

/// Which label of the pods the peering Service selects by.
pub(super) const PEERS: &str = "peers";

/// Name of a node's p2p port where each node has one of its own.
pub(super) fn p2p_port_name(index: u32) -> String {
    format!("p2p-{index}")
}

/// Port of the load balancer that leads to a node. Spares follow on [`MAX_NODES`](crate::validate::MAX_NODES) others.
pub(super) fn p2p_port(index: u32) -> u16 {
    P2P_PORT.saturating_add(u16::try_from(index).unwrap_or(u16::MAX))
}

/// The operator's own stand over the spec's: no annotation makes an internal service public.
fn keep_internal(annotations: &mut BTreeMap<String, String>, source_ranges: &[String]) {
    annotations.insert(INTERNAL.to_owned(), "true".to_owned());
    if !source_ranges.is_empty() {
        annotations.insert(DENY_OTHERS.to_owned(), "true".to_owned());
    }
}

fn fleet_labels(fleet: &ValidFleet) -> BTreeMap<String, String> {
    labels([(NETWORK, fleet.consortium.0.as_str()), (FLEET, fleet.name.0.as_str())])
}

/// Two Services with one selector are refused by AKS's safeguards, so each names a label of its own.
fn selector(fleet: &ValidFleet, service: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (FLEET.to_owned(), fleet.name.0.clone()),
        (format!("quorate.dev/{service}"), "true".to_owned()),
    ])
}

/// By number where every node's port has another name.
fn p2p(fleet: &ValidFleet) -> ServicePort {
    let mut port = port("p2p", P2P_PORT);
    if fleet.peering.is_some() {
        port.target_port = Some(IntOrString::Int(i32::from(P2P_PORT)));
    }
    port
}

fn port(name: &str, port: u16) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: i32::from(port),
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}
