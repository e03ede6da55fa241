use super::{
    nft,
    rules::{Objects, Peers, PodRules, pod_rules},
};
use k8s_openapi::api::{
    core::v1::{Namespace, Pod},
    networking::v1::NetworkPolicy,
};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// Pods by the last part of their address: `a/web` and `a/db` in one namespace, `b/web` in another, a client outside.
const WEB: u8 = 1;
const DB: u8 = 2;
const OTHER: u8 = 3;
const OUTSIDE: u8 = 200;

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

fn pod(namespace: &str, app: &str, last: u8, node: &str) -> Pod {
    parse(&json!({
        "metadata": { "namespace": namespace, "name": app, "labels": { "app": app } },
        "spec": {
            "nodeName": node,
            "containers": [{ "name": "c", "ports": [{ "name": "http", "containerPort": 8000 + u16::from(last) }] }],
        },
        "status": { "phase": "Running", "podIP": address(last).to_string() },
    }))
}

fn namespace(name: &str) -> Namespace {
    parse(&json!({ "metadata": { "name": name, "labels": { "kubernetes.io/metadata.name": name } } }))
}

fn policy(spec: &Value) -> NetworkPolicy {
    parse(&json!({ "metadata": { "namespace": "a", "name": "p" }, "spec": spec }))
}

fn parse<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|e| panic!("{value}: {e}"))
}

fn rules(policies: &[Value]) -> Vec<PodRules> {
    let policies: Vec<_> = policies.iter().map(policy).collect();
    let pods = [pod("a", "web", WEB, "n"), pod("a", "db", DB, "n"), pod("b", "web", OTHER, "n")];
    let namespaces = [namespace("a"), namespace("b")];
    pod_rules(&Objects { policies: &policies, pods: &pods, namespaces: &namespaces }, "n")
}

/// Whether a first packet passes both ends, as the chains of `nft::script` decide it.
fn passes(rules: &[PodRules], from: u8, to: u8, protocol: &str, port: u16) -> bool {
    let of = |last| rules.iter().find(|rules| rules.address == address(last));
    let end = |allows: Option<&Vec<super::rules::Allow>>, other: u8| {
        allows.is_none_or(|allows| {
            from == to
                || allows.iter().any(|allow| {
                    let peers = match &allow.peers {
                        Peers::Any => true,
                        Peers::Pods(pods) => pods.contains(&address(other)),
                        Peers::Block { cidr, except } => {
                            within(cidr, other) && !except.iter().any(|part| within(part, other))
                        }
                    };
                    let ports = allow.ports.as_ref().is_none_or(|ports| {
                        let range = ports.range.is_none_or(|(first, last)| (first..=last).contains(&port));
                        ports.protocol == protocol && range
                    });
                    peers && ports
                })
        })
    };
    end(of(from).and_then(|r| r.egress.as_ref()), to) && end(of(to).and_then(|r| r.ingress.as_ref()), from)
}

fn within(cidr: &str, last: u8) -> bool {
    let (base, length) = cidr.split_once('/').expect("a range");
    let (base, length): (Ipv4Addr, u32) = (base.parse().expect("address"), length.parse().expect("length"));
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    u32::from(base) & mask == u32::from(address(last)) & mask
}

/// A sentence, policies of namespace `a`, and flows (from, to, protocol, port) that pass or do not.
type Row = (&'static str, Vec<Value>, Vec<(u8, u8, &'static str, u16)>, Vec<(u8, u8, &'static str, u16)>);

#[test]
fn policies_allow_what_kubernetes_says_they_allow() {
    let web = json!({ "matchLabels": { "app": "web" } });
    let db = json!({ "matchLabels": { "app": "db" } });
    let b = json!({ "matchLabels": { "kubernetes.io/metadata.name": "b" } });
    let to_web =
        |ingress: Value| json!({ "podSelector": web, "policyTypes": ["Ingress"], "ingress": ingress });
    let from_web = |egress: Value| json!({ "podSelector": web, "policyTypes": ["Egress"], "egress": egress });
    let table: Vec<Row> = vec![
        (
            "without a policy everything passes",
            vec![],
            vec![(OUTSIDE, WEB, "tcp", 1), (OTHER, DB, "udp", 2)],
            vec![],
        ),
        (
            "a policy without rules isolates its pods in the directions it names, and only them",
            vec![to_web(json!([]))],
            vec![
                (WEB, DB, "tcp", 1),
                (WEB, OUTSIDE, "tcp", 1),
                (OUTSIDE, DB, "tcp", 1),
                (WEB, WEB, "tcp", 1),
                (DB, OTHER, "tcp", 1),
            ],
            vec![(DB, WEB, "tcp", 1), (OUTSIDE, WEB, "tcp", 1), (OTHER, WEB, "udp", 53)],
        ),
        (
            "a policy that names no direction is about ingress, and about egress once it has rules for it",
            vec![json!({ "podSelector": {}, "egress": [{ "ports": [{ "port": 53, "protocol": "UDP" }] }] })],
            vec![(WEB, OUTSIDE, "udp", 53)],
            vec![(WEB, OUTSIDE, "tcp", 53), (OUTSIDE, WEB, "tcp", 1), (WEB, DB, "udp", 53)],
        ),
        (
            "a pod selector alone means pods of the policy's own namespace",
            vec![json!({ "podSelector": db, "ingress": [{ "from": [{ "podSelector": web }] }] })],
            vec![(WEB, DB, "tcp", 1), (WEB, DB, "udp", 1)],
            vec![(OTHER, DB, "tcp", 1), (OUTSIDE, DB, "tcp", 1)],
        ),
        (
            "a namespace selector alone means all pods of those namespaces",
            vec![to_web(json!([{ "from": [{ "namespaceSelector": b }] }]))],
            vec![(OTHER, WEB, "tcp", 1)],
            vec![(DB, WEB, "tcp", 1), (OUTSIDE, WEB, "tcp", 1)],
        ),
        (
            "both selectors in one peer must hold together",
            vec![to_web(json!([{ "from": [{ "namespaceSelector": b, "podSelector": db }] }]))],
            vec![],
            vec![(OTHER, WEB, "tcp", 1), (DB, WEB, "tcp", 1)],
        ),
        (
            "two peers of one rule are alternatives",
            vec![to_web(json!([{ "from": [{ "namespaceSelector": b }, { "podSelector": db }] }]))],
            vec![(OTHER, WEB, "tcp", 1), (DB, WEB, "tcp", 1)],
            vec![(OUTSIDE, WEB, "tcp", 1)],
        ),
        (
            "an empty peer selector means every pod of every namespace, and nobody else",
            vec![to_web(json!([{ "from": [{ "namespaceSelector": {} }] }]))],
            vec![(OTHER, WEB, "tcp", 1), (DB, WEB, "tcp", 1)],
            vec![(OUTSIDE, WEB, "tcp", 1)],
        ),
        (
            "a block without its exceptions, whoever lives there",
            vec![to_web(
                json!([{ "from": [{ "ipBlock": { "cidr": "10.0.0.0/24", "except": ["10.0.0.0/30"] } }] }]),
            )],
            vec![(OUTSIDE, WEB, "tcp", 1)],
            vec![(DB, WEB, "tcp", 1), (OTHER, WEB, "tcp", 1)],
        ),
        (
            "ports are the receiving pod's: numbers, ranges, names, protocols",
            vec![to_web(json!([{ "ports": [
                { "port": 80 }, { "port": 90, "endPort": 95 }, { "port": "http" }, { "protocol": "UDP" }
            ] }]))],
            vec![(DB, WEB, "tcp", 80), (DB, WEB, "tcp", 95), (DB, WEB, "tcp", 8001), (DB, WEB, "udp", 7)],
            vec![(DB, WEB, "tcp", 81), (DB, WEB, "tcp", 96), (DB, WEB, "tcp", 8002), (DB, WEB, "sctp", 80)],
        ),
        (
            "a port's name is looked up in each pod that egress leads to",
            vec![from_web(json!([{ "to": [{ "namespaceSelector": {} }], "ports": [{ "port": "http" }] }]))],
            vec![(WEB, DB, "tcp", 8002), (WEB, OTHER, "tcp", 8003)],
            vec![(WEB, DB, "tcp", 8003), (WEB, OTHER, "tcp", 8002), (WEB, OUTSIDE, "tcp", 8002)],
        ),
        (
            "policies add up, and never take away",
            vec![
                to_web(json!([])),
                to_web(json!([{ "ports": [{ "port": 80 }] }])),
                to_web(json!([{ "from": [{ "podSelector": db }] }])),
            ],
            vec![(OUTSIDE, WEB, "tcp", 80), (DB, WEB, "tcp", 1)],
            vec![(OUTSIDE, WEB, "tcp", 81)],
        ),
        (
            "both ends must agree",
            vec![
                from_web(json!([{ "to": [{ "podSelector": db }] }])),
                json!({ "podSelector": db, "ingress": [{ "ports": [{ "port": 5432 }] }] }),
            ],
            vec![(WEB, DB, "tcp", 5432), (OUTSIDE, DB, "tcp", 5432)],
            vec![(WEB, DB, "tcp", 5433), (WEB, OTHER, "tcp", 5432)],
        ),
        (
            "expressions select by presence and by lists",
            vec![json!({
                "podSelector": { "matchExpressions": [
                    { "key": "app", "operator": "In", "values": ["web", "cache"] },
                    { "key": "absent", "operator": "DoesNotExist" },
                    { "key": "app", "operator": "Exists" },
                    { "key": "app", "operator": "NotIn", "values": ["db"] },
                ] },
                "ingress": [],
            })],
            vec![(OUTSIDE, DB, "tcp", 1)],
            vec![(OUTSIDE, WEB, "tcp", 1)],
        ),
    ];
    for (sentence, policies, passing, dropped) in table {
        let rules = rules(&policies);
        for (from, to, protocol, port) in passing {
            assert!(
                passes(&rules, from, to, protocol, port),
                "{sentence}: {from} → {to} {protocol} {port} is dropped"
            );
        }
        for (from, to, protocol, port) in dropped {
            assert!(
                !passes(&rules, from, to, protocol, port),
                "{sentence}: {from} → {to} {protocol} {port} passes"
            );
        }
    }
}

#[test]
fn pods_of_other_nodes_of_the_hosts_network_and_ended_ones_get_no_rules_and_are_nobodys_peers() {
    let isolate = policy(&json!({ "podSelector": {}, "ingress": [{ "from": [{ "podSelector": {} }] }] }));
    let mut host = pod("a", "host", 4, "n");
    host.spec.as_mut().expect("spec").host_network = Some(true);
    let mut ended = pod("a", "ended", 5, "n");
    ended.status.as_mut().expect("status").phase = Some("Succeeded".to_owned());
    let mut young = pod("a", "young", 6, "n");
    young.status.as_mut().expect("status").pod_ip = None;
    let pods = [host, ended, young, pod("a", "web", WEB, "n"), pod("a", "far", 7, "m")];
    let objects = Objects { policies: &[isolate], pods: &pods, namespaces: &[namespace("a")] };
    let rules = pod_rules(&objects, "n");
    assert_eq!(rules.len(), 1, "{rules:?}");
    let ingress = rules[0].ingress.as_ref().expect("it is isolated");
    assert_eq!(ingress.len(), 1);
    assert_eq!(ingress[0].peers, Peers::Pods([address(WEB), address(7)].into()));
}

#[test]
fn the_script_replaces_the_table_and_sends_each_pods_packets_through_its_chains() {
    let script = nft::script(&rules(&[json!({
        "podSelector": { "matchLabels": { "app": "web" } },
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            { "from": [{ "podSelector": { "matchLabels": { "app": "db" } } }], "ports": [{ "port": 80 }] },
            { "from": [{ "ipBlock": { "cidr": "10.1.0.0/16", "except": ["10.1.2.0/24"] } }], "ports": [{ "port": 90, "endPort": 95 }] },
            { "from": [{ "podSelector": { "matchLabels": { "app": "nobody" } } }] },
        ],
        "egress": [{ "ports": [{ "port": 53, "protocol": "UDP" }, { "protocol": "TCP" }] }],
    })]));
    let expected = "\
add table ip network-policies
delete table ip network-policies
table ip network-policies {
  # a/web
  chain to-10-0-0-1 {
    ip saddr 10.0.0.1 return
    ip saddr { 10.0.0.2 } tcp dport 80 return
    ip saddr 10.1.0.0/16 ip saddr != 10.1.2.0/24 tcp dport 90-95 return
    drop
  }
  # a/web
  chain from-10-0-0-1 {
    ip daddr 10.0.0.1 return
    meta l4proto tcp return
    udp dport 53 return
    drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state established,related accept
    ip saddr vmap { 10.0.0.1 : jump from-10-0-0-1 }
    ip daddr vmap { 10.0.0.1 : jump to-10-0-0-1 }
  }
}
";
    assert_eq!(script, expected);
}
