//! Who may connect to a fleet's nodes, and to whom they may: peers, clients of JSON-RPC as the spec says, the operator, scrapers.

use super::{owned, owned_by_consortium, service::p2p_port};
use crate::{
    api::validator::Role,
    names::{FLEET, NETWORK, NODES, PUBLISHER, labels},
    validate::{FenceStore, FleetFence, MAX_NODES, MAX_STANDBYS, RpcService, ValidConsortium, ValidFleet},
};
use chain::{
    config::{METRICS_PORT, P2P_PORT, RPC_PORT},
    enode::Enode,
};
use k8s_openapi::{
    api::networking::v1::{
        IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
        NetworkPolicyPort, NetworkPolicySpec,
    },
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

const DNS_PORT: u16 = 53;
const HTTPS_PORT: u16 = 443;
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
/// Labels of the operator's pods, as the chart writes them.
const OPERATOR: [(&str, &str); 2] =
    [("app.kubernetes.io/name", "quorate"), ("app.kubernetes.io/component", "operator")];

/// Where those are who must reach every node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkAccess {
    /// Namespace of the operator's pods.
    pub operator_namespace: String,
    /// Namespaces whose pods read `/metrics`.
    pub monitoring_namespaces: Vec<String>,
    /// Where the API server is, which nodes reach that keep records there: it is seldom a pod.
    pub api_server: ApiServer,
}

/// The API server's addresses, as a policy sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiServer {
    /// Its address ranges; any address without.
    pub cidrs: Vec<String>,
    /// Ports of its Service, and of what is behind that: a policy sees the one or the other.
    pub ports: Vec<u16>,
}

/// The policy of a fleet's pods, both directions; what is not named here is refused.
#[must_use]
pub fn network_policy(fleet: &ValidFleet, access: &NetworkAccess, bootnodes: &[Enode]) -> NetworkPolicy {
    let labels = labels([(NETWORK, fleet.consortium.0.as_str()), (FLEET, fleet.name.0.as_str())]);
    NetworkPolicy {
        metadata: owned(fleet, fleet.name.0.clone(), labels),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector([(FLEET, fleet.name.0.as_str())])),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: Some(ingress(fleet, access)),
            egress: Some(egress(fleet, &access.api_server, bootnodes)),
        }),
    }
}

fn ingress(fleet: &ValidFleet, access: &NetworkAccess) -> Vec<NetworkPolicyIngressRule> {
    // Behind a load balancer peers come as any host's address, as clients do.
    let peers = if fleet.peering.is_some() { Vec::new() } else { vec![nodes()] };
    let mut rules = vec![from(vec![operator(access)], [RPC_PORT, METRICS_PORT]), from(peers, [P2P_PORT])];
    rules.extend(fleet.rpc.as_ref().map(clients));
    // A rule without peers would let everybody in.
    if !access.monitoring_namespaces.is_empty() {
        let scrapers = access.monitoring_namespaces.iter().map(|name| namespace(name)).collect();
        rules.push(from(scrapers, [METRICS_PORT]));
    }
    rules
}

/// Behind a load balancer a client may come as any node's address, so `spec.rpc.sourceRanges` is kept by the Service and the
/// cloud's rules in front of it; without one, clients are pods.
fn clients(rpc: &RpcService) -> NetworkPolicyIngressRule {
    from(if rpc.load_balancer { Vec::new() } else { vec![pods()] }, [RPC_PORT])
}

fn pods() -> NetworkPolicyPeer {
    NetworkPolicyPeer { namespace_selector: Some(LabelSelector::default()), ..NetworkPolicyPeer::default() }
}

/// Names are looked up wherever the cluster's DNS is: a pod, or a cache on the node. Nothing else is reached but peers, and the API
/// server by nodes that keep records there: no metadata service of the cloud. Seats announce where their nodes are dialled, and may move: once members are in other
/// clusters, the ports of their load balancers are open to every address.
fn egress(fleet: &ValidFleet, api_server: &ApiServer, bootnodes: &[Enode]) -> Vec<NetworkPolicyEgressRule> {
    let dns = vec![port("UDP", DNS_PORT), port("TCP", DNS_PORT)];
    let mut rules = vec![
        NetworkPolicyEgressRule { ports: Some(dns), to: None },
        NetworkPolicyEgressRule { ports: Some(vec![port("TCP", P2P_PORT)]), to: Some(vec![nodes()]) },
    ];
    let outside: BTreeSet<_> = bootnodes.iter().filter_map(outside).collect();
    if fleet.peering.is_some() || !outside.is_empty() {
        rules.push(NetworkPolicyEgressRule { ports: Some(vec![announced()]), to: None });
    }
    // Vault and token service have no ranges of their own, and a policy knows no names.
    let ports: BTreeSet<u16> = azure_ports(fleet).into_iter().flatten().collect();
    if !ports.is_empty() {
        let ports = ports.into_iter().map(|number| port("TCP", number)).collect();
        rules.push(NetworkPolicyEgressRule { ports: Some(ports), to: None });
    }
    if fleet.fence.as_ref().is_some_and(|fence| fence.store == FenceStore::Leases) {
        rules.push(to_api_server(api_server));
    }
    rules.extend(outside.into_iter().map(|(address, number)| NetworkPolicyEgressRule {
        ports: Some(vec![port("TCP", number)]),
        to: address.map(|address| vec![range(address)]),
    }));
    rules
}

fn to_api_server(api_server: &ApiServer) -> NetworkPolicyEgressRule {
    let block = |cidr: &String| NetworkPolicyPeer {
        ip_block: Some(IPBlock { cidr: cidr.clone(), except: None }),
        ..NetworkPolicyPeer::default()
    };
    let blocks: Vec<_> = api_server.cidrs.iter().map(block).collect();
    NetworkPolicyEgressRule {
        ports: Some(api_server.ports.iter().map(|number| port("TCP", *number)).collect()),
        // An empty list would let nobody be reached, an absent one everybody.
        to: (!blocks.is_empty()).then_some(blocks),
    }
}

/// Ports of vault, storage and token service, as far as the nodes need them.
fn azure_ports(fleet: &ValidFleet) -> [Option<u16>; 4] {
    let vault = fleet.keys.vault().filter(|_| fleet.role == Role::Validator);
    let container = fleet.fence.as_ref().and_then(FleetFence::container);
    let access = container.and_then(|container| container.access.as_ref());
    let token = |host: &Option<String>| host.as_ref().map_or(HTTPS_PORT, |url| https_port(url));
    [
        vault.map(|vault| https_port(&vault.url)),
        vault.map(|vault| token(&vault.authority_host)),
        container.map(|container| https_port(host_of(&container.url))),
        access.map(|access| token(&access.authority_host)),
    ]
}

/// An https address without its path.
fn host_of(url: &str) -> &str {
    let host = url.strip_prefix("https://").and_then(|rest| rest.split('/').next());
    host.unwrap_or_default()
}

/// The port in an https address that is a host and perhaps a port.
fn https_port(url: &str) -> u16 {
    let after = url.rsplit_once(':').map(|(_, port)| port);
    after.and_then(|port| port.parse().ok()).unwrap_or(HTTPS_PORT)
}

/// Ports at which fleets' load balancers lead to their nodes.
fn announced() -> NetworkPolicyPort {
    let last = p2p_port(MAX_NODES.saturating_add(MAX_STANDBYS).saturating_sub(1));
    NetworkPolicyPort { end_port: Some(i32::from(last)), ..port("TCP", P2P_PORT) }
}

/// A member's node in another cluster: its address, if it is one, and its port. A name may move, so no range is known for it.
fn outside(enode: &Enode) -> Option<(Option<IpAddr>, u16)> {
    let in_cluster = enode.host.split('.').any(|label| label == "svc");
    (!in_cluster).then(|| (enode.host.parse().ok(), enode.port))
}

fn range(address: IpAddr) -> NetworkPolicyPeer {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let ip_block = IPBlock { cidr: format!("{address}/{bits}"), except: None };
    NetworkPolicyPeer { ip_block: Some(ip_block), ..NetworkPolicyPeer::default() }
}

/// The policy of the web server that publishes the network info: it answers pods, or everybody behind a load balancer, and
/// connects to nobody.
#[must_use]
pub(super) fn of_publisher(consortium: &ValidConsortium, load_balancer: bool, number: u16) -> NetworkPolicy {
    let name = consortium.name.network_info();
    NetworkPolicy {
        metadata: owned_by_consortium(consortium, name),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector([(PUBLISHER, consortium.name.0.as_str())])),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: Some(vec![from(if load_balancer { Vec::new() } else { vec![pods()] }, [number])]),
            egress: Some(Vec::new()),
        }),
    }
}

fn from<const N: usize>(peers: Vec<NetworkPolicyPeer>, ports: [u16; N]) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        from: (!peers.is_empty()).then_some(peers),
        ports: Some(ports.into_iter().map(|number| port("TCP", number)).collect()),
    }
}

fn port(protocol: &str, number: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        protocol: Some(protocol.to_owned()),
        port: Some(IntOrString::Int(i32::from(number))),
        end_port: None,
    }
}

/// Members of one cluster peer across namespaces.
fn nodes() -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector::default()),
        pod_selector: Some(selector([(NODES, "true")])),
        ip_block: None,
    }
}

fn operator(access: &NetworkAccess) -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(selector(OPERATOR)), ..namespace(&access.operator_namespace) }
}

fn namespace(name: &str) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: Some(selector([(NAMESPACE_NAME, name)])),
        ..NetworkPolicyPeer::default()
    }
}

fn selector<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> LabelSelector {
    let pairs = pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    LabelSelector { match_labels: Some(pairs.collect::<BTreeMap<_, _>>()), match_expressions: None }
}
