//! `node.json`, rendered from the structs that the node parses.

use super::{
    network_info::{endpoint, enode},
    owned,
};
use crate::{
    api::{self, validator::Role},
    genesis::StoredGenesis,
    names::{
        API_CA, API_DIR, API_SERVER, API_TOKEN, AZURE_DIR, AZURE_TOKEN, CONFIG_DIR, DATA_DIR, FLEET,
        GENESIS_DIR, GENESIS_FILE, IDENTITIES_DIR, IDENTITY_DIR, NETWORK, NODE, NODE_FILE, NodeName, P2P_DIR,
        SECRET_KEY, labels,
    },
    observed::{PeerNode, StoredKey},
    validate::{FenceStore, FleetFence, ValidFleet, fence_blob},
    vault::{Home, KeyPlace},
};
use alloy_primitives::{B256, keccak256};
use chain::{
    config::{
        Admission, AzureConfig, CONFIG_VERSION, ConfigError, FenceConfig, IdentityConfig, JournalConfig,
        METRICS_PORT, MetricsConfig, NetworkConfig, NodeConfig, P2P_PORT, P2pConfig, READ_ONLY_SLOTS,
        RPC_PORT, RpcConfig, SignerConfig, VaultObject,
    },
    enode::Enode,
};
use k8s_openapi::api::core::v1::ConfigMap;
use std::collections::BTreeMap;

const MAX_PEERS: u16 = 50;

/// What a node's configuration is made from, beside the fleet.
#[derive(Clone, Copy, Debug)]
pub struct ConfigInputs<'a> {
    /// The node.
    pub name: &'a NodeName,
    /// The network.
    pub genesis: &'a StoredGenesis,
    /// Its identity, unless it observes or is a spare.
    pub identity: Option<&'a StoredKey>,
    /// Identities that a spare stands by for, with the nodes that they belong to.
    pub standby_for: &'a [(NodeName, StoredKey)],
    /// All nodes of the network in this namespace.
    pub peers: &'a [PeerNode],
    /// Nodes of other members, as they have published them.
    pub bootnodes: &'a [Enode],
    /// Who may peer.
    pub admission: api::PeerAdmission,
}

impl ConfigInputs<'_> {
    /// A spare carries the seat whose identity it holds.
    fn spare(&self) -> Option<()> {
        self.name.is_spare().then_some(())
    }
}

/// A node's configuration.
#[must_use]
pub fn node_config(fleet: &ValidFleet, inputs: &ConfigInputs<'_>) -> NodeConfig {
    let identity = inputs.identity.filter(|_| fleet.role == Role::Validator).map(|stored| IdentityConfig {
        address: stored.key.address,
        member: Some(inputs.genesis.member),
        signer: signer(stored, || format!("{IDENTITY_DIR}/{SECRET_KEY}")),
        journal: journal(stored, &fleet.accept_journal_loss),
        fence: of_original(fleet, inputs, stored),
    });
    let standby_for = inputs.standby_for.iter().filter_map(|(node, stored)| {
        let fence = fleet.fence.as_ref()?;
        Some(IdentityConfig {
            address: stored.key.address,
            member: Some(inputs.genesis.member),
            signer: signer(stored, || format!("{IDENTITIES_DIR}/{node}/{SECRET_KEY}")),
            // What it voted for is in the identity's record; its own journal is on none.
            journal: JournalConfig::Initialise,
            fence: Some(FenceConfig {
                preferred: false,
                initialise: false,
                ..fence_config(fleet, fence, inputs, (node, stored))
            }),
        })
    });
    let others = inputs.peers.iter().filter(|peer| peer.name != *inputs.name);
    // Another member may have named our own nodes too: they are dialled by the names of this namespace.
    let own = |enode: &&Enode| inputs.peers.iter().any(|peer| peer.node_id == enode.id);
    let bootnodes = inputs.bootnodes.iter().filter(|enode| !own(enode));
    NodeConfig {
        version: CONFIG_VERSION,
        network: NetworkConfig::new(
            inputs.genesis.chain_id,
            inputs.genesis.hash,
            format!("{GENESIS_DIR}/{GENESIS_FILE}"),
        ),
        identity,
        standby_for: standby_for.collect(),
        azure: azure(fleet),
        p2p: P2pConfig {
            key: format!("{P2P_DIR}/{SECRET_KEY}"),
            listen: format!("0.0.0.0:{P2P_PORT}"),
            peers: others.map(|peer| enode(&fleet.namespace, peer)).chain(bootnodes.cloned()).collect(),
            max_peers: MAX_PEERS,
            admission: match inputs.admission {
                api::PeerAdmission::Open => Admission::Open,
                api::PeerAdmission::Members => Admission::Members,
            },
            read_only_slots: READ_ONLY_SLOTS,
            advertise: seat_endpoint(fleet, inputs),
            eth_versions: Vec::new(),
        },
        rpc: Some(RpcConfig::new(format!("0.0.0.0:{RPC_PORT}"), fleet.namespaces.clone())),
        metrics: MetricsConfig { listen: format!("0.0.0.0:{METRICS_PORT}") },
        data_dir: DATA_DIR.to_owned(),
        history: fleet.history,
    }
}

/// A key in a vault is used in the one version that is on record.
fn signer(stored: &StoredKey, file: impl FnOnce() -> String) -> SignerConfig {
    let Some(id) = &stored.vault else {
        return SignerConfig::File { path: file() };
    };
    let KeyPlace { vault, home, name } = &id.place;
    let object = VaultObject { vault_url: vault.clone(), name: name.clone(), version: id.version.clone() };
    match home {
        Home::Key => SignerConfig::AzureKeyVaultKey(object),
        Home::Secret => SignerConfig::AzureKeyVaultSecret(object),
    }
}

/// The identity's own node. A first record is made where there has been none, and only where the identity belongs: of the clusters that
/// share it one.
fn of_original(fleet: &ValidFleet, inputs: &ConfigInputs<'_>, stored: &StoredKey) -> Option<FenceConfig> {
    let fence = fleet.fence.as_ref()?;
    Some(FenceConfig {
        preferred: fence.preferred,
        initialise: fence.preferred && !stored.recorded,
        ..fence_config(fleet, fence, inputs, (inputs.name, stored))
    })
}

fn fence_config(
    fleet: &ValidFleet,
    fence: &FleetFence,
    inputs: &ConfigInputs<'_>,
    (node, stored): (&NodeName, &StoredKey),
) -> FenceConfig {
    let identity = stored.key.address;
    let store = match &fence.store {
        FenceStore::Leases => chain::config::FenceStore::KubernetesLease {
            server: API_SERVER.to_owned(),
            namespace: fleet.namespace.clone(),
            name: node.lease(identity),
            token_file: format!("{API_DIR}/{API_TOKEN}"),
            ca_file: format!("{API_DIR}/{API_CA}"),
        },
        FenceStore::Blobs(container) => chain::config::FenceStore::AzureBlob {
            container_url: container.url.clone(),
            blob: fence_blob(inputs.genesis.hash, identity),
        },
    };
    FenceConfig {
        store,
        holder: fence.holder(inputs.name),
        preferred: false,
        initialise: false,
        lease_ms: fence.lease_ms,
    }
}

/// Who the node is to Azure: nothing of it comes from its environment.
fn azure(fleet: &ValidFleet) -> Option<AzureConfig> {
    let token_file = || format!("{AZURE_DIR}/{AZURE_TOKEN}");
    let access = fleet.fence.as_ref().and_then(FleetFence::container).and_then(|of| of.access.as_ref());
    if let Some(access) = access {
        return Some(access.config(token_file()));
    }
    let vault = fleet.keys.vault().filter(|_| fleet.role == Role::Validator)?;
    Some(AzureConfig {
        tenant_id: vault.tenant_id.clone(),
        client_id: vault.client_id.clone(),
        token_file: token_file(),
        authority_host: vault.authority_host.clone(),
        ca_bundle: vault.ca_bundle.clone(),
    })
}

/// Where other members dial the node that carries a seat: it says so itself, to all, so they find it without who introduced them.
fn seat_endpoint(fleet: &ValidFleet, inputs: &ConfigInputs<'_>) -> Option<String> {
    inputs.identity.filter(|_| fleet.role == Role::Validator).map(drop).or_else(|| inputs.spare())?;
    let own = inputs.peers.iter().find(|peer| peer.name == *inputs.name)?;
    Some(endpoint(&fleet.namespace, own))
}

fn journal(stored: &StoredKey, lost: &[B256]) -> JournalConfig {
    match stored.journal {
        None => JournalConfig::Initialise,
        Some(id) if lost.is_empty() => JournalConfig::Require { id },
        Some(id) => JournalConfig::AcceptLoss { id, lost: lost.to_vec() },
    }
}

pub(super) fn config_map(
    fleet: &ValidFleet,
    name: &NodeName,
    config: &NodeConfig,
) -> Result<ConfigMap, ConfigError> {
    let node = name.to_string();
    let labels = labels([
        (NETWORK, fleet.consortium.0.as_str()),
        (FLEET, fleet.name.0.as_str()),
        (NODE, node.as_str()),
    ]);
    Ok(ConfigMap {
        metadata: owned(fleet, name.config(), labels),
        data: Some(BTreeMap::from([(NODE_FILE.to_owned(), config.to_json()?)])),
        ..ConfigMap::default()
    })
}

/// Hash of what only a restart brings into force. Peers and the advertised place are left out: a running node follows the
/// mounted file in them. So are the journal and whether a first record is to be made, which are looked at only when a process starts.
pub(super) fn start_hash(config: &NodeConfig) -> Result<String, ConfigError> {
    let mut config = config.clone();
    config.p2p.peers.clear();
    config.p2p.advertise = None;
    if let Some(identity) = config.identity.as_mut() {
        identity.journal = JournalConfig::Initialise;
        if let Some(fence) = identity.fence.as_mut() {
            fence.initialise = false;
        }
    }
    let hash = keccak256(config.to_json()?);
    Ok(alloy_primitives::hex::encode(&hash[..8]))
}

/// Path of the file in the container.
pub(super) fn path() -> String {
    format!("{CONFIG_DIR}/{NODE_FILE}")
}
