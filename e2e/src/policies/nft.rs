//! Rules as one transaction of `nft -f`: the table is replaced whole, no packet sees half of it.

use super::rules::{Allow, Peers, PodRules};
use std::{fmt::Write as _, net::Ipv4Addr};

const TABLE: &str = "network-policies";

/// The whole table; without rules an empty one.
#[must_use]
pub fn script(pods: &[PodRules]) -> String {
    // Adding first makes the deletion succeed on a node that has no table yet.
    let mut text = format!("add table ip {TABLE}\ndelete table ip {TABLE}\ntable ip {TABLE} {{\n");
    for pod in pods {
        let own = pod.address;
        if let Some(allows) = &pod.ingress {
            chain(&mut text, &ingress_chain(own), &pod.name, "saddr", own, allows);
        }
        if let Some(allows) = &pod.egress {
            chain(&mut text, &egress_chain(own), &pod.name, "daddr", own, allows);
        }
    }
    text += "  chain forward {\n    type filter hook forward priority filter; policy accept;\n";
    text += "    ct state established,related accept\n";
    dispatch(&mut text, "saddr", pods.iter().filter(|pod| pod.egress.is_some()), egress_chain);
    dispatch(&mut text, "daddr", pods.iter().filter(|pod| pod.ingress.is_some()), ingress_chain);
    text += "  }\n}\n";
    text
}

/// Who is allowed returns to `forward`, where the other end's rules are next; the rest is dropped. `other` is the field
/// with the other end's address. A pod always reaches itself.
fn chain(text: &mut String, name: &str, pod: &str, other: &str, own: Ipv4Addr, allows: &[Allow]) {
    let _ = writeln!(text, "  # {pod}\n  chain {name} {{\n    ip {other} {own} return");
    for allow in allows {
        // A selector that selects nobody allows nothing.
        if let Some(peers) = peers(&allow.peers, other) {
            let _ = writeln!(text, "    {peers}{}return", ports(allow));
        }
    }
    let _ = writeln!(text, "    drop\n  }}");
}

fn peers(peers: &Peers, other: &str) -> Option<String> {
    match peers {
        Peers::Any => Some(String::new()),
        Peers::Pods(pods) if pods.is_empty() => None,
        Peers::Pods(pods) => {
            let listed: Vec<_> = pods.iter().map(ToString::to_string).collect();
            Some(format!("ip {other} {{ {} }} ", listed.join(", ")))
        }
        Peers::Block { cidr, except } => {
            let mut text = format!("ip {other} {cidr} ");
            for part in except {
                let _ = write!(text, "ip {other} != {part} ");
            }
            Some(text)
        }
    }
}

fn ports(allow: &Allow) -> String {
    let Some(ports) = &allow.ports else { return String::new() };
    match ports.range {
        None => format!("meta l4proto {} ", ports.protocol),
        Some((first, last)) if first == last => format!("{} dport {first} ", ports.protocol),
        Some((first, last)) => format!("{} dport {first}-{last} ", ports.protocol),
    }
}

fn dispatch<'a>(
    text: &mut String,
    field: &str,
    pods: impl Iterator<Item = &'a PodRules>,
    chain: fn(Ipv4Addr) -> String,
) {
    let verdicts: Vec<_> = pods.map(|pod| format!("{} : jump {}", pod.address, chain(pod.address))).collect();
    if !verdicts.is_empty() {
        let _ = writeln!(text, "    ip {field} vmap {{ {} }}", verdicts.join(", "));
    }
}

fn ingress_chain(address: Ipv4Addr) -> String {
    format!("to-{}", address.to_string().replace('.', "-"))
}

fn egress_chain(address: Ipv4Addr) -> String {
    format!("from-{}", address.to_string().replace('.', "-"))
}
