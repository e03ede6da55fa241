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
use std::collections::BTreeMap;

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
            ports: Some(vec![port("p2p", P2P_PORT), port("metrics", METRICS_PORT)]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

pub(super) fn rpc(fleet: &ValidFleet) -> Option<Service> {
    let rpc = fleet.rpc.as_ref()?;
    // The operator's own stand over the spec's: no annotation makes an internal service public.
    let mut annotations = rpc.annotations.clone();
    if rpc.load_balancer && !rpc.public {
        annotations.insert(INTERNAL.to_owned(), "true".to_owned());
        if !rpc.source_ranges.is_empty() {
            annotations.insert(DENY_OTHERS.to_owned(), "true".to_owned());
        }
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
            ..ServiceSpec::default()
        }),
        status: None,
    })
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

fn port(name: &str, port: u16) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: i32::from(port),
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}
