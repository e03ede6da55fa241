//! Network info: what a joiner needs, in a ConfigMap, signed by the shell with the operator account's key.

use super::{owned_by_consortium, service::p2p_port};
use crate::{
    genesis::StoredGenesis,
    names::{LEARNED_FILE, NETWORK_INFO_FILE},
    network_info::Learned,
    observed::PeerNode,
    validate::ValidConsortium,
};
use alloy_primitives::Address;
use chain::{
    config::P2P_PORT,
    enode::Enode,
    governance::GOVERNANCE,
    network_info::{NETWORK_INFO_VERSION, NetworkInfo},
};
use k8s_openapi::api::core::v1::ConfigMap;
use std::collections::BTreeMap;

/// Nodes named at most: enough to find the others, and a bound on the document.
const BOOTNODES: usize = 16;

/// The document without its signature.
#[must_use]
pub fn unsigned_network_info(
    namespace: &str,
    genesis: &StoredGenesis,
    peers: &[PeerNode],
    publisher: Address,
    issued_at: u64,
) -> NetworkInfo {
    NetworkInfo {
        version: NETWORK_INFO_VERSION,
        chain_id: genesis.chain_id,
        genesis_hash: genesis.hash,
        genesis: genesis.text.clone(),
        governance: GOVERNANCE,
        bootnodes: peers.iter().take(BOOTNODES).map(|peer| advertised(namespace, peer)).collect(),
        publisher,
        issued_at,
        signature: None,
    }
}

/// Where other members dial a node: at its fleet's load balancer, if it has one, else by its name, which every namespace of
/// the cluster resolves.
pub(super) fn advertised(namespace: &str, peer: &PeerNode) -> Enode {
    match &peer.outside {
        Some(host) => Enode { id: peer.node_id, host: host.clone(), port: p2p_port(peer.name.index) },
        None => enode(namespace, peer),
    }
}

/// The same as `host:port`.
#[must_use]
pub fn endpoint(namespace: &str, peer: &PeerNode) -> String {
    let Enode { host, port, .. } = advertised(namespace, peer);
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Where the nodes of this namespace dial each other.
#[must_use]
pub(super) fn enode(namespace: &str, peer: &PeerNode) -> Enode {
    Enode { id: peer.node_id, host: peer.name.host(namespace), port: P2P_PORT }
}

/// The ConfigMap that keeps what other members have published.
pub fn learned(consortium: &ValidConsortium, learned: &Learned) -> Result<ConfigMap, serde_json::Error> {
    Ok(ConfigMap {
        metadata: owned_by_consortium(consortium, consortium.name.learned()),
        data: Some(BTreeMap::from([(LEARNED_FILE.to_owned(), learned.to_json()?)])),
        ..ConfigMap::default()
    })
}

/// The ConfigMap that publishes a signed document.
pub fn network_info(
    consortium: &ValidConsortium,
    info: &NetworkInfo,
) -> Result<ConfigMap, serde_json::Error> {
    let text = serde_json::to_string_pretty(info)?;
    Ok(ConfigMap {
        metadata: owned_by_consortium(consortium, consortium.name.network_info()),
        data: Some(BTreeMap::from([(NETWORK_INFO_FILE.to_owned(), text)])),
        ..ConfigMap::default()
    })
}
