//! Identities that several nodes have: real processes, stopped, killed and woken, over a store of their records.

mod lock;
mod lost;
mod pair;
mod spares;

use crate::support::{
    network::{Node, TestNetwork},
    wait_for,
};
use alloy_primitives::Address;
use chain::{
    config::{FenceConfig, FenceStore, IdentityConfig, JournalConfig},
    status::FenceRole,
};
use std::env;

/// Short, so that many take-overs fit into a trial.
const LEASE_MS: u64 = 2_000;

fn named(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run make failover"))
}

/// A Lease of a real API server, which is there already.
pub(crate) fn api_server(name: &str) -> FenceStore {
    FenceStore::KubernetesLease {
        server: named("FENCE_SERVER"),
        namespace: "fence".into(),
        name: name.into(),
        token_file: named("FENCE_TOKEN"),
        ca_file: named("FENCE_CA"),
    }
}

fn fence(store: FenceStore, holder: usize) -> FenceConfig {
    FenceConfig {
        store,
        holder: format!("node-{holder}"),
        preferred: false,
        initialise: false,
        lease_ms: LEASE_MS,
    }
}

/// Gives the identity of this node a record in the store: the node makes it.
fn fence_own(node: &Node, index: usize, store: FenceStore, preferred: bool) {
    node.edit_config(|config| {
        let fence = FenceConfig { preferred, initialise: true, ..fence(store, index) };
        config.identity.as_mut().unwrap().fence = Some(fence);
    });
}

/// Makes a node a spare of these identities.
fn make_spare(network: &TestNetwork, spare: usize, of: &[(usize, FenceStore)]) {
    let stands_by = |(node, store): &(usize, FenceStore)| IdentityConfig {
        fence: Some(fence(store.clone(), spare)),
        journal: JournalConfig::Initialise,
        ..network.nodes[*node].read_config().identity.unwrap()
    };
    let standby_for = of.iter().map(stands_by).collect();
    network.nodes[spare].edit_config(|config| (config.identity, config.standby_for) = (None, standby_for));
}

fn address(node: &Node) -> Address {
    node.read_config().identity.unwrap().address
}

fn role(node: &Node) -> Option<FenceRole> {
    Some(node.status()?.identity?.fence?.role)
}

/// The identity that the node votes with, being its holder.
fn votes(node: &Node) -> Option<Address> {
    let identity = node.status()?.identity?;
    (identity.voting && identity.fence?.role == FenceRole::Holder).then_some(identity.address)
}

/// Which of these nodes votes with the identity.
fn wait_holder(network: &TestNetwork, identity: Address, among: &[usize]) -> usize {
    wait_for("a holder that votes", || {
        among
            .iter()
            .copied()
            .find(|node| network.nodes[*node].is_running() && votes(&network.nodes[*node]) == Some(identity))
    })
}

/// Of all messages that these nodes were sent, those that contradict another of the same seat.
fn equivocations(network: &TestNetwork, seen_by: &[usize]) -> u64 {
    let counted = seen_by.iter().filter_map(|node| {
        let (_, text) = network.nodes[*node].get("/metrics")?;
        let line = text.lines().find(|line| {
            line.starts_with("quorate_messages_rejected_total") && line.contains("\"equivocation\"")
        })?;
        line.split_whitespace().last()?.parse::<u64>().ok()
    });
    counted.sum()
}
