//! The node's one configuration file, JSON: rendered by the operator, parsed by the node, from these structs.
//!
//! Unknown fields are refused, so that a typing error cannot silently fall back to a default. Secrets never stand in
//! it: keys are named by the path of the file that holds them, or by their name in a vault.

mod azure;
mod fence;
mod history;
mod rpc;
mod standby;

pub use azure::{AzureConfig, VaultObject};
pub use fence::{FenceConfig, FenceStore, LEASE_MS};
pub use history::{HISTORY_BLOCKS, History, HistoryError, MIN_HISTORY_BLOCKS};
pub use rpc::{RPC_NAMESPACES, RpcAccess, RpcConfig, RpcLimits, RpcPort, RpcTls, RpcTransport};
pub use standby::{MAX_STANDBY_FOR, StandbyError};

use crate::{
    client::{ClientProfile, ProfileOverrides},
    enode::{Enode, EnodeError},
};
use alloc::{format, string::String, vec::Vec};
use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// Version of the format; a node refuses any other.
pub const CONFIG_VERSION: u32 = 1;

/// Port of JSON-RPC over HTTP and WebSocket.
pub const RPC_PORT: u16 = 8545;
/// Port of devp2p.
pub const P2P_PORT: u16 = 30303;
/// Port of `/livez`, `/readyz`, `/metrics` and `/status`.
pub const METRICS_PORT: u16 = 9545;

/// Everything a node is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeConfig {
    /// [`CONFIG_VERSION`].
    pub version: u32,
    /// Which chain.
    pub network: NetworkConfig,
    /// The identity this node votes with; absent for observers and spares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityConfig>,
    /// What a spare stands by for: it takes over one of these whose holder is gone, and holds one at a time. At most
    /// [`MAX_STANDBY_FOR`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub standby_for: Vec<IdentityConfig>,
    /// Who this node is to Azure; absent where it needs nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure: Option<AzureConfig>,
    /// Peering.
    pub p2p: P2pConfig,
    /// JSON-RPC; absent for a node that answers nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpc: Option<RpcConfig>,
    /// Address of `/livez`, `/readyz`, `/metrics`, `/status`.
    pub metrics: MetricsConfig,
    /// Directory of the chain database and the journals.
    pub data_dir: String,
    /// How far back the state of old blocks is kept; [`HISTORY_BLOCKS`] when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
}

/// Which chain the node belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkConfig {
    /// EIP-155 chain id; must equal the genesis file's.
    pub chain_id: u64,
    /// Hash that the genesis file must have.
    pub genesis_hash: B256,
    /// Path of the genesis file.
    pub genesis: String,
    /// Network id of the `eth` handshake, where it is not the chain id (GoQuorum's `--networkid`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_id: Option<u64>,
    /// The clients of the network; by default those the genesis file was written for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ClientProfile>,
    /// Where the network differs from its profile.
    #[serde(default, skip_serializing_if = "ProfileOverrides::is_empty")]
    pub overrides: ProfileOverrides,
}

impl NetworkConfig {
    /// A chain without anything said of its clients: the genesis says it.
    #[must_use]
    pub fn new(chain_id: u64, genesis_hash: B256, genesis: String) -> Self {
        Self {
            chain_id,
            genesis_hash,
            genesis,
            network_id: None,
            profile: None,
            overrides: ProfileOverrides::default(),
        }
    }

    /// Network id of the `eth` handshake.
    #[must_use]
    pub fn eth_network_id(&self) -> u64 {
        self.network_id.unwrap_or(self.chain_id)
    }
}

/// An identity and where its key and journal are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentityConfig {
    /// Address that the key must have; another key is refused.
    pub address: Address,
    /// Admin account of the member the identity belongs to; seat proofs are made out to it. Absent on networks without
    /// our governance contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Address>,
    /// Where signatures come from.
    pub signer: SignerConfig,
    /// What to do about the vote journal.
    pub journal: JournalConfig,
    /// Which node votes, where several have the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<FenceConfig>,
}

/// Where an identity's signatures come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum SignerConfig {
    /// A file with the 32-byte key as 64 hex digits.
    File {
        /// Its path.
        path: String,
    },
    /// A key that never leaves Azure Key Vault: each signature is asked for there.
    AzureKeyVaultKey(VaultObject),
    /// A secret of Azure Key Vault, 64 hex digits, that the node reads into its memory when it starts.
    AzureKeyVaultSecret(VaultObject),
}

impl SignerConfig {
    /// What it names in a vault.
    #[must_use]
    pub const fn vault_object(&self) -> Option<&VaultObject> {
        match self {
            Self::File { .. } => None,
            Self::AzureKeyVaultKey(object) | Self::AzureKeyVaultSecret(object) => Some(object),
        }
    }
}

/// A lost journal is not a first start: what the operator knows about this identity's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum JournalConfig {
    /// The identity never had a journal: make one and vote at once.
    Initialise,
    /// The identity's journal has this id. A node that finds none, or another, sits out until the chain has
    /// finalised past anything it could have signed, then goes on with a new journal.
    Require {
        /// The journal's id.
        id: B256,
    },
    /// As `require`, but a person took the risk that some lost journals held votes for the current height: where one
    /// of these is what is missing, vote at once.
    AcceptLoss {
        /// The journal's id.
        id: B256,
        /// Ids of the journals given up. Whatever takes the place of one of them has another id, so this holds once.
        lost: Vec<B256>,
    },
}

/// Peering. `peers`, `admission`, `readOnlySlots` and `advertise` are followed by a running node when the file changes; all
/// else, here and in the rest of the file, is read when a node starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct P2pConfig {
    /// File with the node's p2p key, 64 hex digits.
    pub key: String,
    /// `address:port` to listen on.
    pub listen: String,
    /// Peers to keep a connection to, for as long as they stand here.
    pub peers: Vec<Enode>,
    /// Peers beside those, at most.
    #[serde(default = "default_max_peers")]
    pub max_peers: u16,
    /// Whom a network with our governance contract lets in.
    #[serde(default, skip_serializing_if = "Admission::is_open")]
    pub admission: Admission,
    /// Strangers that may read at once where admission is open.
    #[serde(default = "default_read_only_slots", skip_serializing_if = "is_default_read_only_slots")]
    pub read_only_slots: u16,
    /// `host:port` where nodes of other members can dial this one, announced with its seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertise: Option<String>,
    /// Versions of `eth` to offer; every one that the node speaks when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub eth_versions: Vec<u8>,
}

impl P2pConfig {
    /// Whether others could dial what they are told: they drop who announces a place that is none.
    pub fn check_advertise(&self) -> Result<(), EnodeError> {
        let Some(place) = &self.advertise else { return Ok(()) };
        let nobody = alloy_primitives::hex::encode(alloy_primitives::B512::ZERO);
        format!("enode://{nobody}@{place}").parse::<Enode>().map(|_| ())
    }
}

/// Who may peer beside static peers, once the governance contract names node ids (ADR 33).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Admission {
    /// The network's nodes, and a few strangers that read before they are admitted.
    #[default]
    Open,
    /// The network's nodes.
    Members,
}

impl Admission {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    const fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }
}

/// Read-only slots of a node that is not told otherwise.
pub const READ_ONLY_SLOTS: u16 = 10;

const fn default_read_only_slots() -> u16 {
    READ_ONLY_SLOTS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_default_read_only_slots(slots: &u16) -> bool {
    *slots == READ_ONLY_SLOTS
}

const fn default_max_peers() -> u16 {
    50
}

/// Health, metrics and status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricsConfig {
    /// `address:port` to listen on.
    pub listen: String,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not JSON of this shape; says line and column.
    #[error("configuration is not valid: {0}; compare it with the one the operator rendered")]
    Parse(#[from] serde_json::Error),
    /// Written for another version.
    #[error(
        "configuration has version {got}, this node reads version {want}; use matching operator and node images"
    )]
    Version {
        /// Found.
        got: u32,
        /// [`CONFIG_VERSION`].
        want: u32,
    },
}

/// What every version of the file has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl NodeConfig {
    /// Checks the version, then parses: another version's unknown fields would hide what is wrong.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let Versioned { version } = serde_json::from_str(text)?;
        if version == CONFIG_VERSION {
            Ok(serde_json::from_str(text)?)
        } else {
            Err(ConfigError::Version { got: version, want: CONFIG_VERSION })
        }
    }

    /// The file's text, the same for the same value.
    pub fn to_json(&self) -> Result<String, ConfigError> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
