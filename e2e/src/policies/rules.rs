//! Which flows the policies allow to and from each pod of a Kubernetes node.

use super::selector::selects;
use k8s_openapi::{
    api::{
        core::v1::{Namespace, Pod},
        networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec},
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

/// The objects that decide, as the API server has them.
#[derive(Clone, Copy, Debug)]
pub struct Objects<'a> {
    /// All policies.
    pub policies: &'a [NetworkPolicy],
    /// All pods.
    pub pods: &'a [Pod],
    /// All namespaces.
    pub namespaces: &'a [Namespace],
}

/// A pod that a policy selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodRules {
    /// Its address.
    pub address: Ipv4Addr,
    /// `namespace/name`.
    pub name: String,
    /// What may come in; `None`: anything.
    pub ingress: Option<Vec<Allow>>,
    /// What may go out; `None`: anything.
    pub egress: Option<Vec<Allow>>,
}

/// Peers and a range of ports that may be reached together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Allow {
    /// The other end.
    pub peers: Peers,
    /// Ports of the receiving end; `None`: every protocol and port.
    pub ports: Option<Ports>,
}

/// The other end of a flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peers {
    /// Everybody.
    Any,
    /// Pods.
    Pods(BTreeSet<Ipv4Addr>),
    /// A range without some of its parts, in CIDR notation.
    Block {
        /// The range.
        cidr: String,
        /// Parts of it that are left out.
        except: Vec<String>,
    },
}

/// A range of ports, both ends included.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ports {
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// First and last; `None`: every port of the protocol.
    pub range: Option<(u16, u16)>,
}

/// A pod with an address of its own.
struct Reachable<'a> {
    pod: &'a Pod,
    address: Ipv4Addr,
    namespace: &'a str,
    labels: BTreeMap<String, String>,
}

#[derive(Clone, Copy)]
enum Direction {
    Ingress,
    Egress,
}

/// Rules of the pods on `node` that at least one policy selects, in order of address.
#[must_use]
pub fn pod_rules(objects: &Objects<'_>, node: &str) -> Vec<PodRules> {
    let pods: Vec<_> = objects.pods.iter().filter_map(reachable).collect();
    let own =
        pods.iter().filter(|own| own.pod.spec.as_ref().and_then(|s| s.node_name.as_deref()) == Some(node));
    let mut rules: Vec<_> = own.filter_map(|own| rules_of(objects, &pods, own)).collect();
    rules.sort_by_key(|rules| rules.address);
    rules
}

/// Pods of the host's network are the node, to a policy; the address of an ended pod may be another's.
fn reachable(pod: &Pod) -> Option<Reachable<'_>> {
    let status = pod.status.as_ref()?;
    let ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    if ended || pod.spec.as_ref()?.host_network == Some(true) {
        return None;
    }
    Some(Reachable {
        pod,
        address: status.pod_ip.as_ref()?.parse().ok()?,
        namespace: pod.metadata.namespace.as_deref()?,
        labels: pod.metadata.labels.clone().unwrap_or_default(),
    })
}

fn rules_of(objects: &Objects<'_>, pods: &[Reachable<'_>], own: &Reachable<'_>) -> Option<PodRules> {
    let selecting: Vec<_> = objects
        .policies
        .iter()
        .filter(|policy| policy.metadata.namespace.as_deref() == Some(own.namespace))
        .filter_map(|policy| policy.spec.as_ref())
        .filter(|spec| spec.pod_selector.as_ref().is_none_or(|selector| selects(selector, &own.labels)))
        .collect();
    let of = |direction| allowed(objects, pods, own, &selecting, direction);
    let rules = PodRules {
        address: own.address,
        name: format!("{}/{}", own.namespace, own.pod.metadata.name.as_deref().unwrap_or_default()),
        ingress: of(Direction::Ingress),
        egress: of(Direction::Egress),
    };
    (rules.ingress.is_some() || rules.egress.is_some()).then_some(rules)
}

/// The union of what the policies allow; `None` when none of them is about this direction.
fn allowed(
    objects: &Objects<'_>,
    pods: &[Reachable<'_>],
    own: &Reachable<'_>,
    selecting: &[&NetworkPolicySpec],
    direction: Direction,
) -> Option<Vec<Allow>> {
    let about: Vec<_> = selecting.iter().filter(|spec| is_about(spec, direction)).collect();
    if about.is_empty() {
        return None;
    }
    let mut allows = BTreeSet::new();
    for spec in about {
        let rules: Vec<_> = match direction {
            Direction::Ingress => spec.ingress.iter().flatten().map(|r| (&r.from, &r.ports)).collect(),
            Direction::Egress => spec.egress.iter().flatten().map(|r| (&r.to, &r.ports)).collect(),
        };
        for (peers, ports) in rules {
            for peers in resolve_peers(objects, pods, own, peers.as_deref().unwrap_or_default()) {
                allows.extend(with_ports(pods, own, &peers, ports.as_deref().unwrap_or_default(), direction));
            }
        }
    }
    Some(allows.into_iter().collect())
}

fn is_about(spec: &NetworkPolicySpec, direction: Direction) -> bool {
    let listed = |name: &str| spec.policy_types.iter().flatten().any(|listed| listed == name);
    let unsaid = spec.policy_types.as_ref().is_none_or(Vec::is_empty);
    match direction {
        Direction::Ingress => unsaid || listed("Ingress"),
        Direction::Egress => (unsaid && spec.egress.is_some()) || listed("Egress"),
    }
}

/// No peers at all means everybody.
fn resolve_peers(
    objects: &Objects<'_>,
    pods: &[Reachable<'_>],
    own: &Reachable<'_>,
    peers: &[NetworkPolicyPeer],
) -> Vec<Peers> {
    if peers.is_empty() {
        return vec![Peers::Any];
    }
    let of = |peer: &NetworkPolicyPeer| match &peer.ip_block {
        Some(block) if block.cidr.contains(':') => Peers::Pods(BTreeSet::new()),
        Some(block) => Peers::Block {
            cidr: block.cidr.clone(),
            except: block.except.iter().flatten().cloned().collect(),
        },
        None => {
            let meant = pods.iter().filter(|pod| is_meant(objects, own, peer, pod));
            Peers::Pods(meant.map(|pod| pod.address).collect())
        }
    };
    peers.iter().map(of).collect()
}

/// Without a namespace selector the policy's own namespace is meant.
fn is_meant(
    objects: &Objects<'_>,
    own: &Reachable<'_>,
    peer: &NetworkPolicyPeer,
    pod: &Reachable<'_>,
) -> bool {
    let namespace = peer.namespace_selector.as_ref().map_or_else(
        || pod.namespace == own.namespace,
        |selector| {
            let found = objects.namespaces.iter().find(|n| n.metadata.name.as_deref() == Some(pod.namespace));
            found.is_some_and(|n| selects(selector, &n.metadata.labels.clone().unwrap_or_default()))
        },
    );
    namespace && peer.pod_selector.as_ref().is_none_or(|selector| selects(selector, &pod.labels))
}

/// The flow's port is the receiving pod's: that is where a port's name is looked up.
fn with_ports(
    pods: &[Reachable<'_>],
    own: &Reachable<'_>,
    peers: &Peers,
    ports: &[NetworkPolicyPort],
    direction: Direction,
) -> Vec<Allow> {
    if ports.is_empty() {
        return vec![Allow { peers: peers.clone(), ports: None }];
    }
    let mut allows = Vec::new();
    for port in ports {
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        let allow = |peers: Peers, range| Allow {
            peers,
            ports: Some(Ports { protocol: protocol.to_ascii_lowercase(), range }),
        };
        match (&port.port, direction) {
            (None, _) => allows.push(allow(peers.clone(), None)),
            (Some(IntOrString::Int(first)), _) => {
                let last = port.end_port.unwrap_or(*first);
                let range = u16::try_from(*first).ok().zip(u16::try_from(last).ok());
                allows.extend(range.map(|range| allow(peers.clone(), Some(range))));
            }
            (Some(IntOrString::String(name)), Direction::Ingress) => {
                let number = number_of(own.pod, name, protocol);
                allows.extend(number.map(|number| allow(peers.clone(), Some((number, number)))));
            }
            (Some(IntOrString::String(name)), Direction::Egress) => {
                for pod in pods.iter().filter(|pod| includes(peers, pod.address)) {
                    let number = number_of(pod.pod, name, protocol);
                    let only = Peers::Pods(BTreeSet::from([pod.address]));
                    allows.extend(number.map(|number| allow(only, Some((number, number)))));
                }
            }
        }
    }
    allows
}

fn includes(peers: &Peers, address: Ipv4Addr) -> bool {
    match peers {
        Peers::Any => true,
        Peers::Pods(pods) => pods.contains(&address),
        // A block's addresses have no port names.
        Peers::Block { .. } => false,
    }
}

fn number_of(pod: &Pod, name: &str, protocol: &str) -> Option<u16> {
    let ports = pod.spec.iter().flat_map(|spec| &spec.containers).flat_map(|c| c.ports.iter().flatten());
    let named = |port: &&k8s_openapi::api::core::v1::ContainerPort| {
        port.name.as_deref() == Some(name) && port.protocol.as_deref().unwrap_or("TCP") == protocol
    };
    u16::try_from(ports.into_iter().find(named)?.container_port).ok()
}
